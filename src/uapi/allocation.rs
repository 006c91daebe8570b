// SPDX-License-Identifier: GPL-2.0

//! Structures for allocations and resources.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of CreateAllocation2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateAllocation {
    /// In: device.
    pub(crate) device: Handle,
    /// In: resource the allocations are added to, or 0. Out: the new resource, with
    /// [`Self::CREATE_RESOURCE`].
    pub(crate) resource: Handle,
    /// Out: always 0.
    pub(crate) global_share: Handle,
    reserved: u32,
    /// In: address of data of the runtime library, which is kept for importers.
    pub(crate) private_runtime_data: u64,
    /// In: size of `private_runtime_data` in bytes.
    pub(crate) private_runtime_data_size: u32,
    reserved1: u32,
    /// In: address of the vendor's data about the resource, or of a [`StandardAllocation`].
    pub(crate) priv_drv_data: u64,
    /// In: size of the vendor's data about the resource in bytes.
    pub(crate) priv_drv_data_size: u32,
    /// In: number of allocations.
    pub(crate) alloc_count: u32,
    /// In: address of an array of [`AllocationInfo`].
    pub(crate) allocation_info: u64,
    /// In: flags.
    pub(crate) flags: u32,
    reserved2: u32,
    /// In: number by which the runtime library identifies the resource.
    pub(crate) private_runtime_resource_handle: u64,
}

impl CreateAllocation {
    /// Flag: creates a resource that holds the allocations.
    pub(crate) const CREATE_RESOURCE: u32 = 1 << 0;
    /// Flag: other processes may open the resource.
    pub(crate) const CREATE_SHARED: u32 = 1 << 1;
    /// Flag: protected memory, which is not supported in a virtual machine.
    pub(crate) const CREATE_PROTECTED: u32 = 1 << 3;
    /// Flag: the allocations are backed by memory of the program.
    pub(crate) const EXISTING_SYSMEM: u32 = 1 << 5;
    /// Flag: the resource is shared by file descriptor.
    pub(crate) const NT_SECURITY_SHARING: u32 = 1 << 6;
    /// Flag: the GPU only reads the memory of the program.
    pub(crate) const READ_ONLY: u32 = 1 << 7;
    /// Flag: the allocation is described by a [`StandardAllocation`].
    pub(crate) const STANDARD_ALLOCATION: u32 = 1 << 16;
    /// Flag: memory of an existing section, which is not supported in a virtual machine.
    pub(crate) const EXISTING_SECTION: u32 = 1 << 17;
}

same_layout!(
    CreateAllocation,
    d3dkmt_createallocation {
        device,
        resource,
        global_share,
        private_runtime_data,
        private_runtime_data_size,
        priv_drv_data_size,
        alloc_count,
        allocation_info,
        flags,
        private_runtime_resource_handle,
    }
);

/// One allocation to create.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct AllocationInfo {
    /// Out: the new allocation.
    pub(crate) allocation: Handle,
    pad: u32,
    /// In: page-aligned address of memory of the program that backs the allocation, or null.
    pub(crate) sysmem: u64,
    /// Address of data of the vendor's driver, read and written.
    pub(crate) priv_drv_data: u64,
    /// In: size of `priv_drv_data` in bytes.
    pub(crate) priv_drv_data_size: u32,
    /// In: display source.
    pub(crate) vidpn_source_id: u32,
    /// In: flags.
    pub(crate) flags: u32,
    pad1: u32,
    gpu_virtual_address: u64,
    priority: u64,
    reserved: [u64; 5],
}

same_layout!(
    AllocationInfo,
    d3dddi_allocationinfo2 {
        allocation,
        sysmem,
        priv_drv_data,
        priv_drv_data_size,
        vidpn_source_id,
        flags,
        gpu_virtual_address,
        reserved,
    }
);

/// An allocation that is described without data of the vendor.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct StandardAllocation {
    /// In: kind of the allocation.
    pub(crate) r#type: u32,
    pub(crate) reserved: u32,
    /// In: size of the heap in bytes.
    pub(crate) heap_size: u64,
    /// In: flags, none of which is defined.
    pub(crate) flags: u32,
    pub(crate) reserved1: u32,
}

impl StandardAllocation {
    /// Kind: memory of the program.
    pub(crate) const EXISTING_HEAP: u32 = 1;
    /// Kind: memory that several adapters can use.
    pub(crate) const CROSS_ADAPTER: u32 = 2;
}

const _: () = {
    use crate::linux::uapi_header::d3dkmt_createstandardallocation as Theirs;
    use core::mem::offset_of;

    assert!(size_of::<StandardAllocation>() == size_of::<Theirs>());
    assert!(offset_of!(StandardAllocation, r#type) == offset_of!(Theirs, type_));
    assert!(offset_of!(StandardAllocation, heap_size) == offset_of!(Theirs, existing_heap_data));
    assert!(offset_of!(StandardAllocation, flags) == offset_of!(Theirs, flags));
};

/// Argument of DestroyAllocation2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct DestroyAllocation {
    /// In: device.
    pub(crate) device: Handle,
    /// In: resource to destroy with its allocations, or 0 if allocations are given.
    pub(crate) resource: Handle,
    /// In: address of the handles of the allocations.
    pub(crate) allocations: u64,
    /// In: number of allocations.
    pub(crate) alloc_count: u32,
    /// In: flags.
    pub(crate) flags: u32,
}

same_layout!(
    DestroyAllocation,
    d3dkmt_destroyallocation2 {
        device,
        resource,
        allocations,
        alloc_count,
        flags,
    }
);
