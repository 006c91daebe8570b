// SPDX-License-Identifier: GPL-2.0

//! Allocations and resources of a device that is buried: the host hears of many at a time.

use super::Process;
use crate::{
    linux::waiter::Patience,
    message::allocation::DestroyAllocation,
    objects::{
        adapter::Active,
        allocation::Allocation,
        device::Device, //
    },
    wire::Handle,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What was taken out of the table, and the host may not have heard of yet.
pub(super) struct Batch<'a> {
    process: &'a Process,
    device: &'a Device,
    /// Without an adapter nobody is told.
    active: Option<&'a Active>,
    patience: Patience,
    /// Allocations that are no part of a resource.
    alone: KVVec<Handle>,
}

impl<'a> Batch<'a> {
    /// An empty one for `device`.
    pub(super) fn new(
        process: &'a Process,
        device: &'a Device,
        active: Option<&'a Active>,
        patience: Patience,
    ) -> Self {
        Self {
            process,
            device,
            active,
            patience,
            alone: KVVec::new(),
        }
    }

    /// The end of an allocation. Those of a resource come before it, and end with it.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if patience ended first, as for the following ones.
    pub(super) fn allocation(&mut self, handle: Handle, allocation: Arc<Allocation>) -> Result {
        if allocation.resource().is_some() {
            return Ok(());
        }
        if self.alone.len() == DestroyAllocation::MOST {
            self.flush()?;
        }
        if self.alone.push(handle, GFP_KERNEL).is_err() {
            self.flush()?;
            self.tell(Handle::NONE, &[handle])?;
        }
        Ok(())
    }

    /// The end of a resource, and of what was in it.
    pub(super) fn resource(&mut self, handle: Handle) -> Result {
        self.tell(handle, &[])
    }

    /// Tells the host about those it has not heard of yet.
    pub(super) fn flush(&mut self) -> Result {
        let alone = core::mem::take(&mut self.alone);

        if alone.is_empty() {
            return Ok(());
        }
        self.tell(Handle::NONE, &alone)
    }

    fn tell(&self, resource: Handle, allocations: &[Handle]) -> Result {
        let Some(active) = self.active else {
            return Ok(());
        };
        let command = DestroyAllocation {
            device: self.device.handle(),
            resource,
            allocations,
            flags: 0,
        };
        let result = active.call_for(self.process.on_host()?, command, self.patience);

        Process::unless_impatient(result)
    }
}
