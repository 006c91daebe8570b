// SPDX-License-Identifier: GPL-2.0

//! The end of a device and everything on it.
//!
//! Messages about it that are under way are waited for first. Then piece by piece: user mappings
//! are revoked before the host may use the memory for something else, and the host lets go of user
//! pages before they are unpinned. If the thread that destroys the device is killed, a worker
//! goes on where it stopped.

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

/// Whether the work of a device is waited for before the device goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// It is: the process lets go of the adapter or ends.
    Yes,
    /// It is not: the program wants the device destroyed.
    No,
}

/// What is left of the destruction of a device, for a worker.
#[pin_data]
struct DestroyWork {
    process: Arc<Process>,
    device: Arc<Device>,
    flush: Flush,
    /// The process does not end on the host before the device does.
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
        // It ends when the host has answered, or with the channel.
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
    /// thread was killed: a worker goes on then.
    pub(crate) fn destroy_device(self: &Arc<Self>, handle: Handle, flush: Flush) -> Result {
        let device = self.get::<Device>(handle)?;
        // Made before there is no way back.
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

        // It was never queued before.
        let _ = self.driver_data().teardown.enqueue(work);
        Err(error)
    }

    /// Takes the dying `device` to pieces and tells the host.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if the wait ended first. It can be called again then.
    pub(super) fn tear_down(&self, device: &Device, flush: Flush, mode: WaitMode) -> Result {
        device.live().kill();
        // Those who wait do not depend on what the host still has to answer.
        Self::cancel_waits(device);

        let settled = device.live().drain(mode);

        // And those who came in before the device was killed.
        Self::cancel_waits(device);
        settled?;

        // Without the adapter there is nobody to be told, and nothing but our side to clean up.
        let host = self.reach(device.adapter());

        if let (Flush::Yes, Some((active, sender))) = (flush, &host) {
            let flush = || FlushDevice {
                device: device.handle(),
            };

            Self::unless_interrupted(active.tell(*sender, flush, mode))?;
        }

        let active = host.as_ref().map(|(active, _)| &**active);
        let mut batch = Batch::new(self, device, active, mode);

        // What is left out when the wait ends early goes with the device.
        while let Some((_, object)) = self.remove_dying(device.handle()) {
            // Another thread may still hold it.
            object.revoke();
            match object {
                Object::Allocation(allocation) => batch.allocation(allocation)?,
                Object::Resource(resource) => batch.resource(resource.handle())?,
                // The host destroys the rest with the device.
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

    /// Ends what waits for the device, or with it for others.
    fn cancel_waits(device: &Device) {
        device.waits().lose(Loss::Device);
        #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
        device.imports().withdraw();
    }

    /// Ends, when the last descriptor is closed, what needs no host: waits, and what the program
    /// sees of the host's memory. A worker does the rest, and nothing of that keeps the module from
    /// being unloaded: mappings and fences of other drivers would. Called by the task that closes,
    /// which usually is one of the program's; then the addresses are free at once.
    pub(crate) fn release_local(&self) {
        let mut from = 0;

        // One by one, as none of it belongs under the lock.
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

    /// The end of all objects, when nobody uses the process any more.
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

    /// The host's opinion does not matter here; that nobody waits for it any more does.
    pub(super) fn unless_interrupted<T>(result: Result<T>) -> Result {
        match result {
            Err(error) if error == ERESTARTSYS || error == ETIMEDOUT => Err(error),
            _ => Ok(()),
        }
    }
}
