// SPDX-License-Identifier: GPL-2.0

//! Structures about GPU virtual addresses.

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
    /// In: the queue that does it.
    pub(crate) paging_queue: Handle,
    pad: u32,
    /// In: where, or 0.
    pub(crate) base_address: u64,
    /// In: not below this.
    pub(crate) minimum_address: u64,
    /// In: not above this.
    pub(crate) maximum_address: u64,
    /// In: what is to be there.
    pub(crate) allocation: Handle,
    pad1: u32,
    /// In: which part of it.
    pub(crate) offset_in_pages: u64,
    /// In.
    pub(crate) size_in_pages: u64,
    /// In: flags.
    pub(crate) protection: u64,
    /// In.
    pub(crate) driver_protection: u64,
    reserved0: u32,
    pad2: u32,
    reserved1: u64,
    /// Out.
    pub(crate) virtual_address: u64,
    /// Out: the value of the queue's fence when it is done.
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
    /// In: on which adapter; or one of its paging queues.
    pub(crate) adapter: Handle,
    pad: u32,
    /// In: where, or 0.
    pub(crate) base_address: u64,
    /// In: not below this.
    pub(crate) minimum_address: u64,
    /// In: not above this.
    pub(crate) maximum_address: u64,
    /// In: bytes.
    pub(crate) size: u64,
    /// In.
    pub(crate) reservation_type: u32,
    pad1: u32,
    /// In.
    pub(crate) driver_protection: u64,
    /// Out.
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
    /// In: on which adapter.
    pub(crate) adapter: Handle,
    reserved: u32,
    /// In.
    pub(crate) base_address: u64,
    /// In: bytes.
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
    /// In: on which device.
    pub(crate) device: Handle,
    /// In: after what this context has been given.
    pub(crate) context: Handle,
    /// In: signalled when it is done.
    pub(crate) fence_object: Handle,
    /// In: how many operations.
    pub(crate) num_operations: u32,
    /// In: where they are.
    pub(crate) operations: u64,
    reserved0: u32,
    reserved1: u32,
    reserved2: u64,
    /// In, and written back as it was: what the fence is set to.
    pub(crate) fence_value: u64,
    /// In.
    pub(crate) flags: u32,
    reserved3: u32,
}

impl UpdateAddress {
    /// Bytes of an operation.
    pub(crate) const OPERATION: usize = 64;
    /// Most operations of one request.
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
