// SPDX-License-Identifier: GPL-2.0

//! Commands that create and destroy hardware queues.

use super::{
    device::OneHandleBody,
    private_data::PrivateData,
    put,
    take,
    take_at,
    undo_by_handle_at,
    Command,
    FixedCommand,
    Opcode,
    COMMAND_HEADER, //
};
use crate::{
    transport::{
        Message,
        ReplyBuffer,
        UndoFn, //
    },
    wire::{
        Envelope,
        Handle,
        HostProcess,
        InterfaceVersion,
        NtStatus, //
    },
};
use core::mem::offset_of;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// The part before the private data, in the request and in the reply. Its size is no multiple of 8,
/// so it is packed.
#[repr(C, packed)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct CreateHwQueueHead {
    status: NtStatus,
    hwqueue: Handle,
    hwqueue_progress_fence: Handle,
    padding: u32,
    hwqueue_progress_fence_cpuva: u64,
    hwqueue_progress_fence_gpuva: u64,
    context: Handle,
    flags: u32,
    priv_drv_data_size: u32,
}

static_assert!(size_of::<CreateHwQueueHead>() == 68 - 24);
static_assert!(offset_of!(CreateHwQueueHead, context) == 56 - 24);

/// Bytes after the data. The message has the size of a structure with one byte of data, rounded up
/// to 4, plus the data, less that byte.
const SLACK: usize = 3;

/// Command CREATEHWQUEUE: creates a hardware queue. The private data goes in both directions.
pub(crate) struct CreateHwQueue<F> {
    /// Context the queue belongs to.
    pub(crate) context: Handle,
    /// Flags, as given by the user.
    pub(crate) flags: u32,
    /// Length of the private data in bytes.
    pub(crate) data_size: u32,
    /// Writes the private data.
    pub(crate) data: F,
}

/// Reply to [`CreateHwQueue`].
pub(crate) struct CreatedHwQueue {
    /// Handle of the new queue.
    pub(crate) queue: Handle,
    /// Handle of its progress fence, or no handle.
    pub(crate) fence: Handle,
    /// Guest physical address of the fence value.
    pub(crate) fence_value: u64,
    /// GPU virtual address of the fence value.
    pub(crate) fence_gpu_address: u64,
    /// Private data, of the length that was sent.
    pub(crate) data: PrivateData,
}

/// Makes the message that destroys the new queue, if one was created.
fn undo(reply: &[u8], envelope: Envelope, process: HostProcess) -> Result<Option<Message>> {
    const HANDLE: usize = COMMAND_HEADER + offset_of!(CreateHwQueueHead, hwqueue);

    let status: NtStatus = take_at(reply, COMMAND_HEADER)?;

    if status.into_result().is_err() {
        return Ok(None);
    }
    undo_by_handle_at::<DestroyHwQueue, HANDLE>(reply, envelope, process)
}

impl<F: FnMut(&mut [u8]) -> Result> Command for CreateHwQueue<F> {
    const OPCODE: Opcode = Opcode::Vgpu(50);
    const UNDO: Option<UndoFn> = Some(undo);

    type Reply = CreatedHwQueue;

    fn body_len(&self) -> usize {
        // CAST: `usize` has at least 32 bits.
        size_of::<CreateHwQueueHead>() + (self.data_size as usize).max(1) + SLACK
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = CreateHwQueueHead {
            status: NtStatus::SUCCESS,
            hwqueue: Handle::NONE,
            hwqueue_progress_fence: Handle::NONE,
            padding: 0,
            hwqueue_progress_fence_cpuva: 0,
            hwqueue_progress_fence_gpuva: 0,
            context: self.context,
            flags: self.flags,
            priv_drv_data_size: self.data_size,
        };

        put(body, &head)?;

        // CAST: `usize` has at least 32 bits.
        let data = body
            .get_mut(size_of::<CreateHwQueueHead>()..)
            .and_then(|rest| rest.get_mut(..self.data_size as usize));

        (self.data)(data.ok_or(EINVAL)?)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        COMMAND_HEADER + self.body_len()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<CreatedHwQueue> {
        let start = COMMAND_HEADER + size_of::<CreateHwQueueHead>();
        let body = reply.bytes().get(COMMAND_HEADER..).ok_or(EOVERFLOW)?;
        let head: CreateHwQueueHead = take(body)?;
        let (status, queue) = (head.status, head.hwqueue);

        status.into_result()?;
        if queue.is_none() {
            return Err(EINVAL);
        }
        Ok(CreatedHwQueue {
            queue,
            fence: head.hwqueue_progress_fence,
            fence_value: head.hwqueue_progress_fence_cpuva,
            fence_gpu_address: head.hwqueue_progress_fence_gpuva,
            data: PrivateData::new(reply, start, self.data_size)?,
        })
    }
}

/// Command DESTROYHWQUEUE: destroys a hardware queue with its progress fence.
pub(crate) struct DestroyHwQueue {
    /// Queue to destroy.
    pub(crate) queue: Handle,
}

impl From<Handle> for DestroyHwQueue {
    fn from(queue: Handle) -> Self {
        Self { queue }
    }
}

impl FixedCommand for DestroyHwQueue {
    const OPCODE: Opcode = Opcode::Vgpu(51);

