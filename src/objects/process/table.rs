// SPDX-License-Identifier: GPL-2.0

//! The main handle table of a process, with all objects that the host has created for it.
//!
//! Objects that the host has just created are [`PendingHandles`]: their handles are reserved, so
//! that a host that gives one out twice is detected before anything is done with it, and they are
//! destroyed on the host again unless all other steps succeed and they are published. Publishing is
//! the last step of creation and does not fail for lack of memory.

use super::Process;
use crate::{
    linux::ratelimit::pr_warn_limited,
    objects::{
        device::{
            Device,
            DeviceGuard, //
        },
        object::{
            Kind,
            Object, //
        },
        object_table::ObjectTable, //
    },
    wire::Handle, //
};
use core::slice;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A handle that the host has given out, and its parent.
#[derive(Clone, Copy)]
pub(crate) struct HandleSlot {
    /// The handle.
    pub(crate) handle: Handle,
    /// The handle with which it is destroyed.
    pub(crate) parent: Option<Handle>,
}

impl HandleSlot {
    /// Returns the slots of a queue and of its fence, without the fence if it has no handle:
    /// programs then know the fence by its value only, which is all they need.
    pub(crate) fn with_fence(slots: &[HandleSlot; 2]) -> &[HandleSlot] {
        match slots {
            [queue, fence] if fence.handle.is_none() => slice::from_ref(queue),
            both => both,
        }
    }
}

impl Process {
    /// Returns the object of type `K` behind `handle`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none.
    pub(crate) fn get<K: Kind>(&self, handle: Handle) -> Result<Arc<K>> {
        self.objects
            .lock()
            .get(handle)
            .and_then(K::of)
            .cloned()
            .ok_or(EINVAL)
    }

    /// Returns the object behind `handle`, of any type.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none.
    pub(crate) fn object(&self, handle: Handle) -> Result<Object> {
        self.objects.lock().get(handle).cloned().ok_or(EINVAL)
    }

    /// Returns a guard of the device behind `handle`, under which messages about it may be sent.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none, `ENODEV` if it or its adapter cannot be used.
    pub(crate) fn device(&self, handle: Handle) -> Result<DeviceGuard> {
        let device = self.get::<Device>(handle)?;

        self.on_host()?;
        device.enter()
    }

    /// Calls `look` with `Process::objects` held. `look` must not sleep for long or drop an object.
    pub(crate) fn with_objects<R>(&self, look: impl FnOnce(&mut ObjectTable<Object>) -> R) -> R {
        look(&mut self.objects.lock())
    }

    /// Marks the object of type `K` behind `handle` and everything below it as dying, and returns
    /// it. The caller removes them with [`Self::remove_dying`].
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none.
    pub(crate) fn mark_dying<K: Kind>(&self, handle: Handle) -> Result<Arc<K>> {
        let mut objects = self.objects.lock();
        let object = objects.get(handle).and_then(K::of).cloned().ok_or(EINVAL)?;

        objects.mark_dying(handle);
        Ok(object)
    }

    /// Removes and returns one of the dying objects below `top`: children first, `top` last.
    pub(crate) fn remove_dying(&self, top: Handle) -> Option<(Handle, Object)> {
        self.objects.lock().remove_dying(top)
    }

    /// Reserves the handles of objects that the host has just created; `slots` lists parents before
    /// their children. `destroy` tells the host to destroy the objects again.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the host has given out a number that is not a handle or is in use. The host is
    /// not told to destroy anything then: that would destroy the other object, as it does in the
    /// reference. `ENODEV` if the parent is being destroyed, and the object with it: the host is
    /// not told then, either. `ENOMEM`, when it is told.
    pub(crate) fn reserve_handles<F: FnOnce()>(
        &self,
        slots: &[HandleSlot],
        destroy: F,
    ) -> Result<PendingHandles<'_, F>> {
        let mut pending = PendingHandles {
            process: self,
            slots: KVVec::new(),
            destroy: Some(destroy),
        };

        pending.slots.reserve(slots.len(), GFP_KERNEL_ACCOUNT)?;
        for slot in slots {
            let result = self.objects.lock().reserve(slot.handle, slot.parent);

            if let Err(error) = result {
                if error == EINVAL {
                    pr_warn_limited!(
                        "host gave out {:#x}, which is in use or no handle\n",
                        slot.handle.raw()
                    );
                }
                if error == EINVAL || error == ENODEV {
                    pending.destroy = None;
                }
                return Err(error);
            }
            pending.slots.push(slot.handle, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(pending)
    }
}

/// Handles of objects that the host has just created and that are not published yet.
pub(crate) struct PendingHandles<'a, F: FnOnce()> {
    process: &'a Process,
    slots: KVVec<Handle>,
    destroy: Option<F>,
}

impl<F: FnOnce()> PendingHandles<'_, F> {
    /// Publishes the objects, which come in the order of their slots.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the parent was destroyed meanwhile, and on the host the objects with it.
    pub(crate) fn publish(mut self, objects: impl IntoIterator<Item = Object>) -> Result {
        let mut orphan = None;

        {
            let mut table = self.process.objects.lock();

            for (handle, object) in self.slots.iter().zip(objects) {
                if let Err(back) = table.fill(*handle, object) {
                    orphan = Some(back);
                    break;
                }
            }
        }
        if orphan.is_some() {
            self.destroy = None;
            return Err(ENODEV);
        }
        self.slots.clear();
        self.destroy = None;
        Ok(())
    }
}

impl<F: FnOnce()> Drop for PendingHandles<'_, F> {
    fn drop(&mut self) {
        // The numbers must be free before the host may reuse them.
        for handle in self.slots.iter().rev() {
            let piece = {
                let mut table = self.process.objects.lock();

                table.mark_dying(*handle);
                let piece = table.remove_dying(*handle);

                table.cancel(*handle);
                piece
            };

            drop(piece);
        }
        if let Some(destroy) = self.destroy.take() {
            destroy();
        }
    }
}
