// SPDX-License-Identifier: GPL-2.0

//! Commands that create and destroy allocations and resources.

mod create;

pub(crate) use self::create::{
    CreateAllocation,
    Created,
    CreatedAllocation,
    DataParts,
    DataSizes, //
};

use super::{
    put,
    take,
    Command,
    Opcode, //
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
struct DestroyHead {
    device: Handle,
    resource: Handle,
    alloc_count: u32,
    flags: u32,
}

static_assert!(size_of::<DestroyHead>() == 40 - 24);

/// Bytes after the list. The request has the size of a structure with one handle, rounded up to 8,
/// plus the handles.
const DESTROY_SLACK: usize = 48 - 24 - size_of::<DestroyHead>();

/// Command DESTROYALLOCATION: destroys a resource with its allocations, or allocations.
pub(crate) struct DestroyAllocation<'a> {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Handle of the resource, or none if allocations are given.
    pub(crate) resource: Handle,
    /// Handles of the allocations.
    pub(crate) allocations: &'a [Handle],
    /// Flags, as given by the user.
    pub(crate) flags: u32,
}

impl DestroyAllocation<'_> {
    /// Flag: the GPU has finished with the allocations.
    pub(crate) const ASSUME_NOT_IN_USE: u32 = 1 << 0;
    /// Largest number of allocations of one message.
    pub(crate) const MAX: usize = 1024;
}

impl Command for DestroyAllocation<'_> {
    const OPCODE: Opcode = Opcode::Vgpu(5);

    /// The status, unchecked: a reply with any status shows that the host has processed the
    /// command.
    type Reply = NtStatus;

    fn body_len(&self) -> usize {
        size_of::<DestroyHead>() + size_of_val(self.allocations) + DESTROY_SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = DestroyHead {
            device: self.device,
            resource: self.resource,
            // CAST: There are at most 1024.
            alloc_count: self.allocations.len() as u32,
            flags: self.flags,
        };

        put(body, &head)?;
        put(
            body.get_mut(size_of::<DestroyHead>()..).ok_or(EINVAL)?,
            self.allocations,
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<NtStatus> {
        take(reply.bytes())
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_allocation)]
mod tests {
    use super::*;
    use crate::{
        message::{
            encode,
            take_at, //
        },
        transport::mock::envelope,
        wire::HostProcess, //
    };

    #[test]
    fn destroy_layout() -> Result {
        let handles = [
            Handle::from_raw(1),
            Handle::from_raw(2),
            Handle::from_raw(3),
        ];

        for (count, length) in [(0, 48), (1, 52), (3, 60)] {
            let mut command = DestroyAllocation {
                device: Handle::from_raw(7),
                resource: Handle::from_raw(8),
                allocations: handles.get(..count).ok_or(EIO)?,
                flags: 2,
            };
            let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
            let bytes = message.bytes().get(16..).ok_or(EIO)?;

            assert_eq!(bytes.len(), length);
            for (offset, value) in [(24, 7), (28, 8), (32, count as u32), (36, 2)] {
                assert_eq!(take_at::<u32>(bytes, offset)?, value);
            }
            assert_eq!(bytes[40 + 4 * count..], [0; 8]);
        }
        Ok(())
    }
}
