// SPDX-License-Identifier: GPL-2.0

//! Commands that hand work to the GPU.

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

/// The parts of a message after a head of type `H`: `handles` handles, then `data` bytes.
fn length<H>(handles: u32, data: u32) -> usize {
    // CAST: 32 bits fit. The sum of two of them, one 4 times, does as well.
    size_of::<H>() + handles as usize * size_of::<Handle>() + data as usize
}

/// Writes the head, and lets `write` write the handles and the data.
fn fill<H: IntoBytes + zerocopy::Immutable>(
    body: &mut [u8],
    head: &H,
    handles: u32,
    mut write: impl FnMut(&mut [u8], &mut [u8]) -> Result,
) -> Result {
    put(body, head)?;

    let rest = body.get_mut(size_of::<H>()..).ok_or(EINVAL)?;
    // CAST: 32 bits fit.
    let (handles, data) = rest
        .split_at_mut_checked(handles as usize * size_of::<Handle>())
        .ok_or(EINVAL)?;

    write(handles, data)
}

/// Room for contexts.
const CONTEXTS: usize = 64;

/// Room for primaries.
const PRIMARIES: usize = 16;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SubmitCommandHead {
    command_buffer: u64,
    command_length: u32,
    flags: u32,
    present_history_token: u64,
    broadcast_context_count: u32,
    broadcast_context: [Handle; CONTEXTS],
    reserved: u32,
    priv_drv_data: u64,
    priv_drv_data_size: u32,
    num_primaries: u32,
    written_primaries: [Handle; PRIMARIES],
    num_history_buffers: u32,
    reserved1: u32,
    history_buffer_array: u64,
}

static_assert!(size_of::<SubmitCommandHead>() == 408 - 24);

