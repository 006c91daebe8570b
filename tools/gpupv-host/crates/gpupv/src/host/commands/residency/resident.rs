// SPDX-License-Identifier: GPL-2.0
//! MAKERESIDENT, EVICT, QUERYALLOCATIONRESIDENCY.

use zerocopy::IntoBytes;

use super::super::super::call::{answer, Call, Reply};
use super::super::super::shared::Shared;
use super::{check_count, count_residency, memory_of, subjects, usable_memory};
use crate::allocation::Allocation;
use crate::behaviour::NullPointers;
use crate::budget::SegmentGroup;
use crate::device::Device;
use crate::engine::Owner;
use crate::gpu::Fault;
use crate::handles::Handle;
use crate::memory::MemoryId;
use crate::queues::PagingQueue;
use crate::status::NtStatus;
use crate::wire::{Evict, EvictReturn, MakeResident, MakeResidentReturn, QueryAllocationResidency};

/// States of an allocation: in the adapter's own memory, in the machine's, or in neither.
const IN_GPU_MEMORY: u32 = 1;
const IN_SHARED_MEMORY: u32 = 2;
const NOT_RESIDENT: u32 = 3;

impl Shared {
    pub(super) fn make_resident(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: MakeResident = call.read();
        check_count(request.alloc_count.get())?;
        let handles = call.handles(MakeResident::HANDLES_OFFSET, request.alloc_count.get())?;
        let queue = Handle(request.paging_queue.get());
        let process = self.processes.get(&call.process);
        let objects = &process.ok_or(NtStatus::INVALID_HANDLE)?.objects;
        objects.select::<PagingQueue>(position, queue)?;
        let device = objects.get(queue).and_then(|queue| queue.parent);
        let device = device.ok_or(NtStatus::INVALID_PARAMETER)?;
        if request.flags.get() & !MakeResident::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let mut ids = Vec::with_capacity(handles.len());
        for &handle in &handles {
            let id = usable_memory(objects, &self.memories, position, Some(device), handle)?;
            ids.push(id);
        }
        let is_resident = |id: &MemoryId| {
            let memory = self.memories.get(*id);
            memory.is_some_and(|memory| memory.is_used_by(call.process) && memory.is_placed())
        };
        let is_done = ids.iter().all(is_resident);
        let mut limits = self.limits(call.process, position);
        if request.flags.get() & MakeResident::MUST_SUCCEED != 0 {
            limits.budget = limits.capacity;
        }
        let result = self
            .memories
            .make_resident(call.process, position, &ids, limits);
        if let Err(missing) = result {
            if request.flags.get() & MakeResident::FLAGS != 0 {
                // Nothing that the user could try is left.
                let process = call.process;
                self.fail_device(Owner { process, device }, Fault::NO_MEMORY);
            }
            return answer(&MakeResidentReturn {
                paging_fence_value: 0.into(),
                num_bytes_to_trim: missing.into(),
                status: NtStatus::NO_MEMORY.0.into(),
                padding: 0.into(),
            });
        }
        let (status, value) = match self.finish_paging(position, call, queue, is_done) {
            Ok(answer) => answer,
            Err(fail) => {
                for id in ids {
                    self.memories.stop_using(call.process, id, 1, true);
                }
                return Err(fail);
            }
        };
        let objects = &mut self.process(call)?.objects;
        for handle in handles {
            count_residency(objects, position, handle, |times| times + 1)?;
        }
        answer(&MakeResidentReturn {
            paging_fence_value: value.into(),
            num_bytes_to_trim: 0.into(),
            status: status.0.into(),
            padding: 0.into(),
        })
    }

    pub(super) fn evict(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: Evict = call.read();
        check_count(request.alloc_count.get())?;
        let handles = call.handles(Evict::HANDLES_OFFSET, request.alloc_count.get())?;
        let device = Handle(request.device.get());
        let flags = request.flags.get();
        let objects = &mut self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        if flags & !Evict::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        for &handle in &handles {
            memory_of(objects, position, Some(device), handle)?;
        }
        let stay = flags & Evict::ONLY_IF_NECESSARY != 0;
        for handle in handles {
            let objects = &mut self.process(call)?.objects;
            let allocation: &mut Allocation = objects.named_mut(position, handle)?;
            // Evicting what is not resident changes nothing.
            if allocation.resident > 0 {
                allocation.resident -= 1;
                let memory = allocation.memory;
                self.memories.stop_using(call.process, memory, 1, stay);
            }
        }
        answer(&EvictReturn {
            num_bytes_to_trim: self.excess(call.process, position).into(),
        })
    }

    /// By how much a process exceeds its budget: others may have made reservations.
    fn excess(&self, process: Handle, position: usize) -> u64 {
        let over = |group| {
            let budget = self.budget_of(process, position, group);
            let usage = budget.current_usage.get();
            usage.saturating_sub(budget.budget.get())
        };
        SegmentGroup::ALL.into_iter().map(over).sum()
    }

    pub(super) fn query_residency(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: QueryAllocationResidency = call.read();
        let count = request.allocation_count.get();
        let is_null =
            request.residency_status.get() == 0 || (count > 0 && request.allocations.get() == 0);
        let refuses_null = self.behaviour.null_pointers == NullPointers::Refuse;
        let objects = &self.process(call)?.objects;
        if is_null && refuses_null {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let subjects = subjects(
            objects,
            position,
            call,
            (Handle(request.device.get()), Handle(request.resource.get())),
            (count, QueryAllocationResidency::HANDLES_OFFSET),
        )?;
        let states = subjects
            .memories
            .iter()
            .map(|id| self.residency(position, *id));
        let mut reply = NtStatus::SUCCESS.0.as_bytes().to_vec();
        if subjects.of_resource {
            // A resource is as far away as the farthest of its allocations.
            let state = states.max().unwrap_or(NOT_RESIDENT);
            reply.extend(state.to_le_bytes());
        } else {
            reply.extend(states.flat_map(u32::to_le_bytes));
        }
        Ok(reply)
    }

    fn residency(&self, position: usize, id: MemoryId) -> u32 {
        let dedicated = self.adapters[position].description.dedicated_memory > 0;
        match self.memories.get(id).filter(|memory| memory.is_placed()) {
            None => NOT_RESIDENT,
            Some(memory) if dedicated && memory.info.group == SegmentGroup::Local => IN_GPU_MEMORY,
            Some(_) => IN_SHARED_MEMORY,
        }
    }
}
