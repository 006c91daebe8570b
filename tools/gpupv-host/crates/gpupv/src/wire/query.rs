// SPDX-License-Identifier: GPL-2.0
//! Questions about an adapter.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::CommandHeader;

/// QUERYADAPTERINFO. The answer is the status (from interface version 40 on) and the data.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct QueryAdapterInfo {
    /// The process that asks.
    pub hdr: CommandHeader,
    /// What is asked.
    pub query_type: U32,
    /// How many bytes of data there are, in the request and in the answer.
    pub private_data_size: U32,
    /// The first byte of the data.
    pub private_data: [u8; 1],
    /// Zero, or the data go on here.
    pub padding: [u8; 7],
}

impl QueryAdapterInfo {
    /// Where in the request the data start.
    pub const DATA_OFFSET: usize = 32;
}

/// QUERYVIDEOMEMORYINFO.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct QueryVideoMemoryInfo {
    /// The process that asks.
    pub hdr: CommandHeader,
    /// The host's handle of the adapter.
    pub adapter: U32,
    /// 0: local, 1: not local.
    pub memory_segment_group: U32,
    /// Which of linked adapters.
    pub physical_adapter_index: U32,
    /// Zero.
    pub padding: U32,
}

/// The answer to [`QueryVideoMemoryInfo`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct QueryVideoMemoryInfoReturn {
    /// How much the process should use at most.
    pub budget: U64,
    /// How much it uses.
    pub current_usage: U64,
    /// How much it has reserved.
    pub current_reservation: U64,
    /// How much it could reserve.
    pub available_for_reservation: U64,
}
