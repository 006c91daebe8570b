// SPDX-License-Identifier: GPL-2.0

//! The command that carries data for the vendor's driver on the host.

use super::{
    private_data::PrivateData,
    put,
    Command,
    Opcode, //
};
use crate::{
    transport::ReplyBuffer,
    wire::{
        Handle,
        InterfaceVersion, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct EscapeHead {
    adapter: Handle,
    device: Handle,
    escape_type: u32,
    flags: u32,
    priv_drv_data_size: u32,
    context: Handle,
}

static_assert!(size_of::<EscapeHead>() == 48 - 24);

/// Bytes after the data. The request has the size of a structure with one byte of data, rounded up
/// to 8, plus the data.
const SLACK: usize = 7;

/// Command ESCAPE: sends data to the vendor's driver. The reply has the same length and no status:
/// a host that refuses sends a shorter one.
pub(crate) struct Escape<F> {
    /// The host's handle of the adapter.
    pub(crate) adapter: Handle,
    /// Device, as given by the user.
    pub(crate) device: Handle,
    /// Receiver of the data.
    pub(crate) escape_type: u32,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Context, as given by the user.
    pub(crate) context: Handle,
    /// Length of the data in bytes.
    pub(crate) data_size: u32,
    /// Writes the data.
    pub(crate) data: F,
}

impl<F: FnMut(&mut [u8]) -> Result> Command for Escape<F> {
    const OPCODE: Opcode = Opcode::Vgpu(13);
    const ECHO: bool = true;

    type Reply = PrivateData;

    fn body_len(&self) -> usize {
        // CAST: `usize` has at least 32 bits.
        size_of::<EscapeHead>() + self.data_size as usize + SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = EscapeHead {
            adapter: self.adapter,
            device: self.device,
            escape_type: self.escape_type,
            flags: self.flags,
            priv_drv_data_size: self.data_size,
            context: self.context,
        };
        let end = body.len().checked_sub(SLACK).ok_or(EINVAL)?;

        put(body, &head)?;
        (self.data)(body.get_mut(size_of::<EscapeHead>()..end).ok_or(EINVAL)?)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        // CAST: `usize` has at least 32 bits.
        self.data_size as usize
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<PrivateData> {
        PrivateData::new(reply, 0, self.data_size)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_escape)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    fn escape(data_size: u32) -> Escape<impl FnMut(&mut [u8]) -> Result> {
        Escape {
            adapter: Handle::from_raw(1),
            device: Handle::from_raw(2),
            escape_type: 3,
            flags: 4,
            context: Handle::from_raw(5),
            data_size,
            data: |bytes: &mut [u8]| {
                bytes.fill(0xA5);
                Ok(())
            },
        }
    }

    #[test]
    fn there() -> Result {
        let message = encode(envelope(40), HostProcess::GUEST, &mut escape(2))?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 57);
        assert_eq!(take_at::<u32>(bytes, 16)?, 13);
        assert_eq!(take_at::<[u32; 6]>(bytes, 24)?, [1, 2, 3, 4, 2, 5]);
        assert_eq!(bytes[48..50], [0xA5; 2]);
        assert_eq!(bytes[50..], [0; 7]);
        Ok(())
    }

    #[test]
    fn sizes() {
        for (version, size, fits) in [
            (40, 0, true),
            (40, 131_001, true),
            (40, 131_002, false),
            (40, u32::MAX, false),
            (27, 131_017, true),
            (27, 131_018, false),
        ] {
            let result = encode(envelope(version), HostProcess::GUEST, &mut escape(size));

            assert_eq!(result.is_ok(), fits);
        }
    }

    #[test]
    fn and_back() -> Result {
        let rig = Rig::new()?;
        let ask = |size, reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?
                .call(HostProcess::GUEST, escape(size), LONG)
        };

        assert_eq!(ask(3, &[1, 2, 3, 0, 0, 0, 0, 0])?.bytes(), [1, 2, 3]);
        assert_eq!(ask(0, &[])?.bytes(), []);
        for short in [&[1, 2][..], &[]] {
            assert_eq!(ask(3, short).err().map(|error| error.to_errno()), Some(-75));
        }
        Ok(())
    }
}
