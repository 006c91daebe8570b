// SPDX-License-Identifier: GPL-2.0

//! Allocations and resources.

mod create;
mod memory;
mod request;
mod standard;

use self::create::CreateAllocation;
use super::{
    entry,
    user_args::{
        read_array,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    linux::wait::WaitMode,
    message::allocation as command,
    objects::{
        allocation::Allocation,
        device::Device,
        object::Object,
        process::{
            unless_no_memory,
            Process, //
        },
    },
    uapi::allocation as abi,
    wire::Handle, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<CreateAllocation>(), entry::<DestroyAllocation>()];

/// 0x13: destroys allocations, or a resource with its allocations.
struct DestroyAllocation;

impl DestroyAllocation {
    /// Returns whether a handle occurs twice. The reference driver accepts such a list and frees
    /// the allocation twice. Here the second handle would name nothing, and a list with such a
    /// handle is refused.
    fn has_duplicates(handles: &[Handle]) -> Result<bool> {
        let mut numbers = KVVec::with_capacity(handles.len(), GFP_KERNEL_ACCOUNT)?;

        for handle in handles {
            numbers.push(handle.raw(), GFP_KERNEL_ACCOUNT)?;
        }
        numbers.sort_unstable();
        Ok(numbers.windows(2).any(|pair| pair.first() == pair.last()))
    }

    /// Removes all objects that are dying with `top` from the table. Allocations backed by memory
    /// of the program are added to `sysmem`. One for which there is no space releases its memory
    /// when the device is destroyed.
    fn take_out(process: &Process, top: Handle, sysmem: &mut KVVec<Arc<Allocation>>) {
        while let Some((_, piece)) = process.remove_dying(top) {
            piece.revoke();
            match piece {
                Object::Allocation(allocation) if allocation.has_own_memory() => {
                    let _ = sysmem.push(allocation, GFP_KERNEL_ACCOUNT);
                }
                _ => {}
            }
        }
    }
}

impl Ioctl for DestroyAllocation {
    const REQUEST: u32 = 0xC018_4713;

    type Argument = abi::DestroyAllocation;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let process = caller.process;
        // As on Windows, the list is ignored if a resource is given.
        let count = if argument.resource.is_none() {
            // CAST: `usize` has at least 32 bits.
            argument.alloc_count as usize
        } else {
            0
        };

        if count > command::DestroyAllocation::MAX || (count > 0 && argument.allocations == 0) {
            return Err(EINVAL);
        }

        let handles = read_array::<Handle>(argument.allocations, count)?;
        let device = process.get::<Device>(argument.device)?;
        let _pass = device.hold()?;

        // As on Windows, an empty request succeeds.
        if count == 0 && argument.resource.is_none() {
            return Ok(0);
        }
        if Self::has_duplicates(&handles)? {
            return Err(EINVAL);
        }

        // Allocate everything before the first object is removed.
        let reached = process.reach(device.adapter());
        let prepared = reached.as_ref().map(|(active, sender)| {
            let command = command::DestroyAllocation {
                device: device.handle(),
                resource: argument.resource,
                allocations: &handles,
                flags: argument.flags,
            };

            active.prepare(*sender, command)
        });
        let prepared = unless_no_memory(prepared)?;
        let mut sysmem = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;

        if count == 0 {
            process.mark_resource_dying(&device, argument.resource)?;
            Self::take_out(process, argument.resource, &mut sysmem);
        } else {
            process.mark_allocations_dying(&device, &handles)?;
            for handle in &handles {
                Self::take_out(process, *handle, &mut sysmem);
            }
        }

        // If the adapter is gone, the host need not be told.
        let Some(prepared) = prepared else {
            return Ok(0);
        };
        let code = prepared?.send(WaitMode::Killable)?.into_result()?;

        sysmem.iter().for_each(|allocation| allocation.destroyed());
        Ok(code)
    }
}
