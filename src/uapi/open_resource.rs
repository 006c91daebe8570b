// SPDX-License-Identifier: GPL-2.0

//! Structures for opening shared resources.

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
    /// In: device of the caller.
    pub(crate) device: Handle,
    reserved: u32,
    /// In: file descriptor made by ShareObjects.
    pub(crate) nt_handle: u64,
    /// Not used.
    private_runtime_data: u64,
    /// Out: bytes of data of the runtime library.
    pub(crate) private_runtime_data_size: u32,
    /// Out: bytes of the vendor's data about all allocations.
    pub(crate) total_priv_drv_data_size: u32,
    /// Out: bytes of the vendor's data about the resource.
    pub(crate) resource_priv_drv_data_size: u32,
    /// Out: number of allocations.
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
    /// In: device.
    pub(crate) device: Handle,
    reserved: u32,
    /// In: file descriptor made by ShareObjects.
    pub(crate) nt_handle: u64,
    /// In: number of allocations of the resource.
    pub(crate) allocation_count: u32,
    reserved1: u32,
    /// In: address of space for one [`OpenAllocation`] per allocation.
    pub(crate) open_alloc_info: u64,
    /// In: space at `private_runtime_data` in bytes.
    pub(crate) private_runtime_data_size: u32,
    reserved2: u32,
    /// In: address of space for data of the runtime library.
    pub(crate) private_runtime_data: u64,
    /// In: space at `resource_priv_drv_data` in bytes.
    pub(crate) resource_priv_drv_data_size: u32,
    reserved3: u32,
    /// In: address of space for the vendor's data about the resource.
    pub(crate) resource_priv_drv_data: u64,
    /// In: space at `total_priv_drv_data` in bytes. Out: bytes written there.
    pub(crate) total_priv_drv_data_size: u32,
    pad: u32,
    /// In: address of space for the vendor's data about the allocations.
    pub(crate) total_priv_drv_data: u64,
    /// Out: the new resource.
    pub(crate) resource: Handle,
    /// Out: always 0.
    pub(crate) keyed_mutex: Handle,
    keyed_mutex_private_data: u64,
    /// Out: always 0.
    pub(crate) keyed_mutex_private_data_size: u32,
    /// Out: always 0.
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

/// One allocation of an opened resource, as it is reported to the program.
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
    /// Describes `allocation`, whose `size` bytes of vendor data are at `data` in the program.
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
