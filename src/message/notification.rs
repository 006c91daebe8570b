// SPDX-License-Identifier: GPL-2.0

//! Notifications, which the host sends unasked on the global channel.

use super::{
    take,
    take_at,
    CommandHeader,
    COMMAND_HEADER, //
};
use kernel::prelude::*;
use zerocopy::FromZeros;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

const SIGNAL_GUEST_EVENT: u32 = 0;
const PROPAGATE_PRESENT_HISTORY_TOKEN: u32 = 1;
const SET_GUEST_DATA: u32 = 2;
const SIGNAL_GUEST_EVENT_PASSIVE: u32 = 3;
const SEND_WNF_NOTIFICATION: u32 = 4;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SignalGuestEventBody {
    event: u64,
    process_id: u64,
    dereference_event: u8,
    padding: [u8; 7],
}

static_assert!(size_of::<SignalGuestEventBody>() == 48 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SetGuestDataBody {
    cookie: u64,
    data: u32,
    data_high: u32,
    /// Bit 0: dereference. Bits 1 to 4: type of the data, 0 for 32 bits.
    flags: u32,
    padding: u32,
}

static_assert!(size_of::<SetGuestDataBody>() == 48 - 24);

/// A parsed notification.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notification {
    /// The guest event with this id was signalled.
    Event(u64),
    /// The execution state of the device with this cookie has changed.
    DeviceState(u64),
    /// The notification does not concern this driver.
    Ignored,
}

/// Parses a notification.
///
/// # Errors
///
/// `EOVERFLOW` if it is too short, `EINVAL` if its type is unknown.
pub(crate) fn parse(payload: &[u8]) -> Result<Notification> {
    let header = take::<CommandHeader>(payload)?;

    Ok(match header.command_type {
        SIGNAL_GUEST_EVENT | SIGNAL_GUEST_EVENT_PASSIVE => {
            let body = take_at::<SignalGuestEventBody>(payload, COMMAND_HEADER)?;

            Notification::Event(body.event)
        }
        SET_GUEST_DATA => {
            // The body may be shorter: missing fields are zero.
            let mut body = SetGuestDataBody::new_zeroed();

            for (place, byte) in body
                .as_mut_bytes()
                .iter_mut()
                .zip(payload.iter().skip(COMMAND_HEADER))
            {
                *place = *byte;
            }

            // Only the counter of state changes may be set by a host.
            if (body.flags >> 1) & 0xF == 0 && body.data != 0 {
                Notification::DeviceState(body.cookie)
            } else {
                Notification::Ignored
            }
        }
        PROPAGATE_PRESENT_HISTORY_TOKEN | SEND_WNF_NOTIFICATION => Notification::Ignored,
        _ => return Err(EINVAL),
    })
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_notifications)]
mod tests {
    use super::*;

    /// Makes a notification of 48 bytes: its type, and the body in words.
    fn notification(kind: u32, body: [u32; 6]) -> [u8; 48] {
        let mut bytes = [0; 48];

        bytes[16..20].copy_from_slice(&kind.to_le_bytes());
        for (place, word) in bytes[24..].chunks_exact_mut(4).zip(body) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn events() -> Result {
        for kind in [0, 3] {
            let bytes = notification(kind, [7, 1, 2, 3, 1, 0]);

            assert_eq!(parse(&bytes)?, Notification::Event(0x1_0000_0007));
        }
        Ok(())
    }

    #[test]
    fn device_states() -> Result {
        let parsed = |data, flags| parse(&notification(2, [9, 0, data, 0, flags, 0]));

        assert_eq!(parsed(1, 0)?, Notification::DeviceState(9));
        assert_eq!(parsed(1, 1)?, Notification::DeviceState(9));
        assert_eq!(parsed(0, 0)?, Notification::Ignored);
        assert_eq!(parsed(1, 1 << 1)?, Notification::Ignored);
        Ok(())
    }

    #[test]
    fn others() -> Result {
        assert_eq!(parse(&notification(1, [0; 6]))?, Notification::Ignored);
        assert_eq!(parse(&notification(4, [0; 6]))?, Notification::Ignored);
        for kind in [5, 1000, u32::MAX] {
            assert!(parse(&notification(kind, [0; 6])).is_err());
        }
        Ok(())
    }

    #[test]
    fn short_ones() -> Result {
        for kind in [0, 3] {
            let bytes = notification(kind, [1; 6]);

            for length in [0, 16, 23, 24, 40, 47] {
                assert!(parse(&bytes[..length]).is_err());
            }
        }

        let bytes = notification(2, [9, 0, 1, 0, 0, 0]);

        for length in [0, 16, 23] {
            assert!(parse(&bytes[..length]).is_err());
        }
        // Without data, or with the fields that count.
        for length in [24, 32] {
            assert_eq!(parse(&bytes[..length])?, Notification::Ignored);
        }
        for length in [33, 36, 40, 44, 47] {
            assert_eq!(parse(&bytes[..length])?, Notification::DeviceState(9));
        }
        assert!(parse(&notification(4, [0; 6])[..24]).is_ok());
        Ok(())
    }
}
