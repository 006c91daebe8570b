// SPDX-License-Identifier: GPL-2.0
//! OFFERALLOCATIONS and RECLAIMALLOCATIONS.

use zerocopy::IntoBytes;

use super::super::super::call::{success, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::{allocations_of, check_count, memory_of};
use crate::device::Device;
use crate::handles::Handle;
use crate::memory::{Fate, MemoryId, Offer, OfferPriority};
use crate::payload::Objects;
use crate::queues::PagingQueue;
use crate::status::NtStatus;
use crate::wire::{OfferAllocations, ReclaimAllocations};

impl Shared {
    pub(super) fn offer(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: OfferAllocations = call.read();
        let count = request.allocation_count.get();
        check_count(count)?;
        let handles = call.handles(OfferAllocations::HANDLES_OFFSET, count)?;
        let device = Handle(request.device.get());
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        let priority = OfferPriority::try_from(request.priority.get())
            .map_err(|_| NtStatus::INVALID_PARAMETER)?;
        let flags = request.flags.get();
        if flags & !OfferAllocations::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let resources = request.resources != 0;
        let groups = memory_groups(objects, position, device, &handles, resources)?;
        if !self.all_here(position, &groups) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let offer = Offer {
            priority,
            may_decommit: flags & OfferAllocations::ALLOW_DECOMMIT != 0,
        };
        let ids: Vec<MemoryId> = groups.concat();
        let locked = |id: &MemoryId| self.memories.get(*id).is_some_and(|m| m.is_locked());
        if ids.iter().any(locked) {
            // The guest looks at it.
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        for id in ids {
            self.memories.offer(id, offer);
        }
        success()
    }

    pub(super) fn reclaim(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: ReclaimAllocations = call.read();
        let count = request.allocation_count.get();
        check_count(count)?;
        let handles = call.handles(ReclaimAllocations::HANDLES_OFFSET, count)?;
        let (device, queue) = (request.device.get(), Handle(request.paging_queue.get()));
        let objects = &self.process(call)?.objects;
        objects.select::<PagingQueue>(position, queue)?;
        // The device is the queue's, and some drivers say so.
        let device = match Handle(device) {
            Handle(0) => objects.get(queue).and_then(|queue| queue.parent),
            device => Some(device),
        };
        let device = device.ok_or(NtStatus::INVALID_PARAMETER)?;
        objects.select::<Device>(position, device)?;
        let resources = request.resources != 0;
        let groups = memory_groups(objects, position, device, &handles, resources)?;
        if !self.all_here(position, &groups) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let capacity = self.capacity_of(position);
        let ids: Vec<MemoryId> = groups.concat();
        let stayed = |id: &MemoryId| {
            let memory = self.memories.get(*id);
            memory.is_none_or(|memory| memory.is_placed() || !memory.is_used())
        };
        let is_done = ids.iter().all(stayed);
        let mut fates = self
            .memories
            .reclaim(position, &ids, capacity)
            .map_err(|_| NtStatus::NO_MEMORY)?
            .into_iter();
        let (status, value) = self.finish_paging(position, call, queue, is_done)?;
        let mut reply = value.as_bytes().to_vec();
        reply.extend(status.0.to_le_bytes());
        if request.write_results != 0 {
            for group in &groups {
                // A resource has lost what any of its allocations has lost.
                let worst = fates.by_ref().take(group.len()).map(Fate::number).max();
                reply.extend(worst.unwrap_or(0).to_le_bytes());
            }
        }
        Ok(reply)
    }
}

impl Shared {
    /// Whether all memory belongs to the adapter at `position`. A resource may have been opened on
    /// another one.
    fn all_here(&self, position: usize, groups: &[Vec<MemoryId>]) -> bool {
        let is_here = |id: &MemoryId| {
            let memory = self.memories.get(*id);
            memory.is_none_or(|memory| memory.info.adapter == position)
        };
        groups.iter().flatten().all(is_here)
    }
}

/// The memory behind each of `handles`, which are resources or allocations.
fn memory_groups(
    objects: &Objects,
    position: usize,
    device: Handle,
    handles: &[Handle],
    resources: bool,
) -> Result<Vec<Vec<MemoryId>>, Fail> {
    let mut groups = Vec::with_capacity(handles.len());
    for &handle in handles {
        let allocations = match resources {
            true => allocations_of(objects, position, device, handle)?,
            false => vec![handle],
        };
        let mut group = Vec::with_capacity(allocations.len());
        for allocation in allocations {
            group.push(memory_of(objects, position, Some(device), allocation)?);
        }
        groups.push(group);
    }
    Ok(groups)
}
