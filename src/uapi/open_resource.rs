// SPDX-License-Identifier: GPL-2.0

//! Structures about opening shared resources.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of QueryResourceInfoFromNtHandle.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryResourceInfo {
    /// In: a device of the caller.
    pub(crate) device: Handle,
    reserved: u32,
    /// In: a file descriptor.
    pub(crate) nt_handle: u64,
    /// Not used.
    private_runtime_data: u64,
    /// Out: how much data of the runtime library there is.
    pub(crate) private_runtime_data_size: u32,
    /// Out: how much data of the vendor about the allocations.
    pub(crate) total_priv_drv_data_size: u32,
    /// Out: how much data of the vendor about the resource.
    pub(crate) resource_priv_drv_data_size: u32,
    /// Out: how many allocations.
    pub(crate) allocation_count: u32,
}

same_layout!(
    QueryResourceInfo,
    d3dkmt_queryresourceinfofromnthandle {
        device,
        reserved,
        nt_handle,
        private_runtime_data,
        private_runtime_data_size,
        total_priv_drv_data_size,
        resource_priv_drv_data_size,
        allocation_count,
    }
);

/// Argument of OpenResourceFromNtHandle.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenResource {
    /// In: on which device.
    pub(crate) device: Handle,
    reserved: u32,
    /// In: a file descriptor.
    pub(crate) nt_handle: u64,
    /// In: how many allocations there are.
    pub(crate) allocation_count: u32,
    reserved1: u32,
    /// In: where an [`OpenAllocation`] for each goes.
    pub(crate) open_alloc_info: u64,
    /// In: how much room there is for data of the runtime library.
    pub(crate) private_runtime_data_size: u32,
    reserved2: u32,
    /// In: where it goes.
    pub(crate) private_runtime_data: u64,
    /// In: how much room there is for data of the vendor about the resource.
    pub(crate) resource_priv_drv_data_size: u32,
    reserved3: u32,
    /// In: where it goes.
    pub(crate) resource_priv_drv_data: u64,
    /// In: how much room there is for data of the vendor about the allocations. Out: how much
    /// there is.
    pub(crate) total_priv_drv_data_size: u32,
    pad: u32,
    /// In: where it goes.
    pub(crate) total_priv_drv_data: u64,
    /// Out: the resource.
    pub(crate) resource: Handle,
    /// Out: none.
    pub(crate) keyed_mutex: Handle,
    keyed_mutex_private_data: u64,
    /// Out: nothing.
    pub(crate) keyed_mutex_private_data_size: u32,
    /// Out: none.
    pub(crate) sync_object: Handle,
}

same_layout!(
    OpenResource,
    d3dkmt_openresourcefromnthandle {
        device,
        reserved,
        nt_handle,
        allocation_count,
        reserved1,
        open_alloc_info,
        private_runtime_data_size,
        reserved2,
        private_runtime_data,
        resource_priv_drv_data_size,
        reserved3,
        resource_priv_drv_data,
        total_priv_drv_data_size,
        pad,
        total_priv_drv_data,
        resource,
        keyed_mutex,
        keyed_mutex_private_data,
        keyed_mutex_private_data_size,
        sync_object,
    }
);

/// What the opener of a resource is told about an allocation.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenAllocation {
    allocation: Handle,
    pad: u32,
    priv_drv_data: u64,
    priv_drv_data_size: u32,
    pad1: u32,
    gpu_va: u64,
    reserved: [u64; 6],
}

impl OpenAllocation {
    /// The allocation has `size` bytes of data of the vendor's at `data`.
    pub(crate) fn new(allocation: Handle, data: u64, size: u32) -> Self {
        Self {
            allocation,
            pad: 0,
            priv_drv_data: data,
            priv_drv_data_size: size,
            pad1: 0,
            gpu_va: 0,
            reserved: [0; 6],
        }
    }
}

same_layout!(
    OpenAllocation,
    d3dddi_openallocationinfo2 {
        allocation,
        pad,
        priv_drv_data,
        priv_drv_data_size,
        pad1,
        gpu_va,
        reserved,
    }
);
