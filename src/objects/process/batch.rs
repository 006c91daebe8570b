// SPDX-License-Identifier: GPL-2.0

//! Allocations and resources of a device that is buried: the host hears of many at a time.

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

/// What was taken out of the table, and the host may not have heard of yet.
///
/// Memory of the program that an allocation consists of is let go of when the host has answered.
/// What is dropped before that goes to deferred_unpin.
pub(super) struct Batch<'a> {
    process: &'a Process,
    device: &'a Device,
    /// Without an adapter nobody is told.
    active: Option<&'a Active>,
    mode: WaitMode,
    /// Allocations that are no part of a resource.
    alone: KVVec<Handle>,
    /// Those of them that consist of memory of the program.
    alone_sysmem: KVVec<Arc<Allocation>>,
    /// Allocations that do, and are a part of the resource that comes next.
    parts_sysmem: KVVec<Arc<Allocation>>,
}

impl<'a> Batch<'a> {
    /// An empty one for `device`.
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

    /// The end of an allocation. Those of a resource come before it, and end with it.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first, as for the following ones.
    pub(super) fn allocation(&mut self, allocation: Arc<Allocation>) -> Result {
        let handle = allocation.handle();

        allocation.view().close();
        let resource = allocation.resource();

        // A resource without a handle does not come.
        if resource.is_some_and(|resource| !resource.handle().is_none()) {
            if allocation.has_own_memory() {
                // Without memory for the list it goes to deferred_unpin.
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

    /// The end of a resource, and of what was in it.
    pub(super) fn resource(&mut self, handle: Handle) -> Result {
        let sysmem = mem::take(&mut self.parts_sysmem);

        self.tell(handle, &[], &sysmem)
    }

    /// Tells the host about those it has not heard of yet.
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

        // What the host refuses to destroy now it destroys with the device.
        if matches!(&result, Ok(status) if status.into_result().is_ok()) {
            sysmem.iter().for_each(|allocation| allocation.destroyed());
        }
        Process::unless_interrupted(result)
    }
}
