// SPDX-License-Identifier: GPL-2.0

//! Structures for GPU virtual addresses.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of MapGpuVirtualAddress.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MapAddress {
    /// In: paging queue that executes the operation.
    pub(crate) paging_queue: Handle,
    pad: u32,
    /// In: wanted GPU virtual address, or 0.
    pub(crate) base_address: u64,
    /// In: lowest address, when `base_address` is 0.
    pub(crate) minimum_address: u64,
    /// In: highest address, when `base_address` is 0.
    pub(crate) maximum_address: u64,
    /// In: allocation to map.
    pub(crate) allocation: Handle,
    pad1: u32,
    /// In: first page of the allocation, in pages of 4 KiB.
    pub(crate) offset_in_pages: u64,
    /// In: number of 4 KiB pages.
    pub(crate) size_in_pages: u64,
    /// In: flags that say what the GPU may do with the range.
    pub(crate) protection: u64,
    /// In: protection bits of the vendor.
    pub(crate) driver_protection: u64,
    reserved0: u32,
    pad2: u32,
    reserved1: u64,
    /// Out: GPU virtual address of the mapping.
    pub(crate) virtual_address: u64,
    /// Out: value that the fence of the paging queue reaches when the range is mapped.
    pub(crate) paging_fence_value: u64,
}

same_layout!(
    MapAddress,
    d3dddi_mapgpuvirtualaddress {
        paging_queue,
        base_address,
        minimum_address,
        maximum_address,
        allocation,
        offset_in_pages,
        size_in_pages,
        protection,
        driver_protection,
        reserved0,
        reserved1,
        virtual_address,
        paging_fence_value,
    }
);

/// Argument of ReserveGpuVirtualAddress.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ReserveAddress {
    /// In: adapter, or one of its paging queues.
    pub(crate) adapter: Handle,
    pad: u32,
    /// In: wanted GPU virtual address, or 0.
    pub(crate) base_address: u64,
    /// In: lowest address, when `base_address` is 0.
    pub(crate) minimum_address: u64,
    /// In: highest address, when `base_address` is 0.
    pub(crate) maximum_address: u64,
    /// In: size of the range in bytes.
    pub(crate) size: u64,
    /// In: behaviour of accesses to the range while nothing is mapped there.
    pub(crate) reservation_type: u32,
    pad1: u32,
    /// In: protection bits of the vendor.
    pub(crate) driver_protection: u64,
    /// Out: GPU virtual address of the reserved range.
    pub(crate) virtual_address: u64,
    /// Not written.
    pub(crate) paging_fence_value: u64,
}

same_layout!(
    ReserveAddress,
    d3dddi_reservegpuvirtualaddress {
        adapter,
        base_address,
        minimum_address,
        maximum_address,
        size,
        reservation_type,
        driver_protection,
        virtual_address,
        paging_fence_value,
    }
);

/// Argument of FreeGpuVirtualAddress.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct FreeAddress {
    /// In: adapter.
    pub(crate) adapter: Handle,
    reserved: u32,
    /// In: start of the range.
    pub(crate) base_address: u64,
    /// In: size of the range in bytes.
    pub(crate) size: u64,
}

same_layout!(
    FreeAddress,
    d3dkmt_freegpuvirtualaddress {
        adapter,
        reserved,
        base_address,
        size,
    }
);

/// Argument of UpdateGpuVirtualAddress.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct UpdateAddress {
    /// In: device.
    pub(crate) device: Handle,
    /// In: context the changes are ordered with.
    pub(crate) context: Handle,
    /// In: monitored fence that is signalled when the changes are done.
    pub(crate) fence_object: Handle,
    /// In: number of operations.
    pub(crate) num_operations: u32,
    /// In: address of the operations, [`Self::OPERATION`] bytes each.
    pub(crate) operations: u64,
    reserved0: u32,
    reserved1: u32,
    reserved2: u64,
    /// In, and written back unchanged: value of the fence to wait for; the operations raise it by
    /// one.
    pub(crate) fence_value: u64,
    /// In: flags.
    pub(crate) flags: u32,
    reserved3: u32,
}

impl UpdateAddress {
    /// Size of an operation in bytes.
    pub(crate) const OPERATION: usize = 64;
    /// Largest number of operations in one request.
    pub(crate) const MAX: u32 = 2048;
}

static_assert!(
    UpdateAddress::OPERATION
        == size_of::<crate::linux::uapi_header::d3dddi_updategpuvirtualaddress_operation>()
);

same_layout!(
    UpdateAddress,
    d3dkmt_updategpuvirtualaddress {
        device,
        context,
        fence_object,
        num_operations,
        operations,
        reserved0,
        reserved1,
        reserved2,
        fence_value,
        flags,
        reserved3,
    }
);
