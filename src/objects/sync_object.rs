// SPDX-License-Identifier: GPL-2.0

//! A sync object, which GPU work and programs wait for and signal.
//!
//! Monitored fences belong to a device and are destroyed with it. Others belong to the process; the
//! device they were created with determines only the adapter.

use super::{
    adapter::Adapter,
    device::Device,
    fence_page::FencePage,
    guest_event::Notification,
    live_ref::LiveGuard,
    object_stats::ObjectCount,
    shared::SharedSyncObject, //
};
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use super::{
    fence_files::FenceFiles,
    process::Process, //
};
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use crate::uapi::sync_object::sync_flags;
use crate::wire::Handle;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use kernel::sync::SetOnce;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The owner of a sync object.
pub(crate) enum Owner {
    /// The device, for a monitored fence.
    Device(Arc<Device>),
    /// The process, for all other types.
    Process,
}

/// The sync files that wait for a monitored fence.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) struct SyncFiles {
    /// The set of sync files. Not set until there is one.
    all: SetOnce<Arc<FenceFiles>>,
    /// Whether the sync files go on waiting after the handle was destroyed: the host then keeps the
    /// object as long as they exist.
    outlive_handle: bool,
}

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
impl SyncFiles {
    /// Creates an empty set, for an object with these flags.
    pub(crate) fn new(flags: u32) -> Self {
        let outlive = sync_flags::SHARED | sync_flags::UNWAIT_CPU_WAITERS_ONLY_ON_DESTROY;

        Self {
            all: SetOnce::new(),
            outlive_handle: flags & outlive == outlive,
        }
    }
}

/// A sync object of a process.
pub(crate) struct SyncObject {
    /// The host's handle.
    pub(crate) handle: Handle,
    /// The adapter it is on.
    pub(crate) adapter: Arc<Adapter>,
    /// The owner, with which it is destroyed.
    pub(crate) owner: Owner,
    /// The page with the value of a monitored fence.
    pub(crate) page: Option<FencePage>,
    /// The guest event that the host signals, for a CPU notification.
    pub(crate) _notification: Option<Notification>,
    /// The data shared by all processes that have opened it.
    pub(crate) shared: Option<Arc<SharedSyncObject>>,
    /// The sync files that wait for a monitored fence.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) files: SyncFiles,
    /// The count of this object.
    pub(crate) _counted: ObjectCount,
}

impl SyncObject {
    /// Returns whether it is a monitored fence, whose value is in memory: waits and signals name a
    /// value.
    pub(crate) fn is_monitored(&self) -> bool {
        matches!(self.owner, Owner::Device(_))
    }

    /// Keeps the object from being destroyed with its device.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is being destroyed.
    pub(crate) fn hold(&self) -> Result<Option<LiveGuard>> {
        match &self.owner {
            Owner::Device(device) => device.hold().map(Some),
            Owner::Process => Ok(None),
        }
    }

    /// Takes a guard under which messages about the object may be sent.
    ///
    /// # Errors
    ///
    /// `ENODEV` if its device is being destroyed, or its adapter is not active.
    pub(crate) fn enter(&self) -> Result<Option<LiveGuard>> {
        let pass = self.hold()?;

        self.adapter.active()?;
        Ok(pass)
    }

    /// Returns the sync files that wait for the object, which is one of `process`, and the device
    /// that it belongs to.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is not a monitored fence, `ENOMEM`.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn sync_files(&self, process: &Process) -> Result<(&Arc<FenceFiles>, &Arc<Device>)> {
        let Owner::Device(device) = &self.owner else {
            return Err(EINVAL);
        };

        if self.files.all.as_ref().is_none() {
            let mut new = Some(FenceFiles::new(device.waits())?);

            // `Process::objects` serialises the check and `populate`.
            process.with_objects(|_| {
                if let Some(new) = new.take_if(|_| self.files.all.as_ref().is_none()) {
                    self.files.all.populate(new);
                }
            });
        }
        Ok((self.files.all.as_ref().ok_or(EINVAL)?, device))
    }

    /// Ends the waits of sync files and unmaps the page with the value from the user program, as
    /// the object is about to be destroyed. Sleeps.
    pub(crate) fn revoke(&self) {
        #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
        if let Some(files) = self.files.all.as_ref() {
            if !self.files.outlive_handle {
                files.end(|| self.page.as_ref().and_then(|page| page.value()));
            }
        }
        if let Some(page) = &self.page {
            page.revoke();
        }
    }
}
