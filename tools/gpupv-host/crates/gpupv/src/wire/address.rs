// SPDX-License-Identifier: GPL-2.0
//! GPU addresses.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// FREEGPUVIRTUALADDRESS.
    "dxgkvmb_command_freegpuvirtualaddress" FreeGpuVirtualAddress {
        hdr: CommandHeader,
        adapter: U32,
        reserved: U32,
        base_address: U64,
        size: U64,
    }

    /// MAPGPUVIRTUALADDRESS.
    "dxgkvmb_command_mapgpuvirtualaddress" MapGpuVirtualAddress {
        hdr: CommandHeader,
        paging_queue: U32,
        padding: U32,
        base_address: U64,
        minimum_address: U64,
        maximum_address: U64,
        allocation: U32,
        padding1: U32,
        offset_in_pages: U64,
        size_in_pages: U64,
        protection: U64,
        driver_protection: U64,
        reserved0: U32,
        padding2: U32,
        reserved1: U64,
        virtual_address: U64,
        paging_fence_value: U64,
        device: U32,
        padding3: U32,
    }

    /// The answer to [`MapGpuVirtualAddress`].
    "dxgkvmb_command_mapgpuvirtualaddress_return" MapGpuVirtualAddressReturn {
        virtual_address: U64,
        paging_fence_value: U64,
        status: U32,
        padding: U32,
    }

    /// RESERVEGPUVIRTUALADDRESS.
    "dxgkvmb_command_reservegpuvirtualaddress" ReserveGpuVirtualAddress {
        hdr: CommandHeader,
        adapter: U32,
        padding: U32,
        base_address: U64,
        minimum_address: U64,
        maximum_address: U64,
        size: U64,
        reservation_type: U32,
        padding1: U32,
        driver_protection: U64,
        virtual_address: U64,
        paging_fence_value: U64,
    }

    /// The answer to [`ReserveGpuVirtualAddress`].
    "dxgkvmb_command_reservegpuvirtualaddress_return" ReserveGpuVirtualAddressReturn {
        virtual_address: U64,
        paging_fence_value: U64,
    }

    /// UPDATEGPUVIRTUALADDRESS, and the first of its operations.
    "dxgkvmb_command_updategpuvirtualaddress" UpdateGpuVirtualAddress {
        hdr: CommandHeader,
        fence_value: U64,
        device: U32,
        context: U32,
        fence_object: U32,
        num_operations: U32,
        flags: U32,
        padding: U32,
        operations: [u8; 64],
    }

    /// One operation of [`UpdateGpuVirtualAddress`]. What the fields mean depends on the operation;
    /// they have the names that they have where they mean most.
    "d3dddi_updategpuvirtualaddress_operation" UpdateOperation {
        operation: U32,
        padding: U32,
        base_address: U64,
        size: U64,
        dest_address: U64,
        allocation_offset: U64,
        allocation_size: U64,
        protection: U64,
        driver_protection: U64,
    }
}

impl UpdateGpuVirtualAddress {
    /// Where the operations start.
    pub const OPERATIONS_OFFSET: usize = 56;
    /// The most operations that one command holds.
    pub const COUNT_MAX: u32 = 2048;
    /// `flags`: do not wait for the fence.
    pub const DO_NOT_WAIT: u32 = 1 << 0;
}

impl UpdateOperation {
    /// `operation`: show an allocation.
    pub const MAP: u32 = 0;
    /// `operation`: show nothing.
    pub const UNMAP: u32 = 1;
    /// `operation`: show what another range shows.
    pub const COPY: u32 = 2;
    /// `operation`: show an allocation, with a protection.
    pub const MAP_PROTECT: u32 = 3;

    /// The allocation to show.
    pub fn allocation(&self) -> u32 {
        // CAST: the low half is meant.
        self.dest_address.get() as u32
    }

    /// The protection of a range that shows nothing.
    pub fn unmap_protection(&self) -> u64 {
        self.dest_address.get()
    }
}
