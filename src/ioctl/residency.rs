// SPDX-License-Identifier: GPL-2.0

//! Residency of allocations.

use super::{
    address::is_accepted,
    entry,
    user_args::{
        read_bytes,
        write_field,
        write_slice,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::{
        offer as offer_command,
        residency::{
            self as command,
            Handles, //
        },
    },
    objects::paging_queue::PagingQueue,
    uapi::residency as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[
    entry::<MakeResident>(),
    entry::<Evict>(),
    entry::<OfferAllocations>(),
    entry::<QueryAllocationResidency>(),
    entry::<ReclaimAllocations>(),
    entry::<UpdateAllocationProperty>(),
];

/// Describes `count` handles at `address` in user memory, which are read when a message is filled.
pub(super) fn user_handles(
    address: u64,
    count: u32,
) -> Result<Handles<impl FnMut(&mut [u8]) -> Result>> {
    Handles::new(count, move |bytes: &mut [u8]| read_bytes(address, bytes))
}

/// Returns whether a request to make resident, evict, offer or reclaim has no objects or too many.
fn is_wrong_count(count: u32) -> bool {
    count == 0 || count > abi::MAX
}

/// 0x0B: makes allocations resident.
struct MakeResident;

impl Ioctl for MakeResident {
    const REQUEST: u32 = 0xC030_470B;

    type Argument = abi::MakeResident;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        type Abi = abi::MakeResident;

        if is_wrong_count(argument.alloc_count) || argument.paging_queue.is_none() {
            return Err(EINVAL);
        }

        let process = caller.process;
        let queue = process.get::<PagingQueue>(argument.paging_queue)?;
        let residency = queue.device().enter()?.active().call(
            process.on_host()?,
            command::MakeResident {
                paging_queue: argument.paging_queue,
                flags: argument.flags,
                allocations: user_handles(argument.allocation_list, argument.alloc_count)?,
            },
        )?;
        let trim = residency.num_bytes_to_trim;

        match residency.code {
            Ok(code) if is_accepted(code) => {
                let fence = residency.paging_fence_value;

                write_field!(argument, Abi, paging_fence_value, &fence)?;
                write_field!(argument, Abi, num_bytes_to_trim, &trim)?;
            }
            // The number of bytes to free before the request can succeed.
            Err(error) if error == ENOMEM => {
                write_field!(argument, Abi, num_bytes_to_trim, &trim)?;
            }
            _ => {}
        }
        residency.code
    }
}

/// 0x1E: evicts allocations.
struct Evict;

impl Ioctl for Evict {
    const REQUEST: u32 = 0xC020_471E;

    type Argument = abi::Evict;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        if is_wrong_count(argument.alloc_count) {
            return Err(EINVAL);
        }

        let process = caller.process;
        let trim = process.device(argument.device)?.active().call(
            process.on_host()?,
            command::Evict {
                device: argument.device,
                flags: argument.flags,
                allocations: user_handles(argument.allocations, argument.alloc_count)?,
            },
        )?;

        write_field!(argument, abi::Evict, num_bytes_to_trim, &trim)?;
        Ok(0)
    }
}

/// Returns whether the handles are those of resources, and their address.
///
/// # Errors
///
/// `EINVAL` if there are no handles or too many, or not exactly one of the two addresses is given.
fn one_kind(resources: u64, allocations: u64, count: u32) -> Result<(bool, u64)> {
    if is_wrong_count(count) || (resources == 0) == (allocations == 0) {
        return Err(EINVAL);
    }
    Ok((resources != 0, resources.max(allocations)))
}

/// 0x27: offers memory that the program does not need at present to the host.
struct OfferAllocations;

impl Ioctl for OfferAllocations {
    const REQUEST: u32 = 0xC028_4727;

    type Argument = abi::OfferAllocations;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let count = argument.allocation_count;
        let (resources, handles) = one_kind(argument.resources, argument.allocations, count)?;
        let process = caller.process;

        process.device(argument.device)?.active().call(
            process.on_host()?,
            offer_command::OfferAllocations {
                device: argument.device,
                priority: argument.priority,
                flags: argument.flags,
                resources,
                handles: user_handles(handles, count)?,
            },
        )
    }
}

/// 0x2A: returns the residency of allocations or of a resource.
struct QueryAllocationResidency;

impl Ioctl for QueryAllocationResidency {
    const REQUEST: u32 = 0xC020_472A;

    type Argument = abi::QueryAllocationResidency;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let count = argument.allocation_count;

        if (count == 0) == argument.resource.is_none() {
            return Err(EINVAL);
        }

        let process = caller.process;
        let guard = process.device(argument.device)?;

        if count > abi::QueryAllocationResidency::MAX {
            return Err(EINVAL);
        }

        let states = guard.active().call(
            process.on_host()?,
            command::QueryAllocationResidency {
                request: &argument,
                allocations: user_handles(argument.allocations, count)?,
            },
        )?;

        write_slice(argument.residency_status, states.bytes())?;
        Ok(0)
    }
}

/// 0x2C: reclaims memory that was offered.
struct ReclaimAllocations;

impl Ioctl for ReclaimAllocations {
    const REQUEST: u32 = 0xC028_472C;

    type Argument = abi::ReclaimAllocations;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        type Abi = abi::ReclaimAllocations;

        let count = argument.allocation_count;
        let (resources, handles) = one_kind(argument.resources, argument.allocations, count)?;
        let process = caller.process;
        let queue = process.get::<PagingQueue>(argument.paging_queue)?;
        let guard = queue.device().enter()?;
        let reclaimed = guard.active().call(
            process.on_host()?,
            offer_command::ReclaimAllocations {
                device: guard.handle(),
                paging_queue: argument.paging_queue,
                resources,
                write_results: argument.results != 0,
                handles: user_handles(handles, count)?,
            },
        )?;
        let fence = reclaimed.paging_fence_value;

        // The fence value is valid even if the request failed.
        write_field!(argument, Abi, paging_fence_value, &fence)?;

        let code = reclaimed.code?;

        write_slice(argument.results, reclaimed.results.bytes())?;
        Ok(code)
    }
}

/// 0x38: changes the memory segments an allocation may be in.
struct UpdateAllocationProperty;

impl Ioctl for UpdateAllocationProperty {
    const REQUEST: u32 = 0xC028_4738;

    type Argument = abi::UpdateAllocationProperty;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        const PENDING: isize = 0x103;

        let process = caller.process;
        let queue = process.get::<PagingQueue>(argument.paging_queue)?;
        let (code, fence) = queue.device().enter()?.active().call(
            process.on_host()?,
            command::UpdateAllocationProperty { request: *argument },
        )?;

        if code == PENDING {
            write_field!(
                argument,
                abi::UpdateAllocationProperty,
                paging_fence_value,
                &fence
            )?;
        }
        Ok(code)
    }
}
