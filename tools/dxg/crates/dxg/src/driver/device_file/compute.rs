// SPDX-License-Identifier: GPL-2.0

//! The calls that have an adapter compute something.

use super::{address, DeviceFile};
use crate::{
    driver::{ComputeCall, ComputeDriver, Mapping, Outcome, PAGE},
    uapi::{adapter::Handle, compute::*},
    Errno,
};

/// The memory behind an address that the driver has given out.
///
/// # Safety
///
/// As for [`Mapping::of_driver`]. The library drops mappings before the object that they belong to.
unsafe fn mapped(address: u64, bytes: usize) -> Result<Mapping, Errno> {
    // SAFETY: the caller's word.
    unsafe { Mapping::of_driver(address, bytes) }.ok_or(Errno::EINVAL)
}

impl ComputeDriver for DeviceFile {
    fn compute(&self, call: ComputeCall<'_>) -> Outcome {
        // SAFETY, for all of them: the arguments hold no address in this process, or those that
        // they could hold are zero.
        match call {
            ComputeCall::CreateDevice(arguments) => {
                arguments.legacy = [0; 6];
                // SAFETY: see above.
                unsafe { self.call(arguments) }
            }
            // SAFETY: see above.
            ComputeCall::DestroyDevice(arguments) => unsafe { self.call(arguments) },
            // SAFETY: see above.
            ComputeCall::GetDeviceState(arguments) => unsafe { self.call(arguments) },
            ComputeCall::CreateContext(arguments) => {
                (arguments.priv_drv_data, arguments.priv_drv_data_size) = (0, 0);
                // SAFETY: see above.
                unsafe { self.call(arguments) }
            }
            // SAFETY: see above.
            ComputeCall::DestroyContext(arguments) => unsafe { self.call(arguments) },
            // SAFETY: see above.
            ComputeCall::DestroyPagingQueue(arguments) => unsafe { self.call(arguments) },
            // SAFETY: see above.
            ComputeCall::DestroySync(arguments) => unsafe { self.call(arguments) },
            // SAFETY: see above.
            ComputeCall::Unlock(arguments) => unsafe { self.call(arguments) },
            // SAFETY: see above; the addresses are the GPU's.
            ComputeCall::Map(arguments) => unsafe { self.call(arguments) },
            // SAFETY: see above; the address is the GPU's.
            ComputeCall::Free(arguments) => unsafe { self.call(arguments) },
            ComputeCall::Submit(arguments) => {
                (arguments.priv_drv_data, arguments.priv_drv_data_size) = (0, 0);
                (
                    arguments.history_buffer_array,
                    arguments.num_history_buffers,
                ) = (0, 0);
                // SAFETY: see above; the buffer's address is the GPU's.
                unsafe { self.call(arguments) }
            }
        }
    }

    fn create_paging_queue(&self, arguments: &mut CreatePagingQueue) -> Result<Mapping, Errno> {
        // SAFETY: the argument holds no address before the call.
        unsafe { self.call(arguments)? };
        // SAFETY: the driver maps a page for as long as the queue is there.
        unsafe { mapped(arguments.fence_cpu_virtual_address, PAGE) }
    }

    fn create_fence(&self, arguments: &mut CreateSynchronizationObject) -> Result<Mapping, Errno> {
        arguments.r#type = MONITORED_FENCE;
        // SAFETY: the argument of a monitored fence holds no address before the call.
        unsafe { self.call(arguments)? };
        // SAFETY: the driver maps a page for as long as the fence is there.
        unsafe { mapped(arguments.fence_cpu_virtual_address, PAGE) }
    }

    fn wait(&self, arguments: &mut WaitFromCpu, object: Handle, value: u64) -> Outcome {
        let (mut objects, mut values) = ([object], [value]);
        arguments.object_count = 1;
        arguments.objects = address(&mut objects);
        arguments.fence_values = address(&mut values);
        arguments.async_event = 0;
        // SAFETY: the addresses are those of arrays of one element each, which is the count.
        let outcome = unsafe { self.call(arguments) };
        (arguments.objects, arguments.fence_values) = (0, 0);
        outcome
    }

    fn create_allocation(
        &self,
        arguments: &mut CreateAllocation,
        info: &mut AllocationInfo,
        data: &mut [u8],
        memory: Option<&Mapping>,
    ) -> Outcome {
        (
            arguments.private_runtime_data,
            arguments.private_runtime_data_size,
        ) = (0, 0);
        (arguments.priv_drv_data, arguments.priv_drv_data_size) = (0, 0);
        info.sysmem = memory.map_or(0, Mapping::address);
        info.priv_drv_data = address(data);
        info.priv_drv_data_size = super::length(data)?;
        arguments.alloc_count = 1;
        arguments.allocation_info = address(std::slice::from_mut(info));
        // SAFETY: there is one `info`, exclusively borrowed, with the address and size of `data`,
        // which is so, too. The driver pins the pages of `memory` and does not write them itself;
        // the GPU writes no more than the allocation has, which the driver compares with what it
        // is told in `data`. The library keeps the memory until the allocation is gone.
        let outcome = unsafe { self.call(arguments) };
        arguments.allocation_info = 0;
        (info.sysmem, info.priv_drv_data) = (0, 0);
        outcome
    }

    fn destroy_allocation(&self, arguments: &mut DestroyAllocation, handle: Handle) -> Outcome {
        let mut handles = [handle];
        arguments.alloc_count = 1;
        arguments.allocations = address(&mut handles);
        // SAFETY: the address is that of an array of one element, which is the count.
        let outcome = unsafe { self.call(arguments) };
        arguments.allocations = 0;
        outcome
    }

    fn make_resident(&self, arguments: &mut MakeResident, handle: Handle) -> Outcome {
        let mut handles = [handle];
        arguments.alloc_count = 1;
        arguments.allocation_list = address(&mut handles);
        arguments.priority_list = 0;
        // SAFETY: the address is that of an array of one element, which is the count.
        let outcome = unsafe { self.call(arguments) };
        arguments.allocation_list = 0;
        outcome
    }

    fn lock(&self, arguments: &mut Lock, bytes: usize) -> Result<Mapping, Errno> {
        arguments.data = 0;
        // SAFETY: the argument holds no address before the call.
        unsafe { self.call(arguments)? };
        // SAFETY: the driver maps all of the allocation until it is unlocked.
        unsafe { mapped(arguments.data, bytes) }
    }
}
