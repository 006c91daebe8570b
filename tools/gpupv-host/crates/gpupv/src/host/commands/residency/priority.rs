// SPDX-License-Identifier: GPL-2.0
//! SETALLOCATIONPRIORITY and GETALLOCATIONPRIORITY.

use super::super::super::call::{success, Call, Reply};
use super::super::super::shared::Shared;
use super::subjects;
use crate::handles::Handle;
use crate::memory::{MAXIMUM_PRIORITY, NORMAL_PRIORITY};
use crate::status::NtStatus;
use crate::wire::{GetAllocationPriority, SetAllocationPriority};

impl Shared {
    pub(super) fn set_priority(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SetAllocationPriority = call.read();
        let count = request.allocation_count.get();
        let at = SetAllocationPriority::HANDLES_OFFSET;
        let names = (Handle(request.device.get()), Handle(request.resource.get()));
        let objects = &self.process(call)?.objects;
        let subjects = subjects(objects, position, call, names, (count, at))?;
        // CAST: u32 to usize, on a 64-bit host.
        let priorities = call.words(at + count as usize * 4, count.max(1))?;
        if priorities
            .iter()
            .any(|priority| *priority > MAXIMUM_PRIORITY)
        {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        // One priority is for all allocations of a resource.
        for (n, id) in subjects.memories.into_iter().enumerate() {
            let n = if subjects.of_resource { 0 } else { n };
            let priority = priorities.get(n).copied();
            if let (Some(memory), Some(priority)) = (self.memories.get_mut(id), priority) {
                memory.info.priority = priority;
            }
        }
        success()
    }

    pub(super) fn get_priority(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: GetAllocationPriority = call.read();
        let count = request.allocation_count.get();
        let names = (Handle(request.device.get()), Handle(request.resource.get()));
        let objects = &self.process(call)?.objects;
        let list = (count, GetAllocationPriority::HANDLES_OFFSET);
        let subjects = subjects(objects, position, call, names, list)?;
        let priority = |id| self.memories.get(id).map_or(0, |m| m.info.priority);
        let mut priorities = subjects.memories.into_iter().map(priority);
        let mut reply = NtStatus::SUCCESS.0.to_le_bytes().to_vec();
        if subjects.of_resource {
            let first = priorities.next().unwrap_or(NORMAL_PRIORITY);
            reply.extend(first.to_le_bytes());
        } else {
            reply.extend(priorities.flat_map(u32::to_le_bytes));
        }
        Ok(reply)
    }
}
