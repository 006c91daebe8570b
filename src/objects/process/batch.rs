// SPDX-License-Identifier: GPL-2.0

//! The destruction of allocations and resources of a device: many in one message to the host.

use super::Process;
use crate::{
    linux::wait::WaitMode,
    message::allocation::DestroyAllocation,
    objects::{
        adapter::Active,
        allocation::Allocation,
        device::Device, //
    },
    wire::Handle, //
};
use core::mem;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Allocations that were removed from the table, and that the host may not have been told of yet.
///
/// Memory of the program that backs an allocation is unpinned when the host has confirmed that. If
/// it is dropped before, [`DeferredUnpin`] keeps it pinned.
///
/// [`DeferredUnpin`]: crate::objects::deferred_unpin::DeferredUnpin
pub(super) struct Batch<'a> {
    process: &'a Process,
    device: &'a Device,
    /// The adapter. The host is not told if it is `None`.
    active: Option<&'a Active>,
    mode: WaitMode,
    /// The handles of allocations that are not part of a resource.
    alone: KVVec<Handle>,
    /// The allocations of `alone` that memory of the program backs.
    alone_sysmem: KVVec<Arc<Allocation>>,
    /// Allocations backed by memory of the program that are part of the resource that follows.
    parts_sysmem: KVVec<Arc<Allocation>>,
}

impl<'a> Batch<'a> {
    /// Creates an empty batch for `device`.
    pub(super) fn new(
        process: &'a Process,
        device: &'a Device,
        active: Option<&'a Active>,
        mode: WaitMode,
    ) -> Self {
        Self {
            process,
            device,
            active,
            mode,
            alone: KVVec::new(),
            alone_sysmem: KVVec::new(),
            parts_sysmem: KVVec::new(),
        }
    }

    /// Adds an allocation. Those of a resource come before it, and are destroyed with it.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended early, as for the following functions.
    pub(super) fn allocation(&mut self, allocation: Arc<Allocation>) -> Result {
        let handle = allocation.handle();

        allocation.view().close();
        let resource = allocation.resource();

        // A resource without a handle does not follow.
        if resource.is_some_and(|resource| !resource.handle().is_none()) {
            if allocation.has_own_memory() {
                // If there is no memory for the list, the pages go to `DeferredUnpin`.
                let _ = self.parts_sysmem.push(allocation, GFP_KERNEL);
            }
            return Ok(());
        }
        if self.alone.len() == DestroyAllocation::MAX {
            self.flush()?;
        }
        if self.alone.push(handle, GFP_KERNEL).is_err() {
            self.flush()?;
            return self.tell(Handle::NONE, &[handle], &[allocation]);
        }
        if allocation.has_own_memory() {
            let _ = self.alone_sysmem.push(allocation, GFP_KERNEL);
        }
        Ok(())
    }

    /// Destroys a resource on the host, with the allocations in it.
    pub(super) fn resource(&mut self, handle: Handle) -> Result {
        let sysmem = mem::take(&mut self.parts_sysmem);

        self.tell(handle, &[], &sysmem)
    }

    /// Tells the host of the allocations that it has not been told of yet.
    pub(super) fn flush(&mut self) -> Result {
        let alone = mem::take(&mut self.alone);
        let sysmem = mem::take(&mut self.alone_sysmem);

        if alone.is_empty() {
            return Ok(());
        }
        self.tell(Handle::NONE, &alone, &sysmem)
    }

    fn tell(&self, resource: Handle, allocations: &[Handle], sysmem: &[Arc<Allocation>]) -> Result {
        let Some(active) = self.active else {
            return Ok(());
        };
        let destroy = || DestroyAllocation {
            device: self.device.handle(),
            resource,
            allocations,
            flags: 0,
        };
        let result = active.tell(self.process.on_host()?, destroy, self.mode);

        // If the host refuses, it destroys the allocations with the device.
        if matches!(&result, Ok(status) if status.into_result().is_ok()) {
            sysmem.iter().for_each(|allocation| allocation.destroyed());
        }
        Process::unless_interrupted(result)
    }
}
