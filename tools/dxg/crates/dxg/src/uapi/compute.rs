// SPDX-License-Identifier: GPL-2.0

//! Arguments of the ioctls that have an adapter compute something.
//!
//! Addresses in the caller's memory are filled in by the [`Driver`](crate::Driver), as elsewhere; the
//! library uses none of the optional ones, which stay zero.

use super::{abi_struct, adapter::Handle, request};

abi_struct! {
    /// `d3dkmt_createdevice`, ioctl 0x02.
    #[derive(Default)]
    pub struct CreateDevice {
        /// The adapter.
        pub adapter: Handle,
        /// Unused.
        pub reserved3: u32,
        /// Unused.
        pub flags: u32,
        /// Out: the device.
        pub device: Handle,
        /// What only old drivers on Windows give: buffers and lists.
        pub legacy: [u64; 6],
    }

    /// `d3dkmt_destroydevice`, ioctl 0x19.
    #[derive(Default)]
    pub struct DestroyDevice {
        /// The device.
        pub device: Handle,
    }

    /// `d3dkmt_getdevicestate`, ioctl 0x0E.
    #[derive(Default)]
    pub struct GetDeviceState {
        /// The device.
        pub device: Handle,
        /// Which question.
        pub state_type: u32,
        /// Out: [`PageFaultState`], or a word and nothing.
        pub state: PageFaultState,
        /// Room for more.
        pub alignment: [u64; 2],
    }

    /// `d3dkmt_devicepagefault_state`. Answers to other questions are in the first word.
    #[derive(Default)]
    pub struct PageFaultState {
        /// The number of the command.
        pub faulted_primitive_api_sequence_number: u64,
        /// Where in the pipeline.
        pub faulted_pipeline_stage: u32,
        /// Which binding.
        pub faulted_bind_table_entry: u32,
        /// Bit 0: a write.
        pub page_fault_flags: u32,
        /// Bit 0: the code in the other bits is the device's own.
        pub fault_error_code: u32,
        /// Which GPU address.
        pub faulted_virtual_address: u64,
    }

    /// `d3dkmt_createcontextvirtual`, ioctl 0x04.
    #[derive(Default)]
    pub struct CreateContextVirtual {
        /// The device.
        pub device: Handle,
        /// Which engine.
        pub node_ordinal: u32,
        /// Which physical adapters.
        pub engine_affinity: u32,
        /// Bits.
        pub flags: u32,
        /// Address of driver data.
        pub priv_drv_data: u64,
        /// Size of driver data.
        pub priv_drv_data_size: u32,
        /// Who asks.
        pub client_hint: u32,
        /// Out: the context.
        pub context: Handle,
        /// Padding.
        pub padding: [u8; 4],
    }

    /// `d3dkmt_destroycontext`, ioctl 0x05.
    #[derive(Default)]
    pub struct DestroyContext {
        /// The context.
        pub context: Handle,
    }

    /// `d3dkmt_createpagingqueue`, ioctl 0x07.
    #[derive(Default)]
    pub struct CreatePagingQueue {
        /// The device.
        pub device: Handle,
        /// -1 to 1.
        pub priority: i32,
        /// Out: the queue.
        pub paging_queue: Handle,
        /// Out: its fence.
        pub sync_object: Handle,
        /// Out: where its value is.
        pub fence_cpu_virtual_address: u64,
        /// Which physical adapter.
        pub physical_adapter_index: u32,
        /// Padding.
        pub padding: [u8; 4],
    }

    /// `d3dddi_destroypagingqueue`, ioctl 0x1C.
    #[derive(Default)]
    pub struct DestroyPagingQueue {
        /// The queue.
        pub paging_queue: Handle,
    }

    /// `d3dkmt_createsynchronizationobject2`, ioctl 0x10, with the data of a monitored fence.
    #[derive(Default)]
    pub struct CreateSynchronizationObject {
        /// The device.
        pub device: Handle,
        /// Unused.
        pub reserved: u32,
        /// What kind.
        pub r#type: u32,
        /// Bits.
        pub flags: u32,
        /// Its first value.
        pub initial_fence_value: u64,
        /// Out: where the CPU sees the value.
        pub fence_cpu_virtual_address: u64,
        /// Out: where the GPU does.
        pub fence_gpu_virtual_address: u64,
        /// Which physical adapters.
        pub engine_affinity: u32,
        /// Of other kinds.
        pub others: [u32; 11],
        /// Out: the object.
        pub sync_object: Handle,
        /// Unused.
        pub reserved1: u32,
    }

    /// `d3dkmt_destroysynchronizationobject`, ioctl 0x1D.
    #[derive(Default)]
    pub struct DestroySynchronizationObject {
        /// The object.
        pub sync_object: Handle,
    }

    /// `d3dkmt_waitforsynchronizationobjectfromcpu`, ioctl 0x3A.
    #[derive(Default)]
    pub struct WaitFromCpu {
        /// The device.
        pub device: Handle,
        /// How many objects.
        pub object_count: u32,
        /// Address of their handles.
        pub objects: u64,
        /// Address of the values.
        pub fence_values: u64,
        /// An eventfd, or 0 to wait in the call.
        pub async_event: u64,
        /// Bit 0: any of them is enough.
        pub flags: u32,
        /// Padding.
        pub padding: [u8; 4],
    }

    /// `d3dkmt_createallocation`, ioctl 0x06.
    #[derive(Default)]
    pub struct CreateAllocation {
        /// The device.
        pub device: Handle,
        /// The resource to extend.
        pub resource: Handle,
        /// Unused.
        pub global_share: Handle,
        /// Unused.
        pub reserved: u32,
        /// Address of runtime data.
        pub private_runtime_data: u64,
        /// Size of runtime data.
        pub private_runtime_data_size: u32,
        /// Unused.
        pub reserved1: u32,
        /// Address of driver data of the resource.
        pub priv_drv_data: u64,
        /// Size of driver data of the resource.
        pub priv_drv_data_size: u32,
        /// How many allocations.
        pub alloc_count: u32,
        /// Address of their [`AllocationInfo`]s.
        pub allocation_info: u64,
        /// Bits.
        pub flags: u32,
        /// Unused.
        pub reserved2: u32,
        /// For the caller.
        pub private_runtime_resource_handle: u64,
    }

    /// `d3dddi_allocationinfo2`.
    #[derive(Default)]
    pub struct AllocationInfo {
        /// Out: the allocation.
        pub allocation: Handle,
        /// Padding.
        pub padding: [u8; 4],
        /// Address of the caller's memory, if it is to be used.
        pub sysmem: u64,
        /// Address of driver data.
        pub priv_drv_data: u64,
        /// Size of driver data.
        pub priv_drv_data_size: u32,
        /// Unused.
        pub vidpn_source_id: u32,
        /// Bits.
        pub flags: u32,
        /// Padding.
        pub padding1: [u8; 4],
        /// Unused.
        pub gpu_virtual_address: u64,
        /// Unused.
        pub unused: u64,
        /// Unused.
        pub reserved: [u64; 5],
    }

    /// `d3dkmt_destroyallocation2`, ioctl 0x13.
    #[derive(Default)]
    pub struct DestroyAllocation {
        /// The device.
        pub device: Handle,
        /// The resource to destroy.
        pub resource: Handle,
        /// Address of the handles.
        pub allocations: u64,
        /// How many.
        pub alloc_count: u32,
        /// Bits.
        pub flags: u32,
    }

    /// `d3dkmt_lock2`, ioctl 0x25.
    #[derive(Default)]
    pub struct Lock {
        /// The device.
        pub device: Handle,
        /// The allocation.
        pub allocation: Handle,
        /// Bits.
        pub flags: u32,
        /// Unused.
        pub reserved: u32,
        /// Out: where the memory is.
        pub data: u64,
    }

    /// `d3dkmt_unlock2`, ioctl 0x37.
    #[derive(Default)]
    pub struct Unlock {
        /// The device.
        pub device: Handle,
        /// The allocation.
        pub allocation: Handle,
    }

    /// `d3dddi_makeresident`, ioctl 0x0B.
    #[derive(Default)]
    pub struct MakeResident {
        /// The queue that does it.
        pub paging_queue: Handle,
        /// How many allocations.
        pub alloc_count: u32,
        /// Address of their handles.
        pub allocation_list: u64,
        /// Address of priorities.
        pub priority_list: u64,
        /// Bits.
        pub flags: u32,
        /// Padding.
        pub padding: [u8; 4],
        /// Out: the value of the queue's fence when it is done.
        pub paging_fence_value: u64,
        /// Out: how much is missing.
        pub num_bytes_to_trim: u64,
    }

    /// `d3dddi_mapgpuvirtualaddress`, ioctl 0x0C.
    #[derive(Default)]
    pub struct MapGpuVirtualAddress {
        /// The queue that does it.
        pub paging_queue: Handle,
        /// Padding.
        pub padding: [u8; 4],
        /// Where, or 0.
        pub base_address: u64,
        /// Not below.
        pub minimum_address: u64,
        /// Not above.
        pub maximum_address: u64,
        /// What.
        pub allocation: Handle,
        /// Padding.
        pub padding1: [u8; 4],
        /// From which page on.
        pub offset_in_pages: u64,
        /// How many pages.
        pub size_in_pages: u64,
        /// Bits.
        pub protection: u64,
        /// The vendor's bits.
        pub driver_protection: u64,
        /// Unused.
        pub reserved0: u32,
        /// Padding.
        pub padding2: [u8; 4],
        /// Unused.
        pub reserved1: u64,
        /// Out: where.
        pub virtual_address: u64,
        /// Out: the value of the queue's fence when it is done.
        pub paging_fence_value: u64,
    }

    /// `d3dkmt_freegpuvirtualaddress`, ioctl 0x20.
    #[derive(Default)]
    pub struct FreeGpuVirtualAddress {
        /// The adapter.
        pub adapter: Handle,
        /// Unused.
        pub reserved: u32,
        /// Where.
        pub base_address: u64,
        /// How many bytes.
        pub size: u64,
    }

    /// `d3dkmt_submitcommand`, ioctl 0x0F.
    pub struct SubmitCommand {
        /// The GPU address of the buffer.
        pub command_buffer: u64,
        /// Its length in bytes.
        pub command_length: u32,
        /// Bits.
        pub flags: u32,
        /// Unused.
        pub present_history_token: u64,
        /// How many contexts.
        pub broadcast_context_count: u32,
        /// The contexts.
        pub broadcast_context: [Handle; 64],
        /// Unused.
        pub reserved: u32,
        /// Address of driver data.
        pub priv_drv_data: u64,
        /// Size of driver data.
        pub priv_drv_data_size: u32,
        /// How many primaries.
        pub num_primaries: u32,
        /// The primaries.
        pub written_primaries: [Handle; 16],
        /// How many history buffers.
        pub num_history_buffers: u32,
        /// Unused.
        pub reserved1: u32,
        /// Address of the history buffers.
        pub history_buffer_array: u64,
    }
}

