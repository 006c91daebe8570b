// SPDX-License-Identifier: GPL-2.0

//! Submitting work to the GPU.

use super::{
    entry,
    user_args::{
        read_bytes,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::submit as command,
    objects::{
        context::Context,
        hw_queue::HwQueue, //
    },
    transport::MAX_MESSAGE,
    uapi::submit as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<SubmitCommand>(), entry::<SubmitCommandToHwQueue>()];

/// Returns `EINVAL` if `count` is larger than `most`.
fn at_most(count: u32, most: usize) -> Result {
    // CAST: `usize` has at least 32 bits.
    if count as usize > most {
        return Err(EINVAL);
    }
    Ok(())
}

/// 0x0F: submits commands to contexts.
struct SubmitCommand;

impl Ioctl for SubmitCommand {
    const REQUEST: u32 = 0xC180_470F;

    type Argument = abi::SubmitCommand;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        if argument.broadcast_context_count == 0 {
            return Err(EINVAL);
        }
        at_most(
            argument.broadcast_context_count,
            abi::SubmitCommand::MAX_CONTEXTS,
        )?;
        at_most(argument.priv_drv_data_size, MAX_MESSAGE)?;
        at_most(
            argument.num_history_buffers,
            abi::SubmitCommand::MAX_HISTORY_BUFFERS,
        )?;
        // The host refuses more primaries than the argument has space for; none of them is read
        // here.
        at_most(argument.num_primaries, abi::MAX_PRIMARIES)?;

        // The device of the first context is used; the host checks the other contexts.
        let [first, ..] = argument.broadcast_context;
        let device = caller.process.get::<Context>(first)?.device().enter()?;

        device.active().submit(
            caller.process.on_host()?,
            command::SubmitCommand {
                request: &argument,
                write: |history: &mut [u8], data: &mut [u8]| {
                    read_bytes(argument.history_buffer_array, history)?;
                    read_bytes(argument.priv_drv_data, data)
                },
            },
        )
    }
}

/// 0x34: submits commands to a hardware queue.
struct SubmitCommandToHwQueue;

impl Ioctl for SubmitCommandToHwQueue {
    const REQUEST: u32 = 0xC038_4734;

    type Argument = abi::SubmitCommandToHwQueue;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        at_most(argument.priv_drv_data_size, MAX_MESSAGE)?;
        at_most(argument.num_primaries, abi::MAX_PRIMARIES)?;

        let queue = caller.process.get::<HwQueue>(argument.hwqueue)?;
        let device = queue.device().enter()?;

        device.active().submit(
            caller.process.on_host()?,
            command::SubmitToHwQueue {
                request: &argument,
                write: |primaries: &mut [u8], data: &mut [u8]| {
                    read_bytes(argument.written_primaries, primaries)?;
                    read_bytes(argument.priv_drv_data, data)
                },
            },
        )
    }
}
