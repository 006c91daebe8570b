// SPDX-License-Identifier: GPL-2.0

//! Commands that create and destroy paging queues.

use super::{
    device::OneHandleBody,
    fence_storage::value_address,
    undo_by_handle,
    FixedCommand,
    Opcode, //
};
use crate::{
    transport::UndoFn,
    uapi::paging_queue as abi,
    wire::Handle, //
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

static_assert!(size_of::<abi::CreatePagingQueue>() == 56 - 24);

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreatePagingQueueAnswer {
    paging_queue: Handle,
    sync_object: Handle,
    fence_storage_physical_address: u64,
    fence_storage_offset: u64,
}

static_assert!(size_of::<CreatePagingQueueAnswer>() == 24);

/// Command CREATEPAGINGQUEUE: creates a paging queue.
pub(crate) struct CreatePagingQueue {
    /// The user's argument, including the previous contents of its output fields.
    pub(crate) request: abi::CreatePagingQueue,
}

/// Reply to [`CreatePagingQueue`].
pub(crate) struct CreatedPagingQueue {
    /// Handle of the new queue.
    pub(crate) queue: Handle,
    /// Handle of its fence, or no handle.
    pub(crate) fence: Handle,
    /// Guest physical address of the fence value.
    pub(crate) fence_value: u64,
}

impl FixedCommand for CreatePagingQueue {
    const OPCODE: Opcode = Opcode::Vgpu(9);
    const UNDO: Option<UndoFn> = Some(undo_by_handle::<DestroyPagingQueue>);

    type Body = abi::CreatePagingQueue;
    type ReplyBody = CreatePagingQueueAnswer;
    type Reply = CreatedPagingQueue;

    fn body(&self) -> abi::CreatePagingQueue {
        self.request
    }

    fn reply(&self, answer: CreatePagingQueueAnswer) -> Result<CreatedPagingQueue> {
        if answer.paging_queue.is_none() {
            return Err(EINVAL);
        }
        Ok(CreatedPagingQueue {
            queue: answer.paging_queue,
            fence: answer.sync_object,
            fence_value: value_address(
                answer.fence_storage_physical_address,
                answer.fence_storage_offset,
            ),
        })
    }
}

/// Command DESTROYPAGINGQUEUE: destroys a paging queue with its fence.
pub(crate) struct DestroyPagingQueue {
    /// Queue to destroy.
    pub(crate) queue: Handle,
}

impl From<Handle> for DestroyPagingQueue {
    fn from(queue: Handle) -> Self {
        Self { queue }
    }
}

impl FixedCommand for DestroyPagingQueue {
    const OPCODE: Opcode = Opcode::Vgpu(10);

    type Body = OneHandleBody;
    /// The reply has no payload.
    type ReplyBody = ();
    type Reply = ();

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.queue,
            padding: 0,
        }
    }

    fn reply(&self, _answer: ()) -> Result {
        Ok(())
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_paging_queue)]
mod tests {
    use super::*;
    use crate::{
        message::{
            take_at,
            Command, //
        },
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };
    use zerocopy::FromZeros;

    #[test]
    fn create() -> Result {
        let rig = Rig::new()?;
        let mut request = abi::CreatePagingQueue::new_zeroed();

        request.as_mut_bytes().fill(0x5A);
        request.device = Handle::from_raw(0x4000_0040);
        request.priority = -1;
        request.physical_adapter_index = 3;

        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?
                .call(HostProcess::GUEST, CreatePagingQueue { request }, LONG)
        };
        let mut reply = [0; 24];

        // A host refuses with a zero handle or an empty reply.
        assert!(ask(&reply).is_err());
        assert_eq!(ask(&[]).err(), Some(EINVAL));
        assert_eq!(ask(&reply[..23]).err(), Some(EOVERFLOW));
        reply[..4].copy_from_slice(&[0x80, 0, 0, 0x40]);
        reply[4..8].copy_from_slice(&[0xC0, 0, 0, 0x40]);
        reply[8..16].copy_from_slice(&[0, 0x10, 0, 0, 0xF, 0, 0, 0]);
        reply[16..].fill(0xEE);

        let made = ask(&reply)?;

        assert_eq!(made.queue.raw(), 0x4000_0080);
        assert_eq!(made.fence.raw(), 0x4000_00C0);
        assert_eq!(made.fence_value, 0xF_0000_1000);
        assert!(ask(&reply[..23]).is_err());
        reply[16..].copy_from_slice(&[0x40, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(ask(&reply)?.fence_value, 0xF_0000_1040);

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 56);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 9);
        assert_eq!(take_at::<u32>(&message, 16 + 24)?, 0x4000_0040);
        assert_eq!(take_at::<i32>(&message, 16 + 28)?, -1);
        // The output fields are sent as the user has left them.
        assert_eq!(message[16 + 32..16 + 48], [0x5A; 16]);
        assert_eq!(take_at::<u32>(&message, 16 + 48)?, 3);
        assert_eq!(message[16 + 52..], [0x5A; 4]);
        Ok(())
    }

    #[test]
    fn destroy() -> Result {
        let rig = Rig::new()?;
        let queue = Handle::from_raw(0x4000_0080);

        // Any completion is accepted.
        rig.host.then(Answer::reply(&[])?)?;
        rig.link(envelope(27))?
            .call(HostProcess::GUEST, DestroyPagingQueue::from(queue), LONG)?;

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 32);
        assert_eq!(take_at::<u32>(&message, 16)?, 10);
        assert_eq!(take_at::<Handle>(&message, 24)?, queue);
        Ok(())
    }

    #[test]
    fn undo() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let undo = <CreatePagingQueue as Command>::UNDO.ok_or(EIO)?;
        let mut reply = [0; 24];

        assert!(undo(&reply, envelope(40), process)?.is_none());
        reply[0] = 0x40;

        let message = undo(&reply, envelope(40), process)?.ok_or(EIO)?;

        assert_eq!(take_at::<u32>(message.bytes(), 16 + 16)?, 10);
        assert_eq!(take_at::<u32>(message.bytes(), 16 + 24)?, 0x40);
        Ok(())
    }
}
