// SPDX-License-Identifier: GPL-2.0

//! The video memory of an adapter.

use super::{
    entry,
    user_args::Argument,
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::video_memory as command,
    uapi::video_memory as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<ChangeVideoMemoryReservation>(),
    entry::<FlushHeapTransitions>(),
];

/// 0x16: changes the amount of memory that is reserved for the caller.
struct ChangeVideoMemoryReservation;

impl Ioctl for ChangeVideoMemoryReservation {
    const REQUEST: u32 = 0xC020_4716;

    type Argument = abi::ChangeVideoMemoryReservation;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        if argument.process != 0 {
            return Err(EINVAL);
        }
        caller.process.adapter(argument.adapter)?.active()?.call(
            caller.process.on_host()?,
            command::ChangeReservation {
                memory_segment_group: argument.memory_segment_group,
                reservation: argument.reservation,
                physical_adapter_index: argument.physical_adapter_index,
            },
        )
    }
}

/// 0x1F: waits until all transitions of memory between heaps are done.
struct FlushHeapTransitions;

impl Ioctl for FlushHeapTransitions {
    const REQUEST: u32 = 0xC004_471F;

    type Argument = abi::FlushHeapTransitions;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        caller
            .process
            .adapter(argument.adapter)?
            .active()?
            .call(caller.process.on_host()?, command::FlushHeapTransitions)?;
        Ok(0)
    }
}
