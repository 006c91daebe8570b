// SPDX-License-Identifier: GPL-2.0

//! Commands that wait for sync objects, by contexts, hardware queues or the CPU.

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
struct WaitFromGpuHead {
    context: Handle,
    object_count: u32,
    legacy_fence_object: u8,
    padding: [u8; 7],
}

static_assert!(size_of::<WaitFromGpuHead>() == 40 - 24);

/// The objects that a context or a hardware queue waits for.
#[derive(Clone, Copy)]
pub(crate) enum Awaited<'a> {
    /// Monitored fences, each with the value to wait for.
    Monitored(&'a [Handle], &'a [u64]),
    /// Other objects, with one value that applies to fences.
    Legacy(&'a [Handle], u64),
}

/// Command WAITFORSYNCOBJECTFROMGPU: makes a context or a hardware queue wait for sync objects.
pub(crate) struct WaitForSyncObjectFromGpu<'a> {
    /// Context or hardware queue that waits.
    pub(crate) context: Handle,
    /// The objects to wait for.
    pub(crate) awaited: Awaited<'a>,
}

impl WaitForSyncObjectFromGpu<'_> {
    fn objects(&self) -> &[Handle] {
        match self.awaited {
            Awaited::Monitored(objects, _) | Awaited::Legacy(objects, _) => objects,
        }
    }
}

impl Command for WaitForSyncObjectFromGpu<'_> {
    const OPCODE: Opcode = Opcode::Vgpu(25);

    type Reply = isize;

    fn body_len(&self) -> usize {
        // A value and a handle per object. The product cannot overflow, since the objects are in
        // memory.
        size_of::<WaitFromGpuHead>() + self.objects().len() * 12
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let objects = self.objects();
        let head = WaitFromGpuHead {
            context: self.context,
            object_count: u32::try_from(objects.len())?,
            legacy_fence_object: u8::from(matches!(self.awaited, Awaited::Legacy(..))),
            padding: [0; 7],
        };

        put(body, &head)?;

        let rest = body.get_mut(size_of::<WaitFromGpuHead>()..).ok_or(EINVAL)?;
        let (values, handles) = rest.split_at_mut_checked(objects.len() * 8).ok_or(EINVAL)?;

        objects.write_to_prefix(handles).map_err(|_| EINVAL)?;
        match self.awaited {
            Awaited::Monitored(_, wanted) => wanted.write_to(values).map_err(|_| EINVAL),
            // There is only one value. The fields for the others stay zero.
            Awaited::Legacy(_, value) => put(values, &value),
        }
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

impl Submission for WaitForSyncObjectFromGpu<'_> {}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct WaitFromCpuHead {
    device: Handle,
    object_count: u32,
    flags: u32,
    padding: u32,
    guest_event: u64,
    dereference_event: u8,
    padding1: [u8; 7],
}

static_assert!(size_of::<WaitFromCpuHead>() == 56 - 24);
static_assert!(core::mem::offset_of!(WaitFromCpuHead, guest_event) == 40 - 24);

