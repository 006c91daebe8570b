// SPDX-License-Identifier: GPL-2.0
//! Results of QUERYSTATISTICS, as the Windows kernel-mode thunks define them.
//!
//! `Documentation/spec/query-layout.csv` has the layouts with their sources. A result has 776 bytes,
//! of which each type uses as many as its structure has.

use zerocopy::byteorder::little_endian::{U16, U32, U64};

use super::message::messages;
use super::query_data::{AdapterPerfData, AdapterPerfDataCaps, GpuVersion, NodePerfData};

messages! {
    /// How many there were, and how many bytes they had.
    "d3dkmt_querystatistics_counter" Counter {
        count: U32,
        padding: U32,
        bytes: U64,
    }

    /// Memory that was not where it was needed, or had to go.
    "d3dkmt_querystatstics_paging_fault" PagingFault {
        faults: Counter,
        faults_first_time_access: Counter,
        faults_reclaimed: Counter,
        faults_migration: Counter,
        faults_incorrect_resource: Counter,
        faults_lost_content: Counter,
        faults_evicted: Counter,
        allocations_mem_reset: Counter,
        allocations_unreset_success: Counter,
        allocations_unreset_fail: Counter,
        allocations_unreset_success_read: U32,
        allocations_unreset_fail_read: U32,
        evictions: Counter,
        evictions_due_to_preparation: Counter,
        evictions_due_to_lock: Counter,
        evictions_due_to_close: Counter,
        evictions_due_to_purge: Counter,
        evictions_due_to_suspend_cpu_access: Counter,
    }

    /// Allocations since the adapter was started.
    "d3dkmt_querystatstics_allocations" Allocations {
        created: Counter,
        destroyed: Counter,
        opened: Counter,
        closed: Counter,
        migrated_success: Counter,
        migrated_fail: Counter,
        migrated_abandoned: Counter,
    }

    /// Types 0 and 11: an adapter.
    "d3dkmt_querystatistics_adapter_information" AdapterInformation {
        nb_segments: U32,
        node_count: U32,
        vidpn_source_count: U32,
        vsync_enabled: U32,
        tdr_detected_count: U32,
        padding: U32,
        zero_length_dma_buffers: U64,
        restarted_period: U64,
        reference_dma_buffer: [u8; 56],
        renaming: [u8; 36],
        padding1: U32,
        preparation: [u8; 32],
        paging_fault: PagingFault,
        paging_transfer: [u8; 64],
        swizzling_range: [u8; 8],
        locks: [u8; 28],
        padding2: U32,
        allocations: Allocations,
        terminations: [u8; 64],
        flags: U64,
        reserved: [u8; 56],
    }

    /// The machine's memory that a process has for an adapter.
    "d3dkmt_querystatistics_system_memory" SystemMemory {
        bytes_allocated: U64,
        bytes_reserved: U64,
        small_allocation_blocks: U32,
        large_allocation_blocks: U32,
        write_combined_bytes_allocated: U64,
        write_combined_bytes_reserved: U64,
        cached_bytes_allocated: U64,
        cached_bytes_reserved: U64,
        section_bytes_allocated: U64,
        section_bytes_reserved: U64,
        bytes_zeroed: U64,
    }

    /// Type 1: a process.
    "d3dkmt_querystatistics_process_information" ProcessInformation {
        node_count: U32,
        vidpn_source_count: U32,
        system_memory: SystemMemory,
        reserved: [u8; 56],
    }

    /// Types 2 and 13: what a process has on an adapter.
    "d3dkmt_querystatistics_process_adapter_information" ProcessAdapterInformation {
        nb_segments: U32,
        node_count: U32,
        vidpn_source_count: U32,
        virtual_memory_usage: U32,
        dma_buffer: [u8; 24],
        total_bytes_evicted_from_process: U64,
        bytes_by_segment_preference: [U64; 5],
        policy: [u8; 104],
        process_interference_counters: [u8; 72],
        client_hint: U32,
        padding: U32,
    }

    /// Types 3 and 12: a segment, bytes and allocations.
    "d3dkmt_querystatistics_segment_information" SegmentInformation {
        commit_limit: U64,
        bytes_committed: U64,
        bytes_resident: U64,
        total_bytes_evicted: U64,
        allocs_committed: U32,
        allocs_resident: U32,
        aperture: U32,
        padding: U32,
        total_bytes_evicted_by_priority: [U64; 5],
        system_memory_end_address: U64,
        power_flags: U64,
        segment_properties: U64,
        reserved: [u8; 40],
    }

    /// Types 4 and 14: what a process has in a segment.
    "d3dkmt_querystatistics_process_segment_information" ProcessSegmentInformation {
        bytes_committed: U64,
        maximum_working_set: U64,
        minimum_working_set: U64,
        nb_referenced_allocation_evicted_in_period: U32,
        padding: U32,
        allocs_committed: U32,
        padding1: U32,
        allocs_resident_in_p: [Counter; 5],
        allocs_resident_in_non_preferred: Counter,
        total_bytes_evicted_due_to_preparation: U64,
        policy: U64,
        reserved: [u8; 64],
    }

    /// Types 6 and 19: what a process does on an engine. The time is in units of 100 ns.
    "d3dkmt_querystatistics_process_node_information" ProcessNodeInformation {
        running_time: U64,
        context_switch: U32,
        preemption_statistics: [u8; 64],
        queue_packet: [PacketCount; 8],
        dma_packet: [DmaPacketCount; 4],
        padding: U32,
        reserved: [u8; 64],
    }

    /// Types 5 and 18: an engine.
    "d3dkmt_querystatistics_node_information" NodeInformation {
        global_information: ProcessNodeInformation,
        system_information: ProcessNodeInformation,
        node_perf_data: NodePerfData,
        reserved: [u8; 12],
        padding: U32,
    }

    /// Type 10: a physical adapter.
    "d3dkmt_querystatistics_physical_adapter_information" PhysicalAdapterInformation {
        adapter_perf_data: AdapterPerfData,
        adapter_perf_data_caps: AdapterPerfDataCaps,
        gpu_version: GpuVersion,
        padding: U32,
    }

    /// Types 9 and 15: what a process may use and uses of a segment group, in bytes.
    "d3dkmt_querystatistics_process_segment_group_information" ProcessSegmentGroupInformation {
        budget: U64,
        requested: U64,
        usage: U64,
        demoted: [U64; 5],
    }

    /// Types 16 and 17: what is used of a segment or of a segment group, in bytes.
    "d3dkmt_querystatistics_memory_usage" MemoryUsage {
        allocated_bytes: U64,
        free_bytes: U64,
        zero_bytes: U64,
        modified_bytes: U64,
        standby_bytes: U64,
    }

    /// What types 12, 14 and 16 are about.
    "d3dkmt_querystatistics_query_segment2" QuerySegment2 {
        physical_adapter_index: U16,
        segment_id: U16,
    }

    /// What types 15 and 17 are about.
    "d3dkmt_querystatistics_query_segment_group_usage" QuerySegmentGroup {
        physical_adapter_index: U16,
        segment_group: U16,
    }

    /// What types 18 and 19 are about.
    "d3dkmt_querystatistics_query_node2" QueryNode2 {
        physical_adapter_index: U16,
        node_ordinal: U16,
    }

    /// Packets of one kind in the queues.
    "d3dkmt_querystatistics_queue_packet_type_information" PacketCount {
        packet_submited: U32,
        packet_completed: U32,
    }

    /// Packets of one kind on the hardware.
    "d3dkmt_querystatistics_dma_packet_type_information" DmaPacketCount {
        packet_submited: U32,
        packet_completed: U32,
        packet_preempted: U32,
        packet_faulted: U32,
    }
}

impl SegmentInformation {
    /// `segment_properties`: the memory is the machine's.
    pub const SYSTEM_MEMORY: u64 = 1 << 0;
    /// `segment_properties`: where the kind of the segment starts.
    pub const SEGMENT_TYPE_SHIFT: u32 = 2;
    /// The kind of a segment: it shows pages of the machine.
    pub const TYPE_APERTURE: u64 = 0;
    /// The kind of a segment: it has memory of its own.
    pub const TYPE_MEMORY: u64 = 1;
    /// `segment_properties`: where the segment group starts.
    pub const SEGMENT_GROUP_SHIFT: u32 = 6;
    /// `segment_properties`: the CPU can see all of it.
    pub const FULLY_CPU_VISIBLE: u64 = 1 << 8;
}

impl ProcessNodeInformation {
    /// The packet of the queues that is a command buffer.
    pub const QUEUE_RENDER: usize = 0;
    /// The packet of the queues that is a wait.
    pub const QUEUE_WAIT: usize = 4;
    /// The packet of the queues that is a signal.
    pub const QUEUE_SIGNAL: usize = 5;
    /// The packet of the hardware that is a command buffer of a user.
    pub const DMA_CLIENT_RENDER: usize = 0;
}
