// SPDX-License-Identifier: GPL-2.0

//! The destruction of individual allocations and resources.

use super::Process;
use crate::{
    linux::wait::WaitMode,
    objects::{
        allocation::Allocation,
        device::Device,
        object::{
            Kind,
            Object, //
        },
        object_table::ObjectTable,
        resource::Resource, //
    },
    wire::Handle, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Returns the allocation of `handle`, if it is on `device`.
fn allocation_of<'a>(
    objects: &'a ObjectTable<Object>,
    device: &Arc<Device>,
    handle: Handle,
) -> Option<&'a Arc<Allocation>> {
    objects
        .get(handle)
        .and_then(Allocation::of)
        .filter(|allocation| Arc::ptr_eq(allocation.device(), device))
}

/// Returns whether two allocations belong to the same resource, or both to none.
fn same_owner(left: &Allocation, right: &Allocation) -> bool {
    match (left.resource(), right.resource()) {
        (None, None) => true,
        (Some(left), Some(right)) => Arc::ptr_eq(left, right),
        _ => false,
    }
}

impl Process {
    /// Marks the allocations `handles` of `device` as dying. No index may occur twice.
    ///
    /// # Errors
    ///
    /// `EINVAL`, when nothing was done, unless all of them are allocations of `device` that have
    /// the same owner and are not shared.
    pub(crate) fn mark_allocations_dying(
        &self,
        device: &Arc<Device>,
        handles: &[Handle],
    ) -> Result {
        self.with_objects(|objects| {
            let first = handles.first().copied().unwrap_or(Handle::NONE);
            let first = allocation_of(objects, device, first).ok_or(EINVAL)?;
            let shared = first
                .resource()
                .is_some_and(|resource| resource.shared().is_some());

            if shared {
                return Err(EINVAL);
            }
            for handle in handles {
                allocation_of(objects, device, *handle)
                    .filter(|allocation| same_owner(allocation, first))
                    .ok_or(EINVAL)?;
            }
            for handle in handles {
                objects.mark_dying(*handle);
            }
            Ok(())
        })
    }

    /// Marks the resource `handle` of `device` and the allocations in it as dying, after waiting
    /// for other threads that are adding allocations to it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such resource, `ERESTARTSYS` after a fatal signal.
    pub(crate) fn mark_resource_dying(&self, device: &Arc<Device>, handle: Handle) -> Result {
        let resource = self.get::<Resource>(handle)?;

        if !Arc::ptr_eq(resource.device(), device) {
            return Err(EINVAL);
        }
        resource.live().kill();
        resource.live().drain(WaitMode::Killable)?;
        self.with_objects(|objects| {
            // Another thread may have destroyed it meanwhile, and the host may have reused its
            // handle.
            objects
                .get(handle)
                .and_then(Resource::of)
                .filter(|found| Arc::ptr_eq(found, &resource))
                .ok_or(EINVAL)?;
            objects.mark_dying(handle);
            Ok(())
        })
    }
}