    type Body = OneHandleBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> OneHandleBody {
        OneHandleBody {
            handle: self.queue,
            padding: 0,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_hw_queue)]
mod tests {
    use super::*;
    use crate::{
        message::encode,
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
    };

    fn create(data_size: u32) -> CreateHwQueue<impl FnMut(&mut [u8]) -> Result> {
        CreateHwQueue {
            context: Handle::from_raw(0x4000_0040),
            flags: 1,
            data_size,
            data: |bytes: &mut [u8]| {
                bytes.fill(0xA5);
                Ok(())
            },
        }
    }

    #[test]
    fn create_hw_queue() -> Result {
        let message = encode(envelope(40), HostProcess::GUEST, &mut create(2))?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 73);
        assert_eq!(take_at::<u32>(bytes, 16)?, 50);
        assert_eq!(take_at::<[u64; 4]>(bytes, 24)?, [0; 4]);
        assert_eq!(take_at::<[u32; 3]>(bytes, 56)?, [0x4000_0040, 1, 2]);
        assert_eq!(bytes[68..], [0xA5, 0xA5, 0, 0, 0]);
        Ok(())
    }

    #[test]
    fn create_hw_queue_sizes() -> Result {
        for (version, size, length) in [
            (40, 0, 16 + 72),
            (40, 1, 16 + 72),
            (40, 2, 16 + 73),
            (40, 130_985, 131_072),
            (27, 0, 72),
            (27, 131_001, 131_072),
        ] {
            let message = encode(envelope(version), HostProcess::GUEST, &mut create(size))?;

            assert_eq!(message.bytes().len(), length);
        }
        for (version, size) in [(40, 130_986), (40, u32::MAX), (27, 131_002)] {
            assert!(encode(envelope(version), HostProcess::GUEST, &mut create(size)).is_err());
        }
        Ok(())
    }

    /// Makes a reply to a request with 3 bytes of data.
    fn reply(status: u32, queue: u32) -> [u8; 74] {
        let mut reply = [0xEE; 74];

        reply[24..28].copy_from_slice(&status.to_le_bytes());
        reply[28..32].copy_from_slice(&queue.to_le_bytes());
        reply[32..36].copy_from_slice(&0x4000_00C0u32.to_le_bytes());
        reply[40..48].copy_from_slice(&0xF_0000_1000u64.to_le_bytes());
        reply[48..56].copy_from_slice(&0x1234_5678_9ABCu64.to_le_bytes());
        reply[68..71].copy_from_slice(&[1, 2, 3]);
        reply
    }

    #[test]
    fn created_hw_queue() -> Result {
        let rig = Rig::new()?;
        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?
                .call(HostProcess::GUEST, create(3), LONG)
        };
        let errno = |reply: &[u8]| ask(reply).err().map(|error| error.to_errno());
        let made = ask(&reply(0, 0x4000_0080))?;

        assert_eq!(made.queue.raw(), 0x4000_0080);
        assert_eq!(made.fence.raw(), 0x4000_00C0);
        assert_eq!(made.fence_value, 0xF_0000_1000);
        assert_eq!(made.fence_gpu_address, 0x1234_5678_9ABC);
        assert_eq!(made.data.bytes(), [1, 2, 3]);
        assert_eq!(errno(&reply(0, 0)), Some(-22));
        assert_eq!(errno(&reply(0xC000_0017, 0x4000_0080)), Some(-12));
        assert_eq!(errno(&reply(0, 0x4000_0080)[..73]), Some(-75));
        Ok(())
    }

    fn undo_fn<M: Command>(_: &M) -> Option<UndoFn> {
        M::UNDO
    }

    #[test]
    fn undo_of_create_hw_queue() -> Result {
        let process = HostProcess::from_host(Handle::from_raw(0x4000_0080)).ok_or(EIO)?;
        let undo = undo_fn(&create(0)).ok_or(EIO)?;

        assert!(undo(&reply(0, 0), envelope(40), process)?.is_none());
        // A host that refuses has created nothing, whatever the handle field contains.
        assert!(undo(&reply(0xC000_0017, 0x40), envelope(40), process)?.is_none());
        assert!(undo(&reply(0, 0x40)[..31], envelope(40), process).is_err());

        let message = undo(&reply(0, 0x40), envelope(40), process)?.ok_or(EIO)?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 32);
        assert_eq!(take_at::<u32>(bytes, 8)?, 0x4000_0080);
        assert_eq!(take_at::<u32>(bytes, 16)?, 51);
        assert_eq!(take_at::<u32>(bytes, 24)?, 0x40);
        Ok(())
    }
}