/// Hands commands to contexts.
pub(crate) struct SubmitCommand<'a, F> {
    /// GPU address of the commands.
    pub(crate) command_buffer: u64,
    /// Their length.
    pub(crate) command_length: u32,
    /// As the user wants it.
    pub(crate) flags: u32,
    /// As the user wants it.
    pub(crate) present_history_token: u64,
    /// How many contexts count.
    pub(crate) context_count: u32,
    /// The contexts.
    pub(crate) contexts: &'a [Handle; CONTEXTS],
    /// How many primaries count.
    pub(crate) primary_count: u32,
    /// The primaries.
    pub(crate) primaries: &'a [Handle; PRIMARIES],
    /// How many history buffers there are.
    pub(crate) history_count: u32,
    /// Length of the data.
    pub(crate) data_size: u32,
    /// Writes the handles of the history buffers, and the data.
    pub(crate) write: F,
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Command for SubmitCommand<'_, F> {
    const OPCODE: Opcode = Opcode::Vgpu(20);

    type Reply = isize;

    fn body_len(&self) -> usize {
        length::<SubmitCommandHead>(self.history_count, self.data_size)
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = SubmitCommandHead {
            command_buffer: self.command_buffer,
            command_length: self.command_length,
            flags: self.flags,
            present_history_token: self.present_history_token,
            broadcast_context_count: self.context_count,
            broadcast_context: *self.contexts,
            reserved: 0,
            priv_drv_data: 0,
            priv_drv_data_size: self.data_size,
            num_primaries: self.primary_count,
            written_primaries: *self.primaries,
            num_history_buffers: self.history_count,
            reserved1: 0,
            history_buffer_array: 0,
        };

        fill(body, &head, self.history_count, &mut self.write)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Submission for SubmitCommand<'_, F> {}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
struct SubmitToHwQueueHead {
    hwqueue: Handle,
    reserved: u32,
    hwqueue_progress_fence_id: u64,
    command_buffer: u64,
    command_length: u32,
    priv_drv_data_size: u32,
    priv_drv_data: u64,
    num_primaries: u32,
    reserved1: u32,
    written_primaries: u64,
}

static_assert!(size_of::<SubmitToHwQueueHead>() == 80 - 24);

/// Hands commands to a hardware queue.
pub(crate) struct SubmitToHwQueue<F> {
    /// The queue.
    pub(crate) queue: Handle,
    /// The value of the queue's fence when they are done.
    pub(crate) fence_value: u64,
    /// GPU address of the commands.
    pub(crate) command_buffer: u64,
    /// Their length.
    pub(crate) command_length: u32,
    /// How many primaries are written.
    pub(crate) primary_count: u32,
    /// Length of the data.
    pub(crate) data_size: u32,
    /// Writes the handles of the primaries, and the data.
    pub(crate) write: F,
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Command for SubmitToHwQueue<F> {
    const OPCODE: Opcode = Opcode::Vgpu(52);

    type Reply = isize;

    fn body_len(&self) -> usize {
        length::<SubmitToHwQueueHead>(self.primary_count, self.data_size)
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let head = SubmitToHwQueueHead {
            hwqueue: self.queue,
            reserved: 0,
            hwqueue_progress_fence_id: self.fence_value,
            command_buffer: self.command_buffer,
            command_length: self.command_length,
            priv_drv_data_size: self.data_size,
            priv_drv_data: 0,
            num_primaries: self.primary_count,
            reserved1: 0,
            written_primaries: 0,
        };

        fill(body, &head, self.primary_count, &mut self.write)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Submission for SubmitToHwQueue<F> {}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_submit)]
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
        wire::HostProcess,
    };

    const CONTEXT_LIST: [Handle; CONTEXTS] = [Handle::from_raw(7); CONTEXTS];
    const PRIMARY_LIST: [Handle; PRIMARIES] = [Handle::from_raw(8); PRIMARIES];

    fn mark(handles: &mut [u8], data: &mut [u8]) -> Result {
        handles.fill(0xAA);
        data.fill(0xBB);
        Ok(())
    }

    fn submit(
        history_count: u32,
        data_size: u32,
    ) -> SubmitCommand<'static, fn(&mut [u8], &mut [u8]) -> Result> {
        SubmitCommand {
            command_buffer: 1,
            command_length: 2,
            flags: 3,
            present_history_token: 4,
            context_count: 5,
            contexts: &CONTEXT_LIST,
            primary_count: 6,
            primaries: &PRIMARY_LIST,
            history_count,
            data_size,
            write: mark,
        }
    }

    fn to_queue(
        primary_count: u32,
        data_size: u32,
    ) -> SubmitToHwQueue<fn(&mut [u8], &mut [u8]) -> Result> {
        SubmitToHwQueue {
            queue: Handle::from_raw(0x4000_0040),
            fence_value: 1,
            command_buffer: 2,
            command_length: 3,
            primary_count,
            data_size,
            write: mark,
        }
    }

    #[test]
    fn submit_command() -> Result {
        let message = encode(envelope(40), HostProcess::GUEST, &mut submit(2, 3))?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 408 + 8 + 3);
        assert_eq!(take_at::<u32>(bytes, 16)?, 20);
        assert_eq!(take_at::<u64>(bytes, 24)?, 1);
        assert_eq!(take_at::<[u32; 2]>(bytes, 32)?, [2, 3]);
        assert_eq!(take_at::<u64>(bytes, 40)?, 4);
        assert_eq!(take_at::<[u32; 2]>(bytes, 48)?, [5, 7]);
        assert_eq!(take_at::<[u32; 2]>(bytes, 304)?, [7, 0]);
        // Addresses in the user program are not the host's business.
        assert_eq!(take_at::<u64>(bytes, 312)?, 0);
        assert_eq!(take_at::<[u32; 3]>(bytes, 320)?, [3, 6, 8]);
        assert_eq!(take_at::<[u32; 3]>(bytes, 388)?, [8, 2, 0]);
        assert_eq!(take_at::<u64>(bytes, 400)?, 0);
        assert_eq!(bytes[408..416], [0xAA; 8]);
        assert_eq!(bytes[416..], [0xBB; 3]);
        Ok(())
    }

    #[test]
    fn submit_to_hw_queue() -> Result {
        let message = encode(envelope(40), HostProcess::GUEST, &mut to_queue(1, 5))?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 80 + 4 + 5);
        assert_eq!(take_at::<u32>(bytes, 16)?, 52);
        assert_eq!(take_at::<[u32; 2]>(bytes, 24)?, [0x4000_0040, 0]);
        assert_eq!(take_at::<[u64; 2]>(bytes, 32)?, [1, 2]);
        assert_eq!(take_at::<[u32; 2]>(bytes, 48)?, [3, 5]);
        assert_eq!(take_at::<u64>(bytes, 56)?, 0);
        assert_eq!(take_at::<[u32; 2]>(bytes, 64)?, [1, 0]);
        assert_eq!(take_at::<u64>(bytes, 72)?, 0);
        assert_eq!(bytes[80..84], [0xAA; 4]);
        assert_eq!(bytes[84..], [0xBB; 5]);
        Ok(())
    }

    #[test]
    fn sizes() {
        let envelope = envelope(40);
        let guest = HostProcess::GUEST;

        for (handles, data, fits) in [
            (0, 0, true),
            (0, 130_648, true),
            (0, 130_649, false),
            (1024, 130_648 - 4096, true),
            (1024, 130_649 - 4096, false),
            (0, u32::MAX, false),
        ] {
            assert_eq!(
                encode(envelope, guest, &mut submit(handles, data)).is_ok(),
                fits
            );
        }
        for (handles, data, fits) in [
            (0, 0, true),
            (0, 130_976, true),
            (0, 130_977, false),
            (32_744, 0, true),
            (32_744, 1, false),
            (u32::MAX, u32::MAX, false),
        ] {
            assert_eq!(
                encode(envelope, guest, &mut to_queue(handles, data)).is_ok(),
                fits
            );
        }
    }

    #[test]
    fn without_waiting() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;

        link.post(HostProcess::GUEST, to_queue(0, 0), LONG)?;
        assert_eq!(rig.host.id(0)?, 0);
        assert_eq!(take_at::<u32>(&rig.host.message(0)?, 16 + 12)?, 1 << 8);

        rig.host.then(Answer::reply(&[3, 1, 0, 0])?)?;
        assert_eq!(link.call(HostProcess::GUEST, submit(0, 0), LONG)?, 0x103);
        assert_eq!(take_at::<u32>(&rig.host.message(1)?, 16 + 12)?, 0);
        Ok(())
    }
}
