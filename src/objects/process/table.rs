// SPDX-License-Identifier: GPL-2.0

//! The main table of a process: everything the host has made for it.
//!
//! What the host has just made is a [`PendingHandles`]: its handles are reserved, so that a host that
//! gives one out twice is noticed before anything is done in its name, and it is destroyed on the
//! host again unless all else succeeds and it is published. Publishing is the last step of
//! creation and does not fail for want of memory.

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

/// A handle that the host has given out, and what it is to hang on.
#[derive(Clone, Copy)]
pub(crate) struct HandleSlot {
    /// The handle.
    pub(crate) handle: Handle,
    /// What it dies with.
    pub(crate) parent: Option<Handle>,
}

impl HandleSlot {
    /// The slots of a queue and of its fence, unless the fence has no handle: then programs know it
    /// by its value only, which is where they look anyway.
    pub(crate) fn with_fence(slots: &[HandleSlot; 2]) -> &[HandleSlot] {
        match slots {
            [queue, fence] if fence.handle.is_none() => slice::from_ref(queue),
            both => both,
        }
    }
}

impl Process {
    /// The object of kind `K` that `handle` stands for.
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

    /// What `handle` stands for, whatever it is.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is nothing.
    pub(crate) fn object(&self, handle: Handle) -> Result<Object> {
        self.objects.lock().get(handle).cloned().ok_or(EINVAL)
    }

    /// The device that `handle` stands for, and the right to send messages about it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none, `ENODEV` if it or its adapter cannot be used.
    pub(crate) fn device(&self, handle: Handle) -> Result<DeviceGuard> {
        let device = self.get::<Device>(handle)?;

        self.on_host()?;
        device.enter()
    }

    /// Looks at the table as it is at one moment, or changes it. Nothing that sleeps for long, and
    /// no drop of an object, belongs inside.
    pub(crate) fn with_objects<R>(&self, look: impl FnOnce(&mut ObjectTable<Object>) -> R) -> R {
        look(&mut self.objects.lock())
    }

    /// Lets nobody find the object of kind `K` behind `handle` any more, nor what hangs on it, and
    /// returns it. The pieces are to be taken out with [`Self::remove_dying`].
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

    /// Takes a piece of what is dying out: children first, what they hang on last.
    pub(crate) fn remove_dying(&self, top: Handle) -> Option<(Handle, Object)> {
        self.objects.lock().remove_dying(top)
    }

    /// Reserves what the host has just made; `slots` lists parents before their children.
    /// `destroy` tells the host to destroy it again.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the host has given out a handle that is none, or that something else has. Then
    /// it is not told to destroy anything: that would hit the other one, as it does in the
    /// reference. `ENODEV` if what it hangs on is being destroyed, which takes it along: the host is
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

/// What the host has just made and nobody has seen yet.
pub(crate) struct PendingHandles<'a, F: FnOnce()> {
    process: &'a Process,
    slots: KVVec<Handle>,
    destroy: Option<F>,
}

impl<F: FnOnce()> PendingHandles<'_, F> {
    /// Lets everybody in the process find the objects, which come in the order of their slots.
    ///
    /// # Errors
    ///
    /// `ENODEV` if what they hang on was destroyed meanwhile, and on the host they with it.
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
        // The numbers must be free before the host may give them out again.
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
