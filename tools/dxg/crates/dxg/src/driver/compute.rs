// SPDX-License-Identifier: GPL-2.0

//! The ioctls that have an adapter compute something.

use super::{Mapping, Outcome};
use crate::{
    uapi::{adapter::Handle, compute::*},
    Errno,
};

/// A call without addresses in the caller's memory.
#[expect(
    missing_docs,
    reason = "the arguments have the names of their functions"
)]
pub enum ComputeCall<'a> {
    CreateDevice(&'a mut CreateDevice),
    DestroyDevice(&'a mut DestroyDevice),
    GetDeviceState(&'a mut GetDeviceState),
    CreateContext(&'a mut CreateContextVirtual),
    DestroyContext(&'a mut DestroyContext),
    DestroyPagingQueue(&'a mut DestroyPagingQueue),
    DestroySync(&'a mut DestroySynchronizationObject),
    Unlock(&'a mut Unlock),
    Map(&'a mut MapGpuVirtualAddress),
    Free(&'a mut FreeGpuVirtualAddress),
    Submit(&'a mut SubmitCommand),
}

/// The ioctls for computing, as [`Driver`](super::Driver) has the others. Where a driver gives an
/// address, the memory there is handed over as a [`Mapping`].
///
/// A driver that is older than these calls answers all of them with `ENOTTY`, as the provided methods
/// do.
pub trait ComputeDriver {
    /// Any call without addresses.
    fn compute(&self, _call: ComputeCall<'_>) -> Outcome {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTCreatePagingQueue, with the page of the queue's fence.
    fn create_paging_queue(&self, _arguments: &mut CreatePagingQueue) -> Result<Mapping, Errno> {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTCreateSynchronizationObject2 for a monitored fence, with its page.
    fn create_fence(&self, _arguments: &mut CreateSynchronizationObject) -> Result<Mapping, Errno> {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTWaitForSynchronizationObjectFromCpu for one object; it returns when the wait is over.
    fn wait(&self, _arguments: &mut WaitFromCpu, _object: Handle, _value: u64) -> Outcome {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTCreateAllocation2 for one allocation with driver data, in memory of the caller if that is
    /// given.
    fn create_allocation(
        &self,
        _arguments: &mut CreateAllocation,
        _info: &mut AllocationInfo,
        _data: &mut [u8],
        _memory: Option<&Mapping>,
    ) -> Outcome {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTDestroyAllocation2 for one allocation.
    fn destroy_allocation(&self, _arguments: &mut DestroyAllocation, _handle: Handle) -> Outcome {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTMakeResident for one allocation.
    fn make_resident(&self, _arguments: &mut MakeResident, _handle: Handle) -> Outcome {
        Err(Errno::ENOTTY)
    }

    /// D3DKMTLock2, with the memory of the allocation, which has so many bytes.
    fn lock(&self, _arguments: &mut Lock, _bytes: usize) -> Result<Mapping, Errno> {
        Err(Errno::ENOTTY)
    }
}
