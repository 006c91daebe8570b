// SPDX-License-Identifier: GPL-2.0
//! Allocations and resources.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// CREATEALLOCATION, the part before the descriptors.
    "dxgkvmb_command_createallocation" CreateAllocation {
        hdr: CommandHeader,
        device: U32,
        resource: U32,
        private_runtime_data_size: U32,
        priv_drv_data_size: U32,
        alloc_count: U32,
        flags: U32,
        private_runtime_resource_handle: U64,
        make_resident: u8,
        padding: [u8; 7],
    }

    /// The descriptor of one allocation in [`CreateAllocation`].
    "dxgkvmb_command_createallocation_allocinfo" AllocationDescriptor {
        flags: U32,
        priv_drv_data_size: U32,
        vidpn_source_id: U32,
    }

    /// The resource-level driver data of a standard allocation.
    "d3dkmt_createstandardallocation" StandardAllocation {
        r#type: U32,
        reserved: U32,
        existing_heap_data: U64,
        flags: U32,
        reserved1: U32,
    }

    /// One allocation in the answer to [`CreateAllocation`].
    "dxgkvmb_command_allocinfo_return" AllocationReturn {
        allocation: U32,
        priv_drv_data_size: U32,
        allocation_flags: U32,
        padding: U32,
        allocation_size: U64,
        driver_info: [u8; 48],
    }

    /// DESTROYALLOCATION, the part before the handles.
    "dxgkvmb_command_destroyallocation" DestroyAllocation {
        hdr: CommandHeader,
        device: U32,
        resource: U32,
        alloc_count: U32,
        flags: U32,
        allocations: U32,
        padding: U32,
    }

    /// OPENRESOURCE.
    "dxgkvmb_command_openresource" OpenResource {
        hdr: CommandHeader,
        device: U32,
        nt_security_sharing: u8,
        padding: [u8; 3],
        global_share: U32,
        allocation_count: U32,
        total_priv_drv_data_size: U32,
        padding1: U32,
    }

    /// The answer to [`OpenResource`], before the handles of the allocations.
    "dxgkvmb_command_openresource_return" OpenResourceReturn {
        resource: U32,
        status: U32,
    }

    /// DDIGETSTANDARDALLOCATIONDRIVERDATA.
    "dxgkvmb_command_getstandardallocprivdata" GetStandardAllocationData {
        hdr: CommandHeader,
        alloc_type: U32,
        priv_driver_data_size: U32,
        priv_driver_resource_size: U32,
        physical_adapter_index: U32,
        gdi_surface: [u8; 24],
    }

    /// The answer to [`GetStandardAllocationData`], before the data.
    "dxgkvmb_command_getstandardallocprivdata_return" GetStandardAllocationDataReturn {
        status: U32,
        priv_driver_data_size: U32,
        priv_driver_resource_size: U32,
        gdi_surface: [u8; 24],
    }

    /// SETEXISTINGSYSMEMSTORE.
    "dxgkvmb_command_setexistingsysmemstore" SetExistingSysMemStore {
        hdr: CommandHeader,
        device: U32,
        allocation: U32,
        gpadl: U32,
        padding: U32,
    }

    /// SETEXISTINGSYSMEMPAGES, the part before the page numbers.
    "dxgkvmb_command_setexistingsysmempages" SetExistingSysMemPages {
        hdr: CommandHeader,
        device: U32,
        allocation: U32,
        num_pages: U32,
        alloc_offset_in_pages: U32,
    }

    /// LOCK2.
    "dxgkvmb_command_lock2" Lock {
        hdr: CommandHeader,
        device: U32,
        allocation: U32,
        value: U32,
        reserved: U32,
        data: U64,
        use_legacy_lock: u8,
        padding: [u8; 3],
        flags: U32,
        priv_drv_data: U32,
        padding1: U32,
    }

    /// The answer to [`Lock`].
    "dxgkvmb_command_lock2_return" LockReturn {
        status: U32,
        padding: U32,
        cpu_visible_buffer_offset: U64,
    }

    /// UNLOCK2.
    "dxgkvmb_command_unlock2" Unlock {
        hdr: CommandHeader,
        device: U32,
        allocation: U32,
        use_legacy_unlock: u8,
        padding: [u8; 7],
    }

    /// INVALIDATECACHE.
    "dxgkvmb_command_invalidatecache" InvalidateCache {
        hdr: CommandHeader,
        device: U32,
        allocation: U32,
        offset: U64,
        length: U64,
        reserved: U64,
    }
}

impl CreateAllocation {
    /// Where the descriptors start.
    pub const DATA_OFFSET: usize = 64;
    /// The most allocations that one command makes.
    pub const COUNT_MAX: u32 = 1024;
    /// Each piece of driver data is shorter than this.
    pub const DATA_LIMIT: u32 = 131_072;
    /// `flags`: the allocations make up a new resource.
    pub const CREATE_RESOURCE: u32 = 1 << 0;
    /// `flags`: other processes may open the resource.
    pub const CREATE_SHARED: u32 = 1 << 1;
    /// `flags`: not for guests.
    pub const CREATE_PROTECTED: u32 = 1 << 3;
    /// `flags`: the memory is the guest's.
    pub const EXISTING_SYSMEM: u32 = 1 << 5;
    /// `flags`: the resource is shared by NT handles.
    pub const NT_SECURITY_SHARING: u32 = 1 << 6;
    /// `flags`: the host may only read the guest's memory.
    pub const READ_ONLY: u32 = 1 << 7;
    /// `flags`: the CPU shall see it cached.
    pub const CREATE_CACHED: u32 = 1 << 9;
    /// `flags`: described by a [`StandardAllocation`].
    pub const STANDARD_ALLOCATION: u32 = 1 << 16;
    /// `flags`: not for guests.
    pub const EXISTING_SECTION: u32 = 1 << 17;
    /// `flags`: the bits that mean something.
    pub const FLAGS: u32 = (1 << 18) - 1;
}

impl AllocationDescriptor {
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x7;
}

impl StandardAllocation {
    /// `type`: memory that the guest has already.
    pub const EXISTING_HEAP: u32 = 1;
    /// `type`: memory that several adapters can use.
    pub const CROSS_ADAPTER: u32 = 2;
}

impl AllocationReturn {
    /// `allocation_flags`: the memory is the guest's.
    pub const EXISTING_SYSMEM: u32 = 1 << 11;
    /// `allocation_flags`: the CPU sees it cached.
    pub const CACHED: u32 = 1 << 19;
}

impl DestroyAllocation {
    /// Where the handles start.
    pub const HANDLES_OFFSET: usize = 40;
    /// The most allocations that one command names.
    pub const COUNT_MAX: u32 = 1024;
    /// `flags`: nothing works on the allocations.
    pub const ASSUME_NOT_IN_USE: u32 = 1 << 0;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x8000_0003;
}

impl GetStandardAllocationData {
    /// `alloc_type`: a surface, which is all that guests ask for.
    pub const GDI_SURFACE: u32 = 4;
}

impl SetExistingSysMemPages {
    /// Where the page numbers start.
    pub const PAGES_OFFSET: usize = 40;
    /// The most page numbers that one command holds.
    pub const COUNT_MAX: u32 = 15_867;
}
