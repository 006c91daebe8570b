// SPDX-License-Identifier: GPL-2.0

//! The command that opens a shared resource.

use super::{
    allocation::DestroyAllocation,
    encode,
    put,
    take,
    take_at,
    Command,
    Opcode, //
};
use crate::{
    transport::{
        CreateInfo,
        Message,
        ReplyBuffer,
        UndoHow, //
    },
    wire::{
        Envelope,
        Handle,
        HostProcess,
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
struct OpenBody {
    device: Handle,
    nt_security_sharing: u8,
    padding: [u8; 3],
    global_share: Handle,
    allocation_count: u32,
    total_priv_drv_data_size: u32,
    padding1: u32,
}

static_assert!(size_of::<OpenBody>() == 48 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct OpenReplyHead {
    resource: Handle,
    status: NtStatus,
}

static_assert!(size_of::<OpenReplyHead>() == 8);

/// Returns the offset of the handle of an allocation in a reply.
const fn handle_at(index: usize) -> usize {
    size_of::<OpenReplyHead>() + index * size_of::<Handle>()
}

/// Command OPENRESOURCE: opens a shared resource on a device.
pub(crate) struct OpenResource {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// NT handle of the resource.
    pub(crate) nt_handle: Handle,
    /// Number of allocations of the resource.
    pub(crate) allocation_count: u32,
    /// Space of the program for the vendor's data about the allocations, in bytes.
    pub(crate) data_size: u32,
}

impl Command for OpenResource {
    const OPCODE: Opcode = Opcode::Vgpu(32);

    type Reply = Opened;

    fn undo(&self) -> Option<UndoHow> {
        let info = CreateInfo {
            device: self.device,
            allocations: 0,
        };

        Some(UndoHow::WithCreateInfo(undo_open, info))
    }

    fn body_len(&self) -> usize {
        size_of::<OpenBody>()
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let filled = OpenBody {
            device: self.device,
            nt_security_sharing: 1,
            padding: [0; 3],
            global_share: self.nt_handle,
            allocation_count: self.allocation_count,
            total_priv_drv_data_size: self.data_size,
            padding1: 0,
        };

        put(body, &filled)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        // CAST: `usize` has at least 32 bits.
        handle_at(self.allocation_count as usize).next_multiple_of(8)
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<Opened> {
        let head: OpenReplyHead = take(reply.bytes())?;

        head.status.into_result()?;
        if head.resource.is_none() {
            return Err(EINVAL);
        }
        Ok(Opened {
            resource: head.resource,
            // CAST: `usize` has at least 32 bits.
            count: self.allocation_count as usize,
            reply,
        })
    }
}

/// Reply to [`OpenResource`].
pub(crate) struct Opened {
    /// Handle of the opened resource.
    pub(crate) resource: Handle,
    count: usize,
    reply: ReplyBuffer,
}

impl Opened {
    /// Returns the handles of the allocations, in the order of their creation.
    pub(crate) fn allocations(&self) -> impl Iterator<Item = Result<Handle>> + '_ {
        (0..self.count).map(|index| take_at(self.reply.bytes(), handle_at(index)))
    }
}

/// Makes the message that closes an opened resource, if one was opened.
fn undo_open(
    reply: &[u8],
    info: CreateInfo,
    envelope: Envelope,
    process: HostProcess,
) -> Result<Option<Message>> {
    let head: OpenReplyHead = take(reply)?;

    if head.status.into_result().is_err() || head.resource.is_none() {
        return Ok(None);
    }

    let mut command = DestroyAllocation {
        device: info.device,
        resource: head.resource,
        allocations: &[],
        flags: DestroyAllocation::ASSUME_NOT_IN_USE,
    };

    Ok(Some(encode(envelope, process, &mut command)?))
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_open_resource)]
mod tests {
    use super::*;
    use crate::transport::mock::envelope;

    const DEVICE: Handle = Handle::from_raw(0x4000_0040);
    const NT_HANDLE: Handle = Handle::from_raw(0x4000_0080);

    fn open(allocation_count: u32) -> OpenResource {
        OpenResource {
            device: DEVICE,
            nt_handle: NT_HANDLE,
            allocation_count,
            data_size: 0x0102,
        }
    }

    #[test]
    fn request_layout() -> Result {
        let message = encode(envelope(39), HostProcess::GUEST, &mut open(3))?;
        let bytes = message.bytes();

        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[16..20], [32, 0, 0, 0]);
        assert_eq!(bytes[24..32], [0x40, 0, 0, 0x40, 1, 0, 0, 0]);
        assert_eq!(bytes[32..40], [0x80, 0, 0, 0x40, 3, 0, 0, 0]);
        assert_eq!(bytes[40..48], [2, 1, 0, 0, 0, 0, 0, 0]);
        Ok(())
    }

    #[test]
    fn reply_length() {
        for (count, length) in [(0, 8), (1, 16), (2, 16), (3, 24)] {
            assert_eq!(open(count).reply_len(envelope(40).version), length);
        }
    }

    #[test]
    fn undo_closes_what_was_opened() -> Result {
        let info = CreateInfo {
            device: DEVICE,
            allocations: 0,
        };
        let undo = |reply: &[u8]| undo_open(reply, info, envelope(39), HostProcess::GUEST);

        // A refusal, and a success without a handle.
        assert!(undo(&[1, 0, 0, 0x40, 0x0D, 0, 0, 0xC0])?.is_none());
        assert!(undo(&[0; 8])?.is_none());
        assert!(undo(&[0; 7]).is_err());

        let message = undo(&[0xC0, 0, 0, 0x40, 0, 0, 0, 0])?.ok_or(EIO)?;
        let bytes = message.bytes();

        assert_eq!(bytes[16..20], [5, 0, 0, 0]);
        assert_eq!(bytes[24..32], [0x40, 0, 0, 0x40, 0xC0, 0, 0, 0x40]);
        assert_eq!(bytes[32..36], [0, 0, 0, 0]);
        Ok(())
    }
}