impl Default for SubmitCommand {
    fn default() -> Self {
        zerocopy::FromZeros::new_zeroed()
    }
}

request!(CreateDevice, 0x02, "D3DKMTCreateDevice");
request!(CreateContextVirtual, 0x04, "D3DKMTCreateContextVirtual");
request!(DestroyContext, 0x05, "D3DKMTDestroyContext");
request!(CreateAllocation, 0x06, "D3DKMTCreateAllocation2");
request!(CreatePagingQueue, 0x07, "D3DKMTCreatePagingQueue");
request!(MakeResident, 0x0B, "D3DKMTMakeResident");
request!(MapGpuVirtualAddress, 0x0C, "D3DKMTMapGpuVirtualAddress");
request!(GetDeviceState, 0x0E, "D3DKMTGetDeviceState");
request!(SubmitCommand, 0x0F, "D3DKMTSubmitCommand");
request!(
    CreateSynchronizationObject,
    0x10,
    "D3DKMTCreateSynchronizationObject2"
);
request!(DestroyAllocation, 0x13, "D3DKMTDestroyAllocation2");
request!(DestroyDevice, 0x19, "D3DKMTDestroyDevice");
request!(DestroyPagingQueue, 0x1C, "D3DKMTDestroyPagingQueue");
request!(
    DestroySynchronizationObject,
    0x1D,
    "D3DKMTDestroySynchronizationObject"
);
request!(FreeGpuVirtualAddress, 0x20, "D3DKMTFreeGpuVirtualAddress");
request!(Lock, 0x25, "D3DKMTLock2");
request!(Unlock, 0x37, "D3DKMTUnlock2");
request!(
    WaitFromCpu,
    0x3A,
    "D3DKMTWaitForSynchronizationObjectFromCpu"
);

/// Type of a synchronization object: a fence with a value that everybody sees.
pub const MONITORED_FENCE: u32 = 5;
/// Creation flag: the caller's memory is only read.
pub const READ_ONLY: u32 = 1 << 7;
/// Protection of a mapping: the GPU may write.
pub const PROTECTION_WRITE: u64 = 1 << 0;
/// Device state: how it executes.
pub const STATE_EXECUTION: u32 = 1;
/// Device state: the page fault that stopped it.
pub const STATE_PAGE_FAULT: u32 = 5;
