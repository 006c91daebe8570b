// SPDX-License-Identifier: GPL-2.0

//! Structures about where allocations are.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Most objects of one request that moves or offers them.
pub(crate) const MAX: u32 = 10_240;

/// Argument of MakeResident.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MakeResident {
    /// In: the queue that does it.
    pub(crate) paging_queue: Handle,
    /// In: how many allocations.
    pub(crate) alloc_count: u32,
    /// In: where their handles are.
    pub(crate) allocation_list: u64,
    /// Not used.
    priority_list: u64,
    /// In.
    pub(crate) flags: u32,
    pad: u32,
    /// Out: the value of the queue's fence when it is done.
    pub(crate) paging_fence_value: u64,
    /// Out: how much too much that is.
    pub(crate) num_bytes_to_trim: u64,
}

same_layout!(
    MakeResident,
    d3dddi_makeresident {
        paging_queue,
        alloc_count,
        allocation_list,
        priority_list,
        flags,
        paging_fence_value,
        num_bytes_to_trim,
    }
);

/// Argument of Evict.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct Evict {
    /// In: on which device.
    pub(crate) device: Handle,
    /// In: how many allocations.
    pub(crate) alloc_count: u32,
    /// In: where their handles are.
    pub(crate) allocations: u64,
    /// In.
    pub(crate) flags: u32,
    reserved: u32,
    /// Out: how much is still too much.
    pub(crate) num_bytes_to_trim: u64,
}

same_layout!(
    Evict,
    d3dkmt_evict {
        device,
        alloc_count,
        allocations,
        flags,
        reserved,
        num_bytes_to_trim,
    }
);

/// Argument of OfferAllocations.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OfferAllocations {
    /// In: on which device.
    pub(crate) device: Handle,
    reserved: u32,
    /// In: where handles of resources are, or null.
    pub(crate) resources: u64,
    /// In: where handles of allocations are, or null.
    pub(crate) allocations: u64,
    /// In: how many.
    pub(crate) allocation_count: u32,
    /// In: how little they are needed.
    pub(crate) priority: u32,
    /// In.
    pub(crate) flags: u32,
    reserved1: u32,
}

same_layout!(
    OfferAllocations,
    d3dkmt_offerallocations {
        device,
        reserved,
        resources,
        allocations,
        allocation_count,
        priority,
        flags,
        reserved1,
    }
);

/// Argument of ReclaimAllocations2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ReclaimAllocations {
    /// In: the queue that does it.
    pub(crate) paging_queue: Handle,
    /// In: how many objects.
    pub(crate) allocation_count: u32,
    /// In: where handles of resources are, or null.
    pub(crate) resources: u64,
    /// In: where handles of allocations are, or null.
    pub(crate) allocations: u64,
    /// In: where to write what has become of each, or null.
    pub(crate) results: u64,
    /// Out: the value of the queue's fence when it is done.
    pub(crate) paging_fence_value: u64,
}

const _: () = {
    use crate::linux::uapi_header::d3dkmt_reclaimallocations2 as Theirs;
    use core::mem::offset_of;

    assert!(size_of::<ReclaimAllocations>() == size_of::<Theirs>());
    assert!(offset_of!(ReclaimAllocations, paging_queue) == offset_of!(Theirs, paging_queue));
    assert!(
        offset_of!(ReclaimAllocations, allocation_count) == offset_of!(Theirs, allocation_count)
    );
    assert!(offset_of!(ReclaimAllocations, resources) == offset_of!(Theirs, resources));
    assert!(offset_of!(ReclaimAllocations, allocations) == offset_of!(Theirs, allocations));
    assert!(
        offset_of!(ReclaimAllocations, results)
            == offset_of!(ReclaimAllocations, allocations) + size_of::<u64>()
    );
    assert!(
        offset_of!(ReclaimAllocations, paging_fence_value)
            == offset_of!(Theirs, paging_fence_value)
    );
};

/// Argument of QueryAllocationResidency.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryAllocationResidency {
    /// In: on which device.
    pub(crate) device: Handle,
    /// In: which resource, if no allocations are named.
    pub(crate) resource: Handle,
    /// In: where handles of allocations are.
    pub(crate) allocations: u64,
    /// In: how many.
    pub(crate) allocation_count: u32,
    reserved: u32,
    /// In: where to write where each is.
    pub(crate) residency_status: u64,
}

impl QueryAllocationResidency {
    /// Most allocations of one request.
    pub(crate) const MAX: u32 = 128 * 1024;
}

same_layout!(
    QueryAllocationResidency,
    d3dkmt_queryallocationresidency {
        device,
        resource,
        allocations,
        allocation_count,
        reserved,
        residency_status,
    }
);

/// Argument of UpdateAllocationProperty.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct UpdateAllocationProperty {
    /// In: the queue that does it.
    pub(crate) paging_queue: Handle,
    /// In: which allocation.
    pub(crate) allocation: Handle,
    /// In.
    pub(crate) supported_segment_set: u32,
    /// In.
    pub(crate) preferred_segment: u32,
    /// In.
    pub(crate) flags: u32,
    pad: u32,
    /// Out: the value of the queue's fence when it is done.
    pub(crate) paging_fence_value: u64,
    /// In: what is to be changed.
    pub(crate) property_mask_value: u32,
    pad1: u32,
}

const _: () = {
    use crate::linux::uapi_header::d3dddi_updateallocproperty as Theirs;
    use core::mem::offset_of;

    assert!(size_of::<UpdateAllocationProperty>() == size_of::<Theirs>());
    assert!(offset_of!(UpdateAllocationProperty, paging_queue) == offset_of!(Theirs, paging_queue));
    assert!(offset_of!(UpdateAllocationProperty, allocation) == offset_of!(Theirs, allocation));
    assert!(
        offset_of!(UpdateAllocationProperty, supported_segment_set)
            == offset_of!(Theirs, supported_segment_set)
    );
    assert!(
        offset_of!(UpdateAllocationProperty, preferred_segment)
            == offset_of!(Theirs, preferred_segment)
    );
    assert!(offset_of!(UpdateAllocationProperty, flags) == offset_of!(Theirs, flags));
    assert!(
        offset_of!(UpdateAllocationProperty, paging_fence_value)
            == offset_of!(Theirs, paging_fence_value)
    );
    assert!(offset_of!(UpdateAllocationProperty, property_mask_value) == 32);
};
