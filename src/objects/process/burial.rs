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
    linux::waiter::Patience,
    message::device::{
        DestroyDevice,
        FlushDevice, //
    },
    objects::{
        device::Device,
        object::Object,
        waits::Loss, //
    },
    transport::{
        AccountEntry,
        FAREWELL_PATIENCE, //
    },
    wire::Handle,
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

/// How long to wait for a host that has not answered before. A process may have many devices.
const EXHAUSTED: Patience = Patience::Limited(20);

/// Whether the work of a device is waited for before the device goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// It is: the process lets go of the adapter or ends.
    Yes,
    /// It is not: the program wants the device destroyed.
    No,
}

/// What is left of a burial, for a worker.
#[pin_data]
struct Burial {
    process: Arc<Process>,
    device: Arc<Device>,
    flush: Flush,
    /// The process does not end on the host before the device does.
    _owed: AccountEntry,
    #[pin]
    work: Work<Burial>,
}

impl_has_work! {
    impl HasWork<Self> for Burial { self.work }
}

impl WorkItem for Burial {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // What the host does not answer goes with the process, which waits for the rest.
        let result = this
            .process
            .bury(&this.device, this.flush, FAREWELL_PATIENCE);

        if result == Err(ETIMEDOUT) && !this.device.gate().is_settled() {
            let _ = this.process.services().queue.enqueue(this.clone());
        }
    }
}

impl Process {
    /// Destroys the device `handle`, and waits until that is done.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such device; `ENOMEM`, when nothing was done; `ERESTARTSYS` if the
    /// thread was killed: a worker goes on then, as it does when memory is short in the middle.
    pub(crate) fn destroy_device(self: &Arc<Self>, handle: Handle, flush: Flush) -> Result {
        let device = self.get::<Device>(handle)?;
        // Made before there is no way back.
        let burial = Arc::pin_init(
            pin_init!(Burial {
                process: self.clone(),
                device,
                flush,
                _owed: self.account.enter(),
                work <- new_work!("Burial::work"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        self.doom::<Device>(handle)?;
        let Err(error) = self.bury(&burial.device, flush, Patience::Killable) else {
            return Ok(());
        };

        // It was never queued before.
        let _ = self.services().queue.enqueue(burial);
        if error == ENOMEM {
            return Ok(());
        }
        Err(error)
    }

    /// The same without memory for a worker: whatever signals arrive.
    pub(super) fn destroy_device_here(&self, handle: Handle) {
        if let Ok(device) = self.doom::<Device>(handle) {
            // What the host does not answer goes with the process.
            let _ = self.bury(&device, Flush::Yes, FAREWELL_PATIENCE);
        }
    }

    /// Takes the doomed `device` to pieces and tells the host.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if patience ended first, `ENOMEM`. It can be called again then.
    pub(super) fn bury(&self, device: &Device, flush: Flush, patience: Patience) -> Result {
        device.gate().close();
        // Those who wait do not depend on what the host still has to answer.
        Self::forsake(device);

        let settled = device.gate().settle(patience);

        // And those who came in before the gate was closed.
        Self::forsake(device);
        settled?;

        // Without the adapter there is nobody to be told, and nothing but our side to clean up.
        let host = self.reach(device.adapter());

        if let (Flush::Yes, Some((active, sender))) = (flush, &host) {
            let command = FlushDevice {
                device: device.handle(),
            };

            Self::unless_impatient(active.call_for(*sender, command, patience), patience)?;
        }

        let active = host.as_ref().map(|(active, _)| &**active);
        let mut batch = Batch::new(self, device, active, patience);

        // What is left out when patience ends goes with the device.
        while let Some((_, object)) = self.take_doomed(device.handle()) {
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
            let command = DestroyDevice {
                device: device.handle(),
            };
            let result = active.call_for(*sender, command, patience);

            if matches!(&result, Ok(status) if status.into_result().is_ok()) {
                self.limbo.release(|owner| core::ptr::eq(owner, device));
            }
            Self::unless_impatient(result, patience)?;
        }
        Ok(())
    }

    /// Ends what waits for the device, or with it for others.
    fn forsake(device: &Device) {
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
                Object::Device(device) => Self::forsake(device),
                other => other.revoke(),
            }
            from = index + 1;
        }
    }

    /// The end of all objects, when nobody uses the process any more.
    pub(super) fn bury_everything(&self) {
        let mut patience = FAREWELL_PATIENCE;

        while let Some(handle) = self.with_objects(|objects| objects.find_root(|_| true)) {
            let object = self.object(handle);

            self.with_objects(|objects| objects.doom(handle));
            if let Ok(Object::Device(device)) = object {
                // If the host does not answer, it is left with what goes with the process, and
                // not asked as patiently again.
                if self.bury(&device, Flush::Yes, patience) == Err(ETIMEDOUT) {
                    patience = EXHAUSTED;
                }
            }
            while let Some(piece) = self.take_doomed(handle) {
                drop(piece);
            }
        }
    }

    /// The host's opinion does not matter here; that nobody waits for it any more does, and that
    /// there was no memory for a message, if a worker will try again.
    pub(super) fn unless_impatient<T>(result: Result<T>, patience: Patience) -> Result {
        match result {
            Err(error) if error == ERESTARTSYS || error == ETIMEDOUT => Err(error),
            Err(error) if error == ENOMEM && matches!(patience, Patience::Killable) => Err(error),
            _ => Ok(()),
        }
    }
}
