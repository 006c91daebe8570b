// SPDX-License-Identifier: GPL-2.0

//! Structures for the priorities of allocations.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of SetAllocationPriority and of GetAllocationPriority.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct AllocationPriority {
    /// In: device.
    pub(crate) device: Handle,
    /// In: resource, or 0 if allocations are given.
    pub(crate) resource: Handle,
    /// In: address of the handles of the allocations.
    pub(crate) allocation_list: u64,
    /// In: number of allocations; 0 if a resource is given.
    pub(crate) allocation_count: u32,
    reserved: u32,
    /// In: address of an array of `u32` with the priority of each allocation, read or filled; one
    /// value for a resource.
    pub(crate) priorities: u64,
}

impl AllocationPriority {
    /// Largest number of allocations in one request.
    pub(crate) const MAX: u32 = 128 * 1024;
}

same_layout!(
    AllocationPriority,
    d3dkmt_setallocationpriority {
        device,
        resource,
        allocation_list,
        allocation_count,
        reserved,
        priorities,
    }
);

same_layout!(
    AllocationPriority,
    d3dkmt_getallocationpriority {
        device,
        resource,
        allocation_list,
        allocation_count,
        reserved,
        priorities,
    }
);
