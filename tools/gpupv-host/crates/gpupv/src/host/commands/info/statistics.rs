// SPDX-License-Identifier: GPL-2.0
//! QUERYSTATISTICS: results computed from what there is and from what was done.

use std::time::{Duration, Instant};

use zerocopy::{FromZeros, IntoBytes};

use super::super::super::call::{answer, broken, Call, Reply};
use super::super::super::shared::Shared;
use crate::allocation::Allocation;
use crate::budget::SegmentGroup;
use crate::engine::{NodeId, NodeUsage, Packets};
use crate::handles::Handle;
use crate::memory::Memory;
use crate::objects::Object;
use crate::payload::{Payload, Typed};
use crate::query;
use crate::statistics::{self, Counter, Question, StatisticsType};
use crate::status::NtStatus;
use crate::wire::statistics::{
    AdapterInformation, Counter as WireCounter, MemoryUsage, NodeInformation, PacketCount,
    PhysicalAdapterInformation, ProcessAdapterInformation, ProcessInformation,
    ProcessNodeInformation, ProcessSegmentGroupInformation, ProcessSegmentInformation,
    SegmentInformation,
};
use crate::wire::{QueryStatistics, QueryStatisticsReturn};

/// A result, of which the first bytes are a structure.
type Result = std::result::Result<[u8; statistics::LEN], NtStatus>;

fn result(structure: &(impl IntoBytes + zerocopy::Immutable)) -> Result {
    let mut result = [0; statistics::LEN];
    let bytes = structure.as_bytes();
    result[..bytes.len()].copy_from_slice(bytes);
    Ok(result)
}

