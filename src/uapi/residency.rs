// SPDX-License-Identifier: GPL-2.0

//! Structures for the residency of allocations.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Largest number of objects in one request that makes resident, evicts, offers or reclaims.
pub(crate) const MAX: u32 = 10_240;

/// Argument of MakeResident.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MakeResident {
    /// In: paging queue that executes the operation.
    pub(crate) paging_queue: Handle,
    /// In: number of allocations.
    pub(crate) alloc_count: u32,
    /// In: address of the handles of the allocations.
    pub(crate) allocation_list: u64,
    /// Not used.
    priority_list: u64,
    /// In: flags.
    pub(crate) flags: u32,
    pad: u32,
    /// Out: value that the fence of the paging queue reaches when the allocations are resident.
    pub(crate) paging_fence_value: u64,
    /// Out: bytes the process is over its budget.
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
    /// In: device.
    pub(crate) device: Handle,
    /// In: number of allocations.
    pub(crate) alloc_count: u32,
    /// In: address of the handles of the allocations.
    pub(crate) allocations: u64,
    /// In: flags.
    pub(crate) flags: u32,
    reserved: u32,
    /// Out: bytes the process is over its budget.
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
    /// In: device.
    pub(crate) device: Handle,
    reserved: u32,
    /// In: address of the handles of resources, or null.
    pub(crate) resources: u64,
    /// In: address of the handles of allocations, or null.
    pub(crate) allocations: u64,
    /// In: number of handles.
    pub(crate) allocation_count: u32,
    /// In: priority, which says how readily the memory is taken.
    pub(crate) priority: u32,
    /// In: flags.
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
    /// In: paging queue that executes the operation.
    pub(crate) paging_queue: Handle,
    /// In: number of handles.
    pub(crate) allocation_count: u32,
    /// In: address of the handles of resources, or null.
    pub(crate) resources: u64,
    /// In: address of the handles of allocations, or null.
    pub(crate) allocations: u64,
    /// In: address of an array of `u32`, filled with the result for each object, or null.
    pub(crate) results: u64,
    /// Out: value that the fence of the paging queue reaches when the operation is done.
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
    /// In: device.
    pub(crate) device: Handle,
    /// In: resource, or 0 if allocations are given.
    pub(crate) resource: Handle,
    /// In: address of the handles of the allocations.
    pub(crate) allocations: u64,
    /// In: number of allocations; 0 if a resource is given.
    pub(crate) allocation_count: u32,
    reserved: u32,
    /// In: address of an array of `u32`, filled with the residency of each allocation; one value
    /// for a resource.
    pub(crate) residency_status: u64,
}

impl QueryAllocationResidency {
    /// Largest number of allocations in one request.
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
    /// In: paging queue that executes the operation.
    pub(crate) paging_queue: Handle,
    /// In: allocation.
    pub(crate) allocation: Handle,
    /// In: mask of the memory segments the allocation may be in.
    pub(crate) supported_segment_set: u32,
    /// In: memory segments in order of preference.
    pub(crate) preferred_segment: u32,
    /// In: flags.
    pub(crate) flags: u32,
    pad: u32,
    /// Out: value that the fence of the paging queue reaches when the operation is done.
    pub(crate) paging_fence_value: u64,
    /// In: mask of the properties to change.
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
