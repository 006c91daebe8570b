// SPDX-License-Identifier: GPL-2.0
//! UPDATEALLOCATIONPROPERTY: which segments an allocation may be in.
//!
//! Segment 1 is the local one; segment 2, of adapters that have memory of their own, the machine's.

use super::super::super::call::{answer, Call, Reply};
use super::super::super::shared::Shared;
use super::usable_memory;
use crate::budget::{capacity, SegmentGroup};
use crate::handles::Handle;
use crate::queues::PagingQueue;
use crate::status::NtStatus;
use crate::wire::{UpdateAllocationProperty, UpdateAllocationPropertyReturn};

/// The bits of one of the five preferences: a segment, and whether to fill it from its top.
const PREFERENCE_BITS: u32 = 6;
const PREFERENCES: u32 = 5;
const SEGMENT_MASK: u32 = 0x1F;
/// The bits of the preferences that mean nothing.
const PREFERENCE_RESERVED: u32 = 0xC000_0000;

impl Shared {
    pub(super) fn update_property(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: UpdateAllocationProperty = call.read();
        let queue = Handle(request.paging_queue.get());
        let process = self.processes.get(&call.process);
        let objects = &process.ok_or(NtStatus::INVALID_HANDLE)?.objects;
        objects.select::<PagingQueue>(position, queue)?;
        let handle = Handle(request.allocation.get());
        let memory = usable_memory(objects, &self.memories, position, None, handle)?;
        let group = self.wanted_group(position, &request)?;
        let moves = |group| {
            let memory = self.memories.get(memory);
            memory.is_some_and(|memory| memory.is_placed() && memory.info.group != group)
        };
        let is_done = !group.is_some_and(moves);
        if let Some(group) = group {
            let ours = self.memories.get(memory).is_some_and(|m| m.guest.is_none());
            if !ours {
                // Memory of the guest is where it is.
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            let capacity = self.capacity_of(position);
            self.memories
                .move_to(memory, group, capacity)
                .map_err(|_| NtStatus::NO_MEMORY)?;
        }
        let (status, value) = self.finish_paging(position, call, queue, is_done)?;
        answer(&UpdateAllocationPropertyReturn {
            paging_fence_value: value.into(),
            status: status.0.into(),
            padding: 0.into(),
        })
    }

    /// Where the allocation shall be; `None` for where it is.
    fn wanted_group(
        &self,
        position: usize,
        request: &UpdateAllocationProperty,
    ) -> Result<Option<SegmentGroup>, NtStatus> {
        let mask = request.property_mask_value.get();
        let has = |bit: u32| mask & bit != 0;
        if mask & !UpdateAllocationProperty::MASK != 0 {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        if has(UpdateAllocationProperty::SET_ACCESSED_PHYSICALLY) && request.flags.get() > 1 {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        let adapter = &self.adapters[position].description;
        let exists = |segment: u32| {
            match segment {
                1 => Some(SegmentGroup::Local),
                2 => Some(SegmentGroup::NonLocal),
                _ => None,
            }
            .filter(|group| capacity(adapter, *group) > 0)
        };
        let all: u32 = [1, 2]
            .into_iter()
            .filter(|segment| exists(*segment).is_some())
            .map(|segment| 1 << (segment - 1))
            .sum();
        let mut allowed = all;
        if has(UpdateAllocationProperty::SET_SEGMENT_SET) {
            allowed = request.supported_segment_set.get();
            if allowed == 0 || allowed & !all != 0 {
                return Err(NtStatus::INVALID_PARAMETER);
            }
        }
        let mut preferred = Vec::new();
        if has(UpdateAllocationProperty::SET_PREFERRED_SEGMENT) {
            let preferences = request.preferred_segment.get();
            if preferences & PREFERENCE_RESERVED != 0 {
                return Err(NtStatus::INVALID_PARAMETER);
            }
            for n in 0..PREFERENCES {
                match (preferences >> (n * PREFERENCE_BITS)) & SEGMENT_MASK {
                    0 => break,
                    segment if exists(segment).is_some() => preferred.push(segment),
                    _ => return Err(NtStatus::INVALID_PARAMETER),
                }
            }
        }
        let is_allowed = |segment: &u32| allowed & (1 << (segment - 1)) != 0;
        let first = preferred.into_iter().find(is_allowed);
        let only = (allowed != all).then(|| allowed.trailing_zeros() + 1);
        Ok(first.or(only).and_then(exists))
    }
}