impl Shared {
    pub(super) fn query_statistics(&self, position: usize, call: &Call<'_>) -> Reply {
        let request: QueryStatistics = call.read();
        let luid = self.adapters[position].identity.adapter_luid;
        if request.adapter_luid != luid || request.process.get() != 0 {
            let (named, process) = (request.adapter_luid, request.process.get());
            return broken(format!("adapter {named}, process {process:#x}"));
        }
        let wddm = self.adapters[position].description.wddm;
        let question = Question::new(request.r#type.get(), request.padding_id.get(), wddm)
            .filter(|question| question.physical_adapter == 0)
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        answer(&QueryStatisticsReturn {
            status: NtStatus::SUCCESS.0.into(),
            reserved: 0.into(),
            result: self.statistics(position, call.process, question)?,
        })
    }

    fn statistics(&self, position: usize, process: Handle, question: Question) -> Result {
        let part = question.part;
        match question.what {
            StatisticsType::Adapter => self.adapter_statistics(position),
            StatisticsType::Process => self.process_statistics(position, process),
            StatisticsType::ProcessAdapter => self.process_adapter(position, process),
            StatisticsType::Segment => self.segment_statistics(position, part),
            StatisticsType::ProcessSegment => self.process_segment(process, position, part),
            StatisticsType::Node => self.node_statistics(position, part),
            StatisticsType::ProcessNode => self.process_node(process, position, part),
            // The adapters have no displays.
            StatisticsType::VidPnSource | StatisticsType::ProcessVidPnSource => {
                Err(NtStatus::INVALID_PARAMETER)
            }
            StatisticsType::ProcessSegmentGroup => self.process_group(process, position, part),
            StatisticsType::PhysicalAdapter => {
                let adapter = &self.adapters[position].description;
                result(&PhysicalAdapterInformation {
                    adapter_perf_data: query::adapter_performance(adapter),
                    adapter_perf_data_caps: query::adapter_limits(adapter),
                    gpu_version: query::gpu_version(adapter),
                    padding: 0.into(),
                })
            }
            StatisticsType::SegmentUsage => {
                let group = self.segment(position, part)?;
                self.memory_usage(position, group)
            }
            StatisticsType::SegmentGroupUsage => self.memory_usage(position, named(part)?),
        }
    }

    fn node_count(&self, position: usize) -> u64 {
        self.adapters[position].description.engines.len() as u64
    }

    /// Returns the groups of the adapter's segments, in the order of their ids.
    fn segments(&self, position: usize) -> Vec<SegmentGroup> {
        let capacity = self.capacity_of(position);
        let exists = |group: &SegmentGroup| capacity.of(*group) > 0;
        SegmentGroup::ALL.into_iter().filter(exists).collect()
    }

    /// Returns a segment that a user names; their ids start at 0 here.
    fn segment(&self, position: usize, id: u32) -> std::result::Result<SegmentGroup, NtStatus> {
        // CAST: u32 to usize, on a 64-bit host.
        let found = self.segments(position).get(id as usize).copied();
        found.ok_or(NtStatus::INVALID_PARAMETER)
    }

    fn node(&self, position: usize, ordinal: u32) -> std::result::Result<NodeId, NtStatus> {
        match u64::from(ordinal) < self.node_count(position) {
            true => Ok(NodeId {
                adapter: position,
                ordinal,
            }),
            false => Err(NtStatus::INVALID_PARAMETER),
        }
    }

    fn adapter_statistics(&self, position: usize) -> Result {
        let mut info = AdapterInformation::new_zeroed();
        let segments = self.segments(position);
        let [created, destroyed] = self.memories.turnover(position);
        info.nb_segments = word(segments.len() as u64).into();
        info.node_count = word(self.node_count(position)).into();
        info.paging_fault.evictions = counter(self.memories.evictions(position));
        info.allocations.created = counter(created);
        info.allocations.destroyed = counter(destroyed);
        // The number of segment groups; each segment is one here.
        info.flags = (segments.len() as u64).into();
        result(&info)
    }

    fn process_statistics(&self, position: usize, process: Handle) -> Result {
        let mut info = ProcessInformation::new_zeroed();
        let own = self.own_allocations(process, None, |_| true);
        info.node_count = word(self.node_count(position)).into();
        info.system_memory.bytes_allocated = own.bytes.into();
        result(&info)
    }

    fn process_adapter(&self, position: usize, process: Handle) -> Result {
        let mut info = ProcessAdapterInformation::new_zeroed();
        let here = self.processes.get(&process).and_then(|p| p.on(position));
        let taken = here.map_or(0, |here| here.addresses.taken());
        info.nb_segments = word(self.segments(position).len() as u64).into();
        info.node_count = word(self.node_count(position)).into();
        info.virtual_memory_usage = word(taken.div_ceil(1 << 20)).into();
        result(&info)
    }

    fn segment_statistics(&self, position: usize, id: u32) -> Result {
        let group = self.segment(position, id)?;
        let all = self.all_memory(position, |m| m.info.group == group);
        let here = self.all_memory(position, |m| m.info.group == group && m.is_placed());
        let adapter = &self.adapters[position].description;
        let is_machines = group == SegmentGroup::of_the_machine(adapter);
        let (kind, bits) = match is_machines {
            true => (
                SegmentInformation::TYPE_APERTURE,
                SegmentInformation::SYSTEM_MEMORY,
            ),
            false => (SegmentInformation::TYPE_MEMORY, 0),
        };
        let group_number: u64 = match group {
            SegmentGroup::Local => 0,
            SegmentGroup::NonLocal => 1,
        };
        let mut info = SegmentInformation::new_zeroed();
        info.commit_limit = self.capacity_of(position).of(group).into();
        info.bytes_committed = all.bytes.into();
        info.bytes_resident = here.bytes.into();
        info.total_bytes_evicted = self.memories.evictions(position).bytes.into();
        info.allocs_committed = word(all.count).into();
        info.allocs_resident = word(here.count).into();
        info.aperture = u32::from(is_machines).into();
        if adapter.wddm >= 3100 {
            let properties = bits
                | (kind << SegmentInformation::SEGMENT_TYPE_SHIFT)
                | (group_number << SegmentInformation::SEGMENT_GROUP_SHIFT)
                | SegmentInformation::FULLY_CPU_VISIBLE;
            info.segment_properties = properties.into();
        }
        result(&info)
    }

    fn process_segment(&self, process: Handle, position: usize, id: u32) -> Result {
        let group = self.segment(position, id)?;
        let own = self.own_allocations(process, Some(position), |m| m.info.group == group);
        let used = self.own_allocations(process, Some(position), |m| {
            m.info.group == group && m.is_used_by(process)
        });
        let budget = self.budget_of(process, position, group);
        let mut info = ProcessSegmentInformation::new_zeroed();
        info.bytes_committed = own.bytes.into();
        info.maximum_working_set = budget.budget;
        info.minimum_working_set = budget.current_reservation;
        info.allocs_committed = word(own.count).into();
        info.allocs_resident_in_p[0] = counter(used);
        result(&info)
    }

    fn node_statistics(&self, position: usize, ordinal: u32) -> Result {
        let node = self.node(position, ordinal)?;
        let adapter = &self.adapters[position].description;
        let usage = self.engine.usage(node, None, Instant::now());
        let mut info = NodeInformation::new_zeroed();
        info.global_information = node_information(&usage);
        info.node_perf_data = query::node_performance(adapter, ordinal)?;
        result(&info)
    }

    fn process_node(&self, process: Handle, position: usize, ordinal: u32) -> Result {
        let node = self.node(position, ordinal)?;
        let usage = self.engine.usage(node, Some(process), Instant::now());
        result(&node_information(&usage))
    }

    fn process_group(&self, process: Handle, position: usize, group: u32) -> Result {
        let group = named(group)?;
        let own = self.own_allocations(process, Some(position), |m| m.info.group == group);
        let budget = self.budget_of(process, position, group);
        let mut info = ProcessSegmentGroupInformation::new_zeroed();
        info.budget = budget.budget;
        info.requested = own.bytes.into();
        info.usage = budget.current_usage;
        result(&info)
    }

    fn memory_usage(&self, position: usize, group: SegmentGroup) -> Result {
        let placed = self.memories.placed(position).of(group);
        let capacity = self.capacity_of(position).of(group);
        let mut info = MemoryUsage::new_zeroed();
        info.allocated_bytes = placed.into();
        info.free_bytes = capacity.saturating_sub(placed).into();
        result(&info)
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

/// A segment group that a user names.
fn named(group: u32) -> std::result::Result<SegmentGroup, NtStatus> {
    SegmentGroup::try_from(group).map_err(|_| NtStatus::INVALID_PARAMETER)
}

/// A number in 32 bits; what does not fit is the largest one that does.
fn word(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn counter(counter: Counter) -> WireCounter {
    WireCounter {
        count: word(counter.count).into(),
        padding: 0.into(),
        bytes: counter.bytes.into(),
    }
}

fn packets(packets: Packets) -> PacketCount {
    PacketCount {
        packet_submited: word(packets.submitted).into(),
        packet_completed: word(packets.completed).into(),
    }
}

/// The time that Windows counts in: 100 ns.
fn running_time(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / 100).unwrap_or(u64::MAX)
}

fn node_information(usage: &NodeUsage) -> ProcessNodeInformation {
    type Info = ProcessNodeInformation;

    let mut info = Info::new_zeroed();
    info.running_time = running_time(usage.running).into();
    info.context_switch = word(usage.switches).into();
    info.queue_packet[Info::QUEUE_RENDER] = packets(usage.renders);
    info.queue_packet[Info::QUEUE_WAIT] = packets(usage.waits);
    info.queue_packet[Info::QUEUE_SIGNAL] = packets(usage.signals);
    let dma = &mut info.dma_packet[Info::DMA_CLIENT_RENDER];
    dma.packet_submited = word(usage.renders.submitted).into();
    dma.packet_completed = word(usage.renders.completed).into();
    info
}
