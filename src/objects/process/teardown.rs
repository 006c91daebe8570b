// SPDX-License-Identifier: GPL-2.0

//! The destruction of a device and everything on it.
//!
//! First, messages about the device that are in flight are waited for. Then user mappings are
//! revoked before the host may reuse the memory, and the host releases pages of the program before
//! they are unpinned, object by object. If the thread that destroys the device is killed, a worker
//! continues.

use super::{
    batch::Batch,
    Process, //
};
use crate::{
    linux::wait::WaitMode,
    message::device::{
        DestroyDevice,
        FlushDevice, //
    },
    objects::{
        device::Device,
        object::Object,
        waits::Loss, //
    },
    transport::AccountEntry,
    wire::Handle, //
};
use kernel::{
    impl_has_work, new_work,
    prelude::*,
    sync::Arc,
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// Whether the driver waits for the work of a device before it destroys the device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Wait for the work, as the process closes the adapter or ends.
    Yes,
    /// Do not wait, as the program destroys the device.
    No,
}

/// The rest of the destruction of a device, to be done by a worker.
#[pin_data]
struct DestroyWork {
    process: Arc<Process>,
    device: Arc<Device>,
    flush: Flush,
    /// Keeps the process from ending on the host before the device is destroyed.
    _owed: AccountEntry,
    #[pin]
    work: Work<DestroyWork>,
}

impl_has_work! {
    impl HasWork<Self> for DestroyWork { self.work }
}

impl WorkItem for DestroyWork {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // The wait ends when the host has replied, or when the channel is closed.
        let _ = this
            .process
            .tear_down(&this.device, this.flush, WaitMode::Unbounded);
    }
}

impl Process {
    /// Destroys the device `handle`, and waits until that is done.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such device; `ENOMEM`, when nothing was done; `ERESTARTSYS` if the
    /// thread was killed: a worker continues then.
    pub(crate) fn destroy_device(self: &Arc<Self>, handle: Handle, flush: Flush) -> Result {
        let device = self.get::<Device>(handle)?;
        // Allocated before the device is marked as dying, which cannot be undone.
        let work = Arc::pin_init(
            pin_init!(DestroyWork {
                process: self.clone(),
                device,
                flush,
                _owed: self.account.enter(),
                work <- new_work!("DestroyWork::work"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        self.mark_dying::<Device>(handle)?;
        let Err(error) = self.tear_down(&work.device, flush, WaitMode::Killable) else {
            return Ok(());
        };

        // Cannot fail: the item was never queued before.
        let _ = self.driver_data().teardown.enqueue(work);
        Err(error)
    }

    /// Removes all objects of the dying `device`, destroys them on the host, and then the device.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended early. It can be called again then.
    pub(super) fn tear_down(&self, device: &Device, flush: Flush, mode: WaitMode) -> Result {
        device.live().kill();
        // The waits do not depend on replies that the host still owes.
        Self::cancel_waits(device);

        let settled = device.live().drain(mode);

        // Cancels the waits that began before the device was killed.
        Self::cancel_waits(device);
        settled?;

        // If the adapter is lost, the host is not told, and only the driver's side is cleaned up.
        let host = self.reach(device.adapter());

        if let (Flush::Yes, Some((active, sender))) = (flush, &host) {
            let flush = || FlushDevice {
                device: device.handle(),
            };

            Self::unless_interrupted(active.tell(*sender, flush, mode))?;
        }

        let active = host.as_ref().map(|(active, _)| &**active);
        let mut batch = Batch::new(self, device, active, mode);

        // Objects that remain when the wait ends early are destroyed with the device.
        while let Some((_, object)) = self.remove_dying(device.handle()) {
            // Another thread may still hold the object.
            object.revoke();
            match object {
                Object::Allocation(allocation) => batch.allocation(allocation)?,
                Object::Resource(resource) => batch.resource(resource.handle())?,
                // The host destroys the other objects with the device.
                _ => {}
            }
        }
        batch.flush()?;

        if let Some((active, sender)) = &host {
            let destroy = || DestroyDevice {
                device: device.handle(),
            };
            let result = active.tell(*sender, destroy, mode);

            if matches!(&result, Ok(status) if status.into_result().is_ok()) {
                self.deferred_unpin
                    .release(|owner| core::ptr::eq(owner, device));
            }
            Self::unless_interrupted(result)?;
        }
        Ok(())
    }

    /// Ends the waits on the device, and the imports of other drivers' fences.
    fn cancel_waits(device: &Device) {
        device.waits().lose(Loss::Device);
        #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
        device.imports().withdraw();
    }

    /// Ends, when the last descriptor is closed, everything that does not need the host: waits, and
    /// mappings of the host's memory. A worker does the rest, which does not keep the module from
    /// being unloaded, as mappings and fences of other drivers would. Called by the task that
    /// closes the descriptor, which usually belongs to the program; then the addresses are free at
    /// once.
    pub(crate) fn release_local(&self) {
        let mut from = 0;

        // One by one, as neither may be done with the lock held.
        while let Some((index, object)) = self.with_objects(|objects| {
            let (index, object) = objects.next(from)?;

            Some((index, object.clone()))
        }) {
            match &object {
                Object::Device(device) => Self::cancel_waits(device),
                other => other.revoke(),
            }
            from = index + 1;
        }
    }

    /// Destroys all objects, when no thread uses the process.
    pub(super) fn release_all(&self) {
        while let Some(handle) = self.with_objects(|objects| objects.find_root(|_| true)) {
            let object = self.object(handle);

            self.with_objects(|objects| objects.mark_dying(handle));
            if let Ok(Object::Device(device)) = object {
                let _ = self.tear_down(&device, Flush::Yes, WaitMode::Unbounded);
            }
            while let Some(piece) = self.remove_dying(handle) {
                drop(piece);
            }
        }
    }

    /// Ignores the host's error, but returns the error of a wait that ended early.
    pub(super) fn unless_interrupted<T>(result: Result<T>) -> Result {
        match result {
            Err(error) if error == ERESTARTSYS || error == ETIMEDOUT => Err(error),
            _ => Ok(()),
        }
    }
}
