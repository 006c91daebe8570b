// SPDX-License-Identifier: GPL-2.0

//! Structures about the priorities of allocations.

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
    /// In: on which device.
    pub(crate) device: Handle,
    /// In: which resource, if no allocations are named.
    pub(crate) resource: Handle,
    /// In: where handles of allocations are.
    pub(crate) allocation_list: u64,
    /// In: how many.
    pub(crate) allocation_count: u32,
    reserved: u32,
    /// In: where the priority of each is, or is to be written.
    pub(crate) priorities: u64,
}

impl AllocationPriority {
    /// Most allocations of one request.
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
