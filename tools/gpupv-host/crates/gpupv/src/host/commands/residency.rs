// SPDX-License-Identifier: GPL-2.0
//! Where allocations are, and how much they matter.

mod offer;
mod priority;
mod property;
mod resident;

use super::super::call::{broken, Call, Fail, Reply};
use super::super::shared::Shared;
use crate::allocation::{Allocation, Resource};
use crate::command::ResidencyCommand;
use crate::handles::Handle;
use crate::memory::{Memories, Memory, MemoryId};
use crate::payload::Objects;
use crate::status::NtStatus;
use crate::wire::{PRIORITY_COUNT_MAX, RESIDENCY_COUNT_MAX};

impl Shared {
    pub(in crate::host) fn residency_command(
        &mut self,
        command: ResidencyCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            ResidencyCommand::MakeResident => self.make_resident(position, call),
            ResidencyCommand::Evict => self.evict(position, call),
            ResidencyCommand::QueryAllocationResidency => self.query_residency(position, call),
            ResidencyCommand::OfferAllocations => self.offer(position, call),
            ResidencyCommand::ReclaimAllocations => self.reclaim(position, call),
            ResidencyCommand::SetAllocationPriority => self.set_priority(position, call),
            ResidencyCommand::GetAllocationPriority => self.get_priority(position, call),
            ResidencyCommand::UpdateAllocationProperty => self.update_property(position, call),
        }
    }
}

/// A list that every guest checks.
fn check_count(count: u32) -> Result<(), Fail> {
    match count {
        1..=RESIDENCY_COUNT_MAX => Ok(()),
        _ => broken(format!("{count} allocations")),
    }
}

/// The memory of an allocation that a user names, of one device or of any.
fn memory_of(
    objects: &Objects,
    position: usize,
    device: Option<Handle>,
    handle: Handle,
) -> Result<MemoryId, NtStatus> {
    let found = objects.get(handle).filter(|o| o.adapter == position);
    let allocation = found.and_then(|object| match &object.payload {
        crate::payload::Payload::Allocation(allocation) => Some(allocation),
        _ => None,
    });
    allocation
        .filter(|a| device.is_none_or(|device| a.device == device))
        .map(|allocation| allocation.memory)
        .ok_or(NtStatus::INVALID_PARAMETER)
}

/// As [`memory_of`], of memory of the adapter that is all there and not on offer.
fn usable_memory(
    objects: &Objects,
    memories: &Memories,
    position: usize,
    device: Option<Handle>,
    handle: Handle,
) -> Result<MemoryId, NtStatus> {
    let id = memory_of(objects, position, device, handle)?;
    let usable = |memory: &&Memory| {
        memory.info.adapter == position && memory.is_complete() && memory.offer().is_none()
    };
    let found = memories.get(id).filter(usable);
    found.map(|_| id).ok_or(NtStatus::INVALID_PARAMETER)
}

/// The allocations that a command is about: those in its list, or those of a resource.
fn allocations_of(
    objects: &Objects,
    position: usize,
    device: Handle,
    resource: Handle,
) -> Result<Vec<Handle>, Fail> {
    let found: &Resource = objects.named(position, resource)?;
    if found.device != device {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    Ok(found.allocations.clone())
}

/// Allocations, and whether they are those of one resource that counts as one.
struct Subjects {
    memories: Vec<MemoryId>,
    of_resource: bool,
}

/// The memory that QUERYALLOCATIONRESIDENCY and the priority commands are about: that of a resource,
/// or of a list at `at`.
fn subjects(
    objects: &Objects,
    position: usize,
    call: &Call<'_>,
    (device, resource): (Handle, Handle),
    (count, at): (u32, usize),
) -> Result<Subjects, Fail> {
    if (count == 0) != (resource.0 != 0) || count > PRIORITY_COUNT_MAX {
        return broken(format!("{count} allocations, resource {resource}"));
    }
    let handles = call.handles(at, count)?;
    objects.select::<crate::device::Device>(position, device)?;
    let of_resource = count == 0;
    let handles = match of_resource {
        true => allocations_of(objects, position, device, resource)?,
        false => handles,
    };
    let mut memories = Vec::with_capacity(handles.len());
    for handle in handles {
        memories.push(memory_of(objects, position, Some(device), handle)?);
    }
    Ok(Subjects {
        memories,
        of_resource,
    })
}

/// Takes note that a process uses, or no longer uses, an allocation.
fn count_residency(
    objects: &mut Objects,
    position: usize,
    handle: Handle,
    change: impl FnOnce(u64) -> u64,
) -> Result<(), Fail> {
    let allocation: &mut Allocation = objects.named_mut(position, handle)?;
    allocation.resident = change(allocation.resident);
    Ok(())
}
