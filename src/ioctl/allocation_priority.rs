// SPDX-License-Identifier: GPL-2.0

//! Priorities of allocations.

use super::{
    entry,
    residency::user_handles,
    user_args::{
        read_bytes,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::allocation_priority::{
        self as command,
        Subjects, //
    },
    objects::device::DeviceGuard,
    uapi::allocation_priority::AllocationPriority, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<SetAllocationPriority>(),
    entry::<GetAllocationPriority>(),
];

/// What a request is about.
struct Request<F> {
    device: DeviceGuard,
    subjects: Subjects<F>,
}

/// Finds the device, and the resource or the allocations that the request is about.
///
/// # Errors
///
/// `EINVAL` unless the request names either a resource or allocations, and not too many; those of
/// the device lookup.
fn find(
    caller: &Caller<'_>,
    argument: &AllocationPriority,
) -> Result<Request<impl FnMut(&mut [u8]) -> Result>> {
    let device = caller.process.device(argument.device)?;
    let count = argument.allocation_count;

    if count > AllocationPriority::MAX || (count == 0) == argument.resource.is_none() {
        return Err(EINVAL);
    }

    let subjects = Subjects {
        device: argument.device,
        resource: argument.resource,
        allocations: user_handles(argument.allocation_list, count)?,
    };

    Ok(Request { device, subjects })
}

/// 0x2E: sets the priorities of allocations or of a resource.
struct SetAllocationPriority;

impl Ioctl for SetAllocationPriority {
    const REQUEST: u32 = 0xC020_472E;

    type Argument = AllocationPriority;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let Request { device, subjects } = find(caller, &argument)?;

        device.active().call(
            caller.process.on_host()?,
            command::SetAllocationPriority {
                subjects,
                priorities: |bytes: &mut [u8]| read_bytes(argument.priorities, bytes),
            },
        )
    }
}

/// 0x3C: returns the priorities of allocations or of a resource.
struct GetAllocationPriority;

impl Ioctl for GetAllocationPriority {
    const REQUEST: u32 = 0xC020_473C;

    type Argument = AllocationPriority;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let Request { device, subjects } = find(caller, &argument)?;
        let priorities = device.active().call(
            caller.process.on_host()?,
            command::GetAllocationPriority { subjects },
        )?;

        write_slice(argument.priorities, priorities.bytes())?;
        Ok(0)
    }
}
