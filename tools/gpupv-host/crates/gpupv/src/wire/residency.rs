// SPDX-License-Identifier: GPL-2.0
//! Where allocations are, and how much they matter.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// MAKERESIDENT, and the first of its handles.
    "dxgkvmb_command_makeresident" MakeResident {
        hdr: CommandHeader,
        device: U32,
        paging_queue: U32,
        flags: U32,
        alloc_count: U32,
        allocations: U32,
        padding: U32,
    }

    /// The answer to [`MakeResident`].
    "dxgkvmb_command_makeresident_return" MakeResidentReturn {
        paging_fence_value: U64,
        num_bytes_to_trim: U64,
        status: U32,
        padding: U32,
    }

    /// EVICT, and the first of its handles.
    "dxgkvmb_command_evict" Evict {
        hdr: CommandHeader,
        device: U32,
        flags: U32,
        alloc_count: U32,
        allocations: U32,
    }

    /// The answer to [`Evict`].
    "dxgkvmb_command_evict_return" EvictReturn {
        num_bytes_to_trim: U64,
    }

    /// QUERYALLOCATIONRESIDENCY, before the handles.
    "dxgkvmb_command_queryallocationresidency" QueryAllocationResidency {
        hdr: CommandHeader,
        device: U32,
        resource: U32,
        allocations: U64,
        allocation_count: U32,
        reserved: U32,
        residency_status: U64,
    }

    /// OFFERALLOCATIONS, and the first of its handles.
    "dxgkvmb_command_offerallocations" OfferAllocations {
        hdr: CommandHeader,
        device: U32,
        allocation_count: U32,
        priority: U32,
        flags: U32,
        resources: u8,
        padding: [u8; 3],
        allocations: U32,
    }

    /// RECLAIMALLOCATIONS, and the first of its handles.
    "dxgkvmb_command_reclaimallocations" ReclaimAllocations {
        hdr: CommandHeader,
        device: U32,
        paging_queue: U32,
        allocation_count: U32,
        resources: u8,
        write_results: u8,
        padding: [u8; 2],
        allocations: U32,
        padding1: U32,
    }

    /// The answer to [`ReclaimAllocations`], and the first of the results.
    "dxgkvmb_command_reclaimallocations_return" ReclaimAllocationsReturn {
        paging_fence_value: U64,
        status: U32,
        discarded: U32,
    }

    /// SETALLOCATIONPRIORITY, before the handles.
    "dxgkvmb_command_setallocationpriority" SetAllocationPriority {
        hdr: CommandHeader,
        device: U32,
        resource: U32,
        allocation_count: U32,
        padding: U32,
    }

    /// GETALLOCATIONPRIORITY, before the handles.
    "dxgkvmb_command_getallocationpriority" GetAllocationPriority {
        hdr: CommandHeader,
        device: U32,
        resource: U32,
        allocation_count: U32,
        padding: U32,
    }

    /// UPDATEALLOCATIONPROPERTY.
    "dxgkvmb_command_updateallocationproperty" UpdateAllocationProperty {
        hdr: CommandHeader,
        paging_queue: U32,
        allocation: U32,
        supported_segment_set: U32,
        preferred_segment: U32,
        flags: U32,
        padding: U32,
        paging_fence_value: U64,
        property_mask_value: U32,
        padding1: U32,
    }

    /// The answer to [`UpdateAllocationProperty`].
    "dxgkvmb_command_updateallocationproperty_return" UpdateAllocationPropertyReturn {
        paging_fence_value: U64,
        status: U32,
        padding: U32,
    }
}

/// The most handles that MAKERESIDENT, EVICT, OFFERALLOCATIONS and RECLAIMALLOCATIONS name.
pub const RESIDENCY_COUNT_MAX: u32 = 10_240;
/// The most handles that the other commands of the family name.
pub const PRIORITY_COUNT_MAX: u32 = 131_072;

impl MakeResident {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 40;
    /// `flags`: go beyond the budget if need be.
    pub const MUST_SUCCEED: u32 = 1 << 1;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x3;
}

impl Evict {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 36;
    /// `flags`: keep the memory until its place is needed.
    pub const ONLY_IF_NECESSARY: u32 = 1 << 0;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x3;
}

impl QueryAllocationResidency {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 56;
}

impl OfferAllocations {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 44;
    /// `flags`: the content may be thrown away with the memory behind it.
    pub const ALLOW_DECOMMIT: u32 = 1 << 1;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x3;
}

impl ReclaimAllocations {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 40;
}

impl SetAllocationPriority {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 40;
}

impl GetAllocationPriority {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 40;
}

impl UpdateAllocationProperty {
    /// `property_mask_value`: `flags` count.
    pub const SET_ACCESSED_PHYSICALLY: u32 = 1 << 0;
    /// `property_mask_value`: `supported_segment_set` counts.
    pub const SET_SEGMENT_SET: u32 = 1 << 1;
    /// `property_mask_value`: `preferred_segment` counts.
    pub const SET_PREFERRED_SEGMENT: u32 = 1 << 2;
    /// The bits of `property_mask_value` that mean something.
    pub const MASK: u32 = 0x7;
}
