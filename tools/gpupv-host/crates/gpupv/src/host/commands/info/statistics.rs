// SPDX-License-Identifier: GPL-2.0
//! QUERYSTATISTICS: results computed from what there is.

use super::super::super::call::{answer, broken, Call, Reply};
use super::super::super::shared::Shared;
use crate::allocation::Allocation;
use crate::budget::SegmentGroup;
use crate::handles::Handle;
use crate::memory::Memory;
use crate::objects::Object;
use crate::payload::{Payload, Typed};
use crate::queues::Context;
use crate::statistics::{Counter, Statistics, StatisticsType};
use crate::status::NtStatus;
use crate::wire::{utf16, QueryStatistics, QueryStatisticsReturn};

impl Shared {
    pub(super) fn query_statistics(&self, position: usize, call: &Call<'_>) -> Reply {
        let request: QueryStatistics = call.read();
        let luid = self.adapters[position].identity.adapter_luid;
        if request.adapter_luid != luid || request.process.get() != 0 {
            let (named, process) = (request.adapter_luid, request.process.get());
            return broken(format!("adapter {named}, process {process:#x}"));
        }
        let id = request.padding_id.get();
        let process = call.process;
        let what = StatisticsType::try_from(request.r#type.get())
            .map_err(|_| NtStatus::INVALID_PARAMETER)?;
        let mut result = Statistics::new();
        match what {
            StatisticsType::Adapter => self.adapter_statistics(position, &mut result),
            StatisticsType::Process => {
                let own = self.own_allocations(process, None, |_| true);
                result.word(0, self.node_count(position)).long(8, own.bytes);
            }
            StatisticsType::ProcessAdapter => {
                let here = self.processes.get(&process).and_then(|p| p.on(position));
                let taken = here.map_or(0, |here| here.addresses.taken());
                result
                    .word(0, self.segments(position).len() as u64)
                    .word(4, self.node_count(position))
                    .word(12, taken.div_ceil(1 << 20));
            }
            StatisticsType::Segment => {
                let group = self.segment(position, id)?;
                self.segment_statistics(position, group, &mut result);
            }
            StatisticsType::ProcessSegment => {
                let group = self.segment(position, id)?;
                self.process_segment(process, position, group, &mut result);
            }
            StatisticsType::Node | StatisticsType::ProcessNode => {
                if u64::from(id) >= self.node_count(position) {
                    return Err(NtStatus::INVALID_PARAMETER.into());
                }
                let of = (what == StatisticsType::ProcessNode).then_some(process);
                result.word(8, self.contexts(of, position, id));
            }
            // The adapters have no displays.
            StatisticsType::VidPnSource | StatisticsType::ProcessVidPnSource => {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            StatisticsType::ProcessSegmentGroup => {
                let group = SegmentGroup::try_from(id).map_err(|_| NtStatus::INVALID_PARAMETER)?;
                let own = self.own_allocations(process, Some(position), |m| m.info.group == group);
                let budget = self.budget_of(process, position, group);
                result
                    .long(0, budget.budget.get())
                    .long(8, own.bytes)
                    .long(16, budget.current_usage.get());
            }
            StatisticsType::PhysicalAdapter => {
                if id != 0 {
                    return Err(NtStatus::INVALID_PARAMETER.into());
                }
                let adapter = &self.adapters[position].description;
                let revision: [u8; 64] = utf16(&format!("Revision {:02x}", adapter.revision));
                let name: [u8; 64] = utf16(&adapter.name);
                result.put(108, &revision).put(172, &name);
            }
        }
        answer(&QueryStatisticsReturn {
            status: NtStatus::SUCCESS.0.into(),
            reserved: 0.into(),
            result: result.finish(),
        })
    }

    fn node_count(&self, position: usize) -> u64 {
        self.adapters[position].description.engines.len() as u64
    }

    /// The groups of the adapter's segments, in the order of their ids.
    fn segments(&self, position: usize) -> Vec<SegmentGroup> {
        let capacity = self.capacity_of(position);
        let exists = |group: &SegmentGroup| capacity.of(*group) > 0;
        SegmentGroup::ALL.into_iter().filter(exists).collect()
    }

    /// A segment that a user names; their ids start at 0 here.
    fn segment(&self, position: usize, id: u32) -> Result<SegmentGroup, NtStatus> {
        // CAST: u32 to usize, on a 64-bit host.
        let found = self.segments(position).get(id as usize).copied();
        found.ok_or(NtStatus::INVALID_PARAMETER)
    }

    fn adapter_statistics(&self, position: usize, result: &mut Statistics) {
        let evictions = self.memories.evictions(position);
        result
            .word(0, self.segments(position).len() as u64)
            .word(4, self.node_count(position))
            .counter(264, evictions)
            .counter(520, self.all_memory(position, |_| true));
    }

    fn segment_statistics(&self, position: usize, group: SegmentGroup, result: &mut Statistics) {
        let all = self.all_memory(position, |m| m.info.group == group);
        let here = self.all_memory(position, |m| m.info.group == group && m.is_placed());
        let dedicated = self.adapters[position].description.dedicated_memory > 0;
        let is_own = dedicated && group == SegmentGroup::Local;
        result
            .long(0, self.capacity_of(position).of(group))
            .long(8, all.bytes)
            .long(16, here.bytes)
            .long(24, self.memories.evictions(position).bytes)
            .word(32, all.count)
            .word(36, here.count)
            .word(40, u64::from(!is_own));
    }

    fn process_segment(
        &self,
        process: Handle,
        position: usize,
        group: SegmentGroup,
        result: &mut Statistics,
    ) {
        let own = self.own_allocations(process, Some(position), |m| m.info.group == group);
        let used = self.own_allocations(process, Some(position), |m| {
            m.info.group == group && m.is_used_by(process)
        });
        let budget = self.budget_of(process, position, group);
        result
            .long(0, own.bytes)
            .long(8, budget.budget.get())
            .long(16, budget.current_reservation.get())
            .word(32, own.count)
            .counter(40, used);
    }

    fn all_memory(&self, position: usize, wanted: impl Fn(&Memory) -> bool) -> Counter {
        let mut counter = Counter::default();
        let here = self.memories.iter().filter(|m| m.info.adapter == position);
        for memory in here.filter(|memory| wanted(memory)) {
            counter.add(memory.info.size);
        }
        counter
    }

    /// The allocations of a process, on one adapter or on all.
    fn own_allocations(
        &self,
        process: Handle,
        position: Option<usize>,
        wanted: impl Fn(&Memory) -> bool,
    ) -> Counter {
        let mut counter = Counter::default();
        self.each_object(Some(process), position, |allocation: &Allocation| {
            let memory = self.memories.get(allocation.memory);
            if let Some(memory) = memory.filter(|memory| wanted(memory)) {
                counter.add(memory.info.size);
            }
        });
        counter
    }

    /// How many contexts a node has, of one process or of all.
    fn contexts(&self, process: Option<Handle>, position: usize, node: u32) -> u64 {
        let mut count = 0;
        self.each_object(process, Some(position), |context: &Context| {
            count += u64::from(context.node == node);
        });
        count
    }

    fn each_object<T: Typed>(
        &self,
        process: Option<Handle>,
        position: Option<usize>,
        mut visit: impl FnMut(&T),
    ) {
        let wanted = |handle: &&Handle| process.is_none_or(|process| process == **handle);
        for handle in self.processes.keys().filter(wanted) {
            let objects = self.processes.get(handle).map(|p| &p.objects);
            let here = |object: &&Object<Payload>| position.is_none_or(|p| p == object.adapter);
            let all = objects.into_iter().flat_map(|objects| objects.iter());
            for object in all.map(|(_, object)| object).filter(here) {
                if let Some(found) = T::of(&object.payload) {
                    visit(found);
                }
            }
        }
    }
}
