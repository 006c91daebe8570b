// SPDX-License-Identifier: GPL-2.0

//! Commands that submit work to the GPU.

use super::{
    put,
    status_only,
    Command,
    Opcode,
    Submission, //
};
use crate::{
    transport::ReplyBuffer,
    uapi::submit as abi,
    wire::{
        Handle,
        InterfaceVersion,
        NtStatus, //
    },
};
use kernel::prelude::*;

/// Returns the length of a body: a head of type `H`, `handles` handles and `data` bytes.
fn length<H>(handles: u32, data: u32) -> usize {
    // CAST: `usize` has 64 bits, so neither the product nor the sum overflows.
    size_of::<H>() + handles as usize * size_of::<Handle>() + data as usize
}

/// Fills a body with the head, and lets `write` write the handles and the data.
fn fill<H: IntoBytes + zerocopy::Immutable>(
    body: &mut [u8],
    head: &H,
    handles: u32,
    mut write: impl FnMut(&mut [u8], &mut [u8]) -> Result,
) -> Result {
    put(body, head)?;

    let rest = body.get_mut(size_of::<H>()..).ok_or(EINVAL)?;
    // CAST: `usize` has at least 32 bits.
    let (handles, data) = rest
        .split_at_mut_checked(handles as usize * size_of::<Handle>())
        .ok_or(EINVAL)?;

    write(handles, data)
}

static_assert!(size_of::<abi::SubmitCommand>() == 408 - 24);

/// Command SUBMITCOMMAND: submits commands to contexts.
pub(crate) struct SubmitCommand<'a, F> {
    /// The user's argument, with its user addresses: the message begins with it.
    pub(crate) request: &'a abi::SubmitCommand,
    /// Writes the handles of the history buffers, and the private data.
    pub(crate) write: F,
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Command for SubmitCommand<'_, F> {
    const OPCODE: Opcode = Opcode::Vgpu(20);

    type Reply = isize;

    fn body_len(&self) -> usize {
        length::<abi::SubmitCommand>(
            self.request.num_history_buffers,
            self.request.priv_drv_data_size,
        )
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        let handles = self.request.num_history_buffers;

        fill(body, self.request, handles, &mut self.write)
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Submission for SubmitCommand<'_, F> {}

static_assert!(size_of::<abi::SubmitCommandToHwQueue>() == 80 - 24);

/// Command SUBMITCOMMANDTOHWQUEUE: submits commands to a hardware queue.
pub(crate) struct SubmitToHwQueue<'a, F> {
    /// The user's argument, with its user addresses: the message begins with it.
    pub(crate) request: &'a abi::SubmitCommandToHwQueue,
    /// Writes the handles of the primaries, and the private data.
    pub(crate) write: F,
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Command for SubmitToHwQueue<'_, F> {
    const OPCODE: Opcode = Opcode::Vgpu(52);

    type Reply = isize;

    fn body_len(&self) -> usize {
        length::<abi::SubmitCommandToHwQueue>(
            self.request.num_primaries,
            self.request.priv_drv_data_size,
        )
    }

    fn fill(&mut self, body: &mut [u8]) -> Result {
        fill(
            body,
            self.request,
            self.request.num_primaries,
            &mut self.write,
        )
    }

    fn reply_len(&self, _version: InterfaceVersion) -> usize {
        size_of::<NtStatus>()
    }

    fn parse(&self, _version: InterfaceVersion, reply: ReplyBuffer) -> Result<isize> {
        status_only(&reply)
    }
}

