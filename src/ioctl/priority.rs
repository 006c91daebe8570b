// SPDX-License-Identifier: GPL-2.0

//! Scheduling priorities of contexts.

use super::{
    entry,
    user_args::{
        write_field,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::priority as command,
    objects::context::Context,
    uapi::priority::ContextPriority, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<GetContextInProcessSchedulingPriority>(),
    entry::<GetContextSchedulingPriority>(),
    entry::<SetContextInProcessSchedulingPriority>(),
    entry::<SetContextSchedulingPriority>(),
];

fn set(
    caller: &Caller<'_>,
    argument: Argument<ContextPriority>,
    in_process: bool,
) -> Result<isize> {
    let context = caller.process.get::<Context>(argument.context)?;
    let command = command::SetContextPriority {
        context: context.handle(),
        priority: argument.priority,
        in_process,
    };

    context
        .device()
        .enter()?
        .active()
        .call(caller.process.on_host()?, command)
}

fn get(
    caller: &Caller<'_>,
    argument: Argument<ContextPriority>,
    in_process: bool,
) -> Result<isize> {
    let context = caller.process.get::<Context>(argument.context)?;
    let command = command::GetContextPriority {
        context: context.handle(),
        in_process,
    };
    let priority = context
        .device()
        .enter()?
        .active()
        .call(caller.process.on_host()?, command)?;

    write_field!(argument, ContextPriority, priority, &priority)?;
    Ok(0)
}

/// 0x21: returns the priority of a context among those of its process.
struct GetContextInProcessSchedulingPriority;

impl Ioctl for GetContextInProcessSchedulingPriority {
    const REQUEST: u32 = 0xC008_4721;

    type Argument = ContextPriority;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        get(caller, argument, true)
    }
}

/// 0x22: returns the priority of a context among all contexts.
struct GetContextSchedulingPriority;

impl Ioctl for GetContextSchedulingPriority {
    const REQUEST: u32 = 0xC008_4722;

    type Argument = ContextPriority;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        get(caller, argument, false)
    }
}

/// 0x2F: sets the priority of a context among those of its process.
struct SetContextInProcessSchedulingPriority;

impl Ioctl for SetContextInProcessSchedulingPriority {
    const REQUEST: u32 = 0xC008_472F;

    type Argument = ContextPriority;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        set(caller, argument, true)
    }
}

/// 0x30: sets the priority of a context among all contexts.
struct SetContextSchedulingPriority;

impl Ioctl for SetContextSchedulingPriority {
    const REQUEST: u32 = 0xC008_4730;

    type Argument = ContextPriority;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        set(caller, argument, false)
    }
}
