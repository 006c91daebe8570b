// SPDX-License-Identifier: GPL-2.0

//! The argument of the statistics ioctl, and the results inside it as the Windows headers define
//! them. The driver forwards results unread.

use super::{abi_struct, request};
use crate::Luid;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The bytes of every result.
pub const RESULT_SIZE: usize = 776;

/// What statistics tell: the beginning of the result of some types.
pub trait StatisticsResult: FromBytes + IntoBytes + Immutable + KnownLayout {
    /// The structure's name in the specification.
    const NAME: &'static str;
}

/// All zeros, for structures with arrays that have no default of their own.
macro_rules! zeroed {
    ($($structure:ty),*) => {$(
        impl Default for $structure {
            fn default() -> Self {
                Self::new_zeroed()
            }
        }
    )*};
}

zeroed!(
    QueryStatistics,
    ProcessNodeInformation,
    NodePerfData,
    NodeInformation
);

macro_rules! result {
    ($result:ty, $name:literal) => {
        impl StatisticsResult for $result {
            const NAME: &'static str = $name;
        }
    };
}

/// The types of statistics that this library asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the Windows headers")]
#[repr(u32)]
pub enum StatisticsType {
    Node = 5,
    ProcessNode = 6,
    ProcessSegmentGroup = 9,
    ProcessSegmentGroup2 = 15,
    SegmentGroupUsage = 17,
    Node2 = 18,
    ProcessNode2 = 19,
}

impl StatisticsType {
    /// The name in the Windows headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Node => "D3DKMT_QUERYSTATISTICS_NODE",
            Self::ProcessNode => "D3DKMT_QUERYSTATISTICS_PROCESS_NODE",
            Self::ProcessSegmentGroup => "D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP",
            Self::ProcessSegmentGroup2 => "D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP2",
            Self::SegmentGroupUsage => "D3DKMT_QUERYSTATISTICS_SEGMENT_GROUP_USAGE",
            Self::Node2 => "D3DKMT_QUERYSTATISTICS_NODE2",
            Self::ProcessNode2 => "D3DKMT_QUERYSTATISTICS_PROCESS_NODE2",
        }
    }
}

abi_struct! {
    /// `d3dkmt_querystatistics`, ioctl 0x43.
    pub struct QueryStatistics {
        /// See [`StatisticsType`].
        pub r#type: u32,
        /// Which adapter.
        pub adapter_luid: Luid,
        /// Padding.
        pub padding: [u8; 4],
        /// The id of the process examined, 0 for the caller.
        pub process: u64,
        /// Out: the result.
        pub result: [u8; RESULT_SIZE],
        /// Which engine, segment group and so on.
        pub selector: u32,
        /// Padding.
        pub padding_end: [u8; 4],
    }

    /// What a process does on an engine.
    pub struct ProcessNodeInformation {
        /// Time at work, in units of 100 ns.
        pub running_time: u64,
        /// How often the engine turned to it.
        pub context_switch: u32,
        /// Attempts to interrupt it, by outcome.
        pub preemption_statistics: [u32; 16],
        /// Packets of each kind in the queues: submitted, completed.
        pub queue_packet: [[u32; 2]; 8],
        /// Packets of each kind on the hardware: submitted, completed, preempted, faulted.
        pub dma_packet: [[u32; 4]; 4],
        /// Padding.
        pub padding: [u8; 4],
        /// Unused.
        pub reserved: [u64; 8],
    }

    /// Clocks (Hz) and voltages (mV) of an engine.
    pub struct NodePerfData {
        /// Which engine.
        pub node_ordinal: u32,
        /// Of which physical adapter.
        pub physical_adapter_index: u32,
        /// Its clock.
        pub frequency: u64,
        /// Its highest clock.
        pub max_frequency: u64,
        /// Its highest clock beyond what it is made for.
        pub max_frequency_oc: u64,
        /// Its voltage.
        pub voltage: u32,
        /// Its highest voltage.
        pub voltage_max: u32,
        /// Its highest voltage beyond what it is made for.
        pub voltage_max_oc: u32,
        /// Padding.
        pub padding: [u8; 4],
        /// The longest time a change of the clock takes, in units of 100 ns.
        pub max_transition_latency: u64,
    }

    /// What an engine does.
    pub struct NodeInformation {
        /// For everybody.
        pub global_information: ProcessNodeInformation,
        /// For the system alone.
        pub system_information: ProcessNodeInformation,
        /// Its clocks.
        pub node_perf_data: NodePerfData,
        /// Unused.
        pub reserved: [u32; 3],
        /// Padding.
        pub padding: [u8; 4],
    }

    /// What a process may use and uses of a segment group, in bytes.
    #[derive(Default)]
    pub struct ProcessSegmentGroupInformation {
        /// The process should stay below this.
        pub budget: u64,
        /// It has asked for this much.
        pub requested: u64,
        /// It uses this much.
        pub usage: u64,
        /// Moved to slower memory, by priority.
        pub demoted: [u64; 5],
    }

    /// What all processes use of a segment group, in bytes.
    #[derive(Default)]
    pub struct MemoryUsage {
        /// In use.
        pub allocated_bytes: u64,
        /// Not in use.
        pub free_bytes: u64,
        /// Not in use and zeroed.
        pub zero_bytes: u64,
        /// Given up, but still to be written elsewhere.
        pub modified_bytes: u64,
        /// Given up, but still with its content.
        pub standby_bytes: u64,
    }
}

request!(QueryStatistics, 0x43, "D3DKMTQueryStatistics");

result!(
    ProcessNodeInformation,
    "d3dkmt_querystatistics_process_node_information"
);
result!(NodeInformation, "d3dkmt_querystatistics_node_information");
result!(
    ProcessSegmentGroupInformation,
    "d3dkmt_querystatistics_process_segment_group_information"
);
result!(MemoryUsage, "d3dkmt_querystatistics_memory_usage");