impl<F: FnMut(&mut [u8], &mut [u8]) -> Result> Submission for SubmitToHwQueue<'_, F> {}

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
        wire::HostProcess, //
    };

    fn mark(handles: &mut [u8], data: &mut [u8]) -> Result {
        handles.fill(0xAA);
        data.fill(0xBB);
        Ok(())
    }

    type Write = fn(&mut [u8], &mut [u8]) -> Result;

    /// Makes an argument in which adjacent bytes differ, in reserved fields too.
    fn argument<T: FromBytes + IntoBytes>() -> T {
        let mut argument = T::new_zeroed();

        for (byte, value) in argument.as_mut_bytes().iter_mut().zip((1..=251).cycle()) {
            *byte = value;
        }
        argument
    }

    fn submit(history_count: u32, data_size: u32) -> abi::SubmitCommand {
        let mut request: abi::SubmitCommand = argument();

        request.num_history_buffers = history_count;
        request.priv_drv_data_size = data_size;
        request
    }

    fn to_queue(primary_count: u32, data_size: u32) -> abi::SubmitCommandToHwQueue {
        let mut request: abi::SubmitCommandToHwQueue = argument();

        request.num_primaries = primary_count;
        request.priv_drv_data_size = data_size;
        request
    }

    #[test]
    fn submit_command() -> Result {
        let request = submit(2, 3);
        let write: Write = mark;
        let mut command = SubmitCommand {
            request: &request,
            write,
        };
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 408 + 8 + 3);
        assert_eq!(take_at::<u32>(bytes, 16)?, 20);
        // The argument, with its addresses, and with all entries of its arrays.
        assert_eq!(&bytes[24..408], request.as_bytes());
        assert_eq!(take_at::<u64>(bytes, 312)?, request.priv_drv_data);
        assert_eq!(take_at::<[u32; 2]>(bytes, 320)?, [3, request.num_primaries]);
        assert_eq!(take_at::<u32>(bytes, 392)?, 2);
        assert_eq!(take_at::<u64>(bytes, 400)?, request.history_buffer_array);
        assert_ne!(request.history_buffer_array, 0);
        assert_eq!(bytes[408..416], [0xAA; 8]);
        assert_eq!(bytes[416..], [0xBB; 3]);
        Ok(())
    }

    #[test]
    fn submit_to_hw_queue() -> Result {
        let request = to_queue(1, 5);
        let write: Write = mark;
        let mut command = SubmitToHwQueue {
            request: &request,
            write,
        };
        let message = encode(envelope(40), HostProcess::GUEST, &mut command)?;
        let bytes = &message.bytes()[16..];

        assert_eq!(bytes.len(), 80 + 4 + 5);
        assert_eq!(take_at::<u32>(bytes, 16)?, 52);
        assert_eq!(&bytes[24..80], request.as_bytes());
        assert_eq!(take_at::<u32>(bytes, 52)?, 5);
        assert_eq!(take_at::<u64>(bytes, 56)?, request.priv_drv_data);
        assert_eq!(take_at::<u32>(bytes, 64)?, 1);
        assert_eq!(take_at::<u64>(bytes, 72)?, request.written_primaries);
        assert_ne!(request.written_primaries, 0);
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
            let request = submit(handles, data);
            let write: Write = mark;
            let mut command = SubmitCommand {
                request: &request,
                write,
            };

            assert_eq!(encode(envelope, guest, &mut command).is_ok(), fits);
        }
        for (handles, data, fits) in [
            (0, 0, true),
            (0, 130_976, true),
            (0, 130_977, false),
            (32_744, 0, true),
            (32_744, 1, false),
            (u32::MAX, u32::MAX, false),
        ] {
            let request = to_queue(handles, data);
            let write: Write = mark;
            let mut command = SubmitToHwQueue {
                request: &request,
                write,
            };

            assert_eq!(encode(envelope, guest, &mut command).is_ok(), fits);
        }
    }

    #[test]
    fn without_waiting() -> Result {
        let rig = Rig::new()?;
        let link = rig.link(envelope(40))?;

        let write: Write = mark;
        let to_queue = SubmitToHwQueue {
            request: &to_queue(0, 0),
            write,
        };
        let submit = SubmitCommand {
            request: &submit(0, 0),
            write,
        };

        link.post(HostProcess::GUEST, to_queue, LONG)?;
        assert_eq!(rig.host.id(0)?, 0);
        assert_eq!(take_at::<u32>(&rig.host.message(0)?, 16 + 12)?, 1 << 8);

        rig.host.then(Answer::reply(&[3, 1, 0, 0])?)?;
        assert_eq!(link.call(HostProcess::GUEST, submit, LONG)?, 0x103);
        assert_eq!(take_at::<u32>(&rig.host.message(1)?, 16 + 12)?, 0);
        Ok(())
    }
}
