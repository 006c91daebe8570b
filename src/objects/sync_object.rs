// SPDX-License-Identifier: GPL-2.0

//! A sync object: what work and programs wait for and signal.
//!
//! Monitored fences belong to a device and end with it. Others belong to the process; the device
//! they were made with says only which adapter they are on.

use super::{
    adapter::Adapter,
    census::Counted,
    device::Device,
    fence_page::FencePage,
    gate::Pass,
    guest_event::Notification,
    shared::SharedSyncObject, //
};
use crate::wire::Handle;
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
    /// That it is there.
    pub(crate) _counted: Counted,
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
    pub(crate) fn hold(&self) -> Result<Option<Pass>> {
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
    pub(crate) fn enter(&self) -> Result<Option<Pass>> {
        let pass = self.hold()?;

        self.adapter.active()?;
        Ok(pass)
    }

    /// Takes the page with its value away from the user program.
    pub(crate) fn revoke(&self) {
        if let Some(page) = &self.page {
            page.revoke();
        }
    }
}