/// Command WAITFORSYNCOBJECTFROMCPU: makes the host signal a guest event when sync objects have
/// reached their values.
pub(crate) struct WaitForSyncObjectFromCpu<F> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Flags, which say whether to wait for one of the objects or for all.
    pub(crate) flags: u32,
    /// Id of the guest event.
    pub(crate) event: u64,
    /// Number of objects.
    pub(crate) object_count: u32,
    /// Writes the handles and the values of 64 bits, which are not necessarily aligned.
    pub(crate) arrays: F,
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Command for WaitForSyncObjectFromCpu<F> {
    const OPCODE: Opcode = Opcode::Vgpu(22);

    /// Success code of the host. The wait is registered whatever its value is.
    type Reply = isize;

    fn body_len(&self) -> usize {
        // CAST: `usize` has 64 bits, so the product does not overflow.
        size_of::<WaitFromCpuHead>() + self.object_count as usize * 12
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = WaitFromCpuHead {
            device: self.device,
            object_count: self.object_count,
            flags: self.flags,
            padding: 0,
            guest_event: self.event,
            dereference_event: 0,
            padding1: [0; 7],
        };

        put(body, &head)?;

        let rest = body.get_mut(size_of::<WaitFromCpuHead>()..).ok_or(EINVAL)?;
        let (objects, values) = rest
            // CAST: `usize` has at least 32 bits.
            .split_at_mut_checked(self.object_count as usize * 4)
            .ok_or(EINVAL)?;

        (self.arrays)(objects, values)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_wait)]
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

    const OBJECTS: [Handle; 3] = [
        Handle::from_raw(0x11),
        Handle::from_raw(0x22),
        Handle::from_raw(0x33),
    ];

    #[test]
    fn gpu_waits_for_monitored_fences() -> Result {
        for version in [39, 40] {
            let mut command = WaitForSyncObjectFromGpu {
                context: Handle::from_raw(7),
                awaited: Awaited::Monitored(&OBJECTS, &[1, 2, u64::MAX]),
            };
            let message = encode(envelope(version), HostProcess::GUEST, &mut command)?;
            let start = if version < 40 { 0 } else { EXTENDED_HEADER };
            let bytes = &message.bytes()[start..];

            assert_eq!(bytes.len(), 40 + 36);
            assert_eq!(bytes[16..20], [25, 0, 0, 0]);
            assert_eq!(
                bytes[24..40],
                [7, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            );
            assert_eq!(
                bytes[40..56],
                [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
            );
            assert_eq!(bytes[56..64], [0xFF; 8]);
            assert_eq!(bytes[64..], [0x11, 0, 0, 0, 0x22, 0, 0, 0, 0x33, 0, 0, 0]);
        }
        Ok(())
    }

    #[test]
    fn values_must_be_as_many_as_objects() {
        let mut command = WaitForSyncObjectFromGpu {
            context: Handle::from_raw(7),
            awaited: Awaited::Monitored(&OBJECTS, &[1, 2]),
        };

        assert!(encode(envelope(40), HostProcess::GUEST, &mut command).is_err());
    }

    #[test]
    fn gpu_waits_for_other_objects() -> Result {
        let mut command = WaitForSyncObjectFromGpu {
            context: Handle::from_raw(7),
            awaited: Awaited::Legacy(&OBJECTS, 9),
        };
        let message = encode(envelope(39), HostProcess::GUEST, &mut command)?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 40 + 36);
        assert_eq!(bytes[32..40], [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[40..48], [9, 0, 0, 0, 0, 0, 0, 0]);
        // One value, and no stray bytes after it.
        assert_eq!(bytes[48..64], [0; 16]);
        assert_eq!(bytes[64..], [0x11, 0, 0, 0, 0x22, 0, 0, 0, 0x33, 0, 0, 0]);
        Ok(())
    }

    fn fill(objects: &mut [u8], values: &mut [u8]) -> Result {
        objects.fill(1);
        values.fill(2);
        Ok(())
    }

    #[test]
    fn cpu_waits() -> Result {
        for version in [39, 40] {
            let mut command = WaitForSyncObjectFromCpu {
                device: Handle::from_raw(5),
                flags: 1,
                event: 0x0102_0304_0506_0708,
                object_count: 3,
                arrays: fill,
            };
            let message = encode(envelope(version), HostProcess::GUEST, &mut command)?;
            let start = if version < 40 { 0 } else { EXTENDED_HEADER };
            let bytes = &message.bytes()[start..];

            assert_eq!(bytes.len(), 56 + 36);
            assert_eq!(bytes[16..20], [22, 0, 0, 0]);
            assert_eq!(
                bytes[24..40],
                [5, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
            );
            assert_eq!(bytes[40..48], [8, 7, 6, 5, 4, 3, 2, 1]);
            assert_eq!(bytes[48..56], [0; 8]);
            assert_eq!(bytes[56..68], [1; 12]);
            assert_eq!(bytes[68..], [2; 24]);
        }
        Ok(())
    }

    #[test]
    fn limits() {
        let encoded = |object_count, version| {
            let mut command = WaitForSyncObjectFromCpu {
                device: Handle::from_raw(5),
                flags: 0,
                event: 2,
                object_count,
                arrays: fill,
            };

            encode(envelope(version), HostProcess::GUEST, &mut command).is_ok()
        };

        for (version, start) in [(39, 0), (40, 16)] {
            let most = ((MAX_MESSAGE - start - 56) / 12) as u32;

            assert!(encoded(most, version));
            for wrong in [most + 1, 131_072, 1 << 30, u32::MAX] {
                assert!(!encoded(wrong, version));
            }
        }
    }
}
