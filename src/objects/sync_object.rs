// SPDX-License-Identifier: GPL-2.0

//! A sync object: what work and programs wait for and signal.
//!
//! Monitored fences belong to a device and end with it. Others belong to the process; the device
//! they were made with says only which adapter they are on.

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

/// What a sync object belongs to.
pub(crate) enum Owner {
    /// A monitored fence: to a device.
    Device(Arc<Device>),
    /// Anything else: to the process.
    Process,
}

/// The sync files that wait for a monitored fence.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) struct SyncFiles {
    /// Empty until there is one.
    all: SetOnce<Arc<FenceFiles>>,
    /// They go on waiting when the handle goes: the object itself stays as long as they do.
    outlive_handle: bool,
}

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
impl SyncFiles {
    /// None yet, for an object with these flags.
    pub(crate) fn new(flags: u32) -> Self {
        let outlive = sync_flags::SHARED | sync_flags::UNWAIT_CPU_WAITERS_ONLY_ON_DESTROY;

        Self {
            all: SetOnce::new(),
            outlive_handle: flags & outlive == outlive,
        }
    }
}

/// A sync object.
pub(crate) struct SyncObject {
    /// The host's handle.
    pub(crate) handle: Handle,
    /// What it is on.
    pub(crate) adapter: Arc<Adapter>,
    /// What it belongs to.
    pub(crate) owner: Owner,
    /// The value of a monitored fence.
    pub(crate) page: Option<FencePage>,
    /// What the host signals, for a CPU notification.
    pub(crate) _notification: Option<Notification>,
    /// What all processes that have opened it share.
    pub(crate) shared: Option<Arc<SharedSyncObject>>,
    /// What waits for a monitored fence in the kernel.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) files: SyncFiles,
    /// That it is there.
    pub(crate) _counted: ObjectCount,
}

impl SyncObject {
    /// Whether its value is in memory: whoever waits for it or signals it names a value.
    pub(crate) fn is_monitored(&self) -> bool {
        matches!(self.owner, Owner::Device(_))
    }

    /// Keeps it from ending with its device.
    ///
    /// # Errors
    ///
    /// `ENODEV` if that is being destroyed.
    pub(crate) fn hold(&self) -> Result<Option<LiveGuard>> {
        match &self.owner {
            Owner::Device(device) => device.hold().map(Some),
            Owner::Process => Ok(None),
        }
    }

    /// The right to send messages about it.
    ///
    /// # Errors
    ///
    /// `ENODEV` if its device is being destroyed, or its adapter is not active.
    pub(crate) fn enter(&self) -> Result<Option<LiveGuard>> {
        let pass = self.hold()?;

        self.adapter.active()?;
        Ok(pass)
    }

    /// Returns the sync files that wait for it, and the device that it belongs to. It is an object of
    /// `process`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is no monitored fence, `ENOMEM`.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn sync_files(&self, process: &Process) -> Result<(&Arc<FenceFiles>, &Arc<Device>)> {
        let Owner::Device(device) = &self.owner else {
            return Err(EINVAL);
        };

        if self.files.all.as_ref().is_none() {
            let mut new = Some(FenceFiles::new(device.waits())?);

            // Under the lock, so that who comes second does not look before the first is done.
            process.with_objects(|_| {
                if let Some(new) = new.take_if(|_| self.files.all.as_ref().is_none()) {
                    self.files.all.populate(new);
                }
            });
        }
        Ok((self.files.all.as_ref().ok_or(EINVAL)?, device))
    }

    /// Ends what waits for it in the kernel, and takes the page with its value away from the user
    /// program: it is about to be destroyed. Sleeps.
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
