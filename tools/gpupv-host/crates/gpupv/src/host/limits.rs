// SPDX-License-Identifier: GPL-2.0
//! How much memory a process may use, with all the others there are.

use super::shared::Shared;
use crate::budget::{budget, capacity, PerGroup, SegmentGroup, Share};
use crate::handles::Handle;
use crate::memory::Limits;
use crate::wire::QueryVideoMemoryInfoReturn;

impl Shared {
    /// What a process has and may have of a group.
    pub(super) fn budget_of(
        &self,
        process: Handle,
        position: usize,
        group: SegmentGroup,
    ) -> QueryVideoMemoryInfoReturn {
        let reserved_by = |process: &crate::process::Process| {
            let here = process.on(position);
            here.map_or(0, |here| here.reserved.of(group))
        };
        let own = self.processes.get(&process).map_or(0, reserved_by);
        let everybody: u64 = self.processes.values().map(reserved_by).sum();
        let share = Share {
            usage: self.memories.used(process, position).of(group),
            reservation: own,
            reserved_by_others: everybody - own,
        };
        budget(&self.adapters[position].description, group, share)
    }

    /// How many bytes an adapter has.
    pub(super) fn capacity_of(&self, position: usize) -> PerGroup {
        let adapter = &self.adapters[position].description;
        PerGroup::new(|group| capacity(adapter, group))
    }

    /// What making memory resident for a process must keep to.
    pub(super) fn limits(&self, process: Handle, position: usize) -> Limits {
        Limits {
            budget: PerGroup::new(|group| self.budget_of(process, position, group).budget.get()),
            capacity: self.capacity_of(position),
        }
    }
}
