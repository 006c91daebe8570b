// SPDX-License-Identifier: GPL-2.0

//! The command that signals sync objects.

use super::{
    put,
    status_only,
    Command,
    Opcode,
    Submission, //
};
use crate::{
    transport::ReplyBuffer,
    wire::{
        Handle,
        InterfaceVersion,
        NtStatus, //
    },
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SignalSyncObjectHead {
    object_count: u32,
    flags: u32,
    context_count: u32,
    padding: u32,
    fence_value: u64,
    /// Guest event, or a device handle in the lower half.
    target: u64,
}

static_assert!(size_of::<SignalSyncObjectHead>() == 56 - 24);

/// The signalling unit, and the event it signals.
#[derive(Clone, Copy)]
pub(crate) enum Signaller {
    /// This number of contexts or hardware queues, when they reach the signal.
    Queues(u32),
    /// This number of contexts or hardware queues, which signal the guest event with this id with
    /// the objects, or instead of them.
    QueuesWithEvent(u32, u64),
    /// The CPU, through a device, immediately.
    Cpu(Handle),
}

/// The variable part of a message, to be filled.
pub(crate) struct Arrays<'a> {
    /// Handles of the objects.
    pub(crate) objects: &'a mut [u8],
    /// Handles of the contexts or hardware queues.
    pub(crate) queues: &'a mut [u8],
    /// Values of 64 bits, not necessarily aligned.
    pub(crate) values: &'a mut [u8],
}

/// Command SIGNALSYNCOBJECT: signals sync objects.
pub(crate) struct SignalSyncObject<F> {
    /// The signalling unit.
    pub(crate) signaller: Signaller,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Number of objects.
    pub(crate) object_count: u32,
    /// Whether there is a value for each object, as monitored fences need. The host sees that from
    /// the length of the message only.
    pub(crate) with_values: bool,
    /// Value of all other objects.
    pub(crate) fence_value: u64,
    /// Writes the handles and values.
    pub(crate) arrays: F,
}

impl<F> SignalSyncObject<F> {
    /// Returns the number of contexts or hardware queues.
    fn queue_count(&self) -> u32 {
        match self.signaller {
            Signaller::Queues(count) | Signaller::QueuesWithEvent(count, _) => count,
            Signaller::Cpu(_) => 0,
        }
    }

    /// Returns the sizes of the arrays in bytes. The products cannot overflow, as the counts have
    /// 32 bits.
    fn lengths(&self) -> [usize; 3] {
        // CAST: `usize` has at least 32 bits.
        let (objects, queues) = (self.object_count as usize, self.queue_count() as usize);
        let values = if self.with_values { objects } else { 0 };

        [objects * 4, queues * 4, values * 8]
    }
}

impl<F: FnMut(Arrays<'_>) -> Result> Command for SignalSyncObject<F> {
    const OPCODE: Opcode = Opcode::Vgpu(26);

    type Reply = isize;

    fn body_len(&self) -> usize {
        size_of::<SignalSyncObjectHead>() + self.lengths().iter().sum::<usize>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let [objects, queues, values] = self.lengths();
        let head = SignalSyncObjectHead {
            object_count: self.object_count,
            flags: self.flags,
            context_count: self.queue_count(),
            padding: 0,
            fence_value: self.fence_value,
            target: match self.signaller {
                Signaller::Queues(_) => 0,
                Signaller::QueuesWithEvent(_, event) => event,
                Signaller::Cpu(device) => u64::from(device.raw()),
            },
        };

        put(body, &head)?;

        let rest = body
            .get_mut(size_of::<SignalSyncObjectHead>()..)
            .ok_or(EINVAL)?;
        let (objects, rest) = rest.split_at_mut_checked(objects).ok_or(EINVAL)?;
        let (queues, rest) = rest.split_at_mut_checked(queues).ok_or(EINVAL)?;

        (self.arrays)(Arrays {
            objects,
            queues,
            values: rest.get_mut(..values).ok_or(EINVAL)?,
        })
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

impl<F: FnMut(Arrays<'_>) -> Result> Submission for SignalSyncObject<F> {}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_signal)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            EXTENDED_HEADER, //
        },
        transport::{
            mock::envelope,
            MAX_MESSAGE, //
        },
        wire::HostProcess, //
    };

    fn fill(arrays: Arrays<'_>) -> Result {
        arrays.objects.fill(1);
        arrays.queues.fill(2);
        arrays.values.fill(3);
        Ok(())
    }

    fn signal(
        signaller: Signaller,
        object_count: u32,
        with_values: bool,
    ) -> SignalSyncObject<impl FnMut(Arrays<'_>) -> Result> {
        SignalSyncObject {
            signaller,
            flags: 4,
            object_count,
            with_values,
            fence_value: 0x0102_0304_0506_0708,
            arrays: fill,
        }
    }

    #[test]
    fn layout() -> Result {
        for version in [39, 40] {
            let mut command = signal(Signaller::Queues(2), 3, true);
            let message = encode(envelope(version), HostProcess::GUEST, &mut command)?;
            let start = if version < 40 { 0 } else { EXTENDED_HEADER };
            let bytes = &message.bytes()[start..];

            assert_eq!(bytes.len(), 56 + 12 + 8 + 24);
            assert_eq!(bytes[16..20], [26, 0, 0, 0]);
            assert_eq!(
                bytes[24..40],
                [3, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
            );
            assert_eq!(bytes[40..48], [8, 7, 6, 5, 4, 3, 2, 1]);
            assert_eq!(bytes[48..56], [0; 8]);
            assert_eq!(bytes[56..68], [1; 12]);
            assert_eq!(bytes[68..76], [2; 8]);
            assert_eq!(bytes[76..], [3; 24]);
        }
        Ok(())
    }

    #[test]
    fn targets() -> Result {
        let target = |signaller| -> Result<[u8; 8]> {
            let mut command = signal(signaller, 0, false);
            let message = encode(envelope(39), HostProcess::GUEST, &mut command)?;

            message.bytes()[48..56].try_into().map_err(|_| EIO)
        };

        let event = Signaller::QueuesWithEvent(1, 0x0102_0304_0506_0708);
        let device = Signaller::Cpu(Handle::from_raw(0x8765_4321));

        assert_eq!(target(event)?, [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(target(device)?, [0x21, 0x43, 0x65, 0x87, 0, 0, 0, 0]);
        assert_eq!(target(Signaller::Queues(1))?, [0; 8]);
        Ok(())
    }

    #[test]
    fn limits() -> Result {
        let encoded = |objects, version| {
            let mut command = signal(Signaller::Queues(1), objects, true);

            encode(envelope(version), HostProcess::GUEST, &mut command)
                .map(|message| message.bytes().len())
        };

        // 12 bytes per object.
        for (version, start) in [(39, 0), (40, 16)] {
            let most = ((MAX_MESSAGE - start - 60) / 12) as u32;

            assert!(encoded(most, version)? <= MAX_MESSAGE);
            for wrong in [most + 1, 131_072, 1 << 30, u32::MAX] {
                assert_eq!(encoded(wrong, version), Err(EINVAL));
            }
        }
        assert_eq!(encoded(0, 39), Ok(60));
        Ok(())
    }
}
