// SPDX-License-Identifier: GPL-2.0

//! A resource: allocations that belong together.

use super::{
    device::Device,
    live_ref::{
        LiveGuard,
        LiveRef, //
    },
    object_stats::ObjectCount,
    shared_resource::SharedResource, //
};
use crate::wire::Handle;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A resource.
pub(crate) struct Resource {
    device: Arc<Device>,
    handle: Handle,
    live: LiveRef,
    shared: Option<Arc<SharedResource>>,
    _counted: ObjectCount,
}

impl Resource {
    /// The resource the host calls `handle`. With `shared` others may open it, or it was opened
    /// itself.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        shared: Option<Arc<SharedResource>>,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                live: LiveRef::new()?,
                shared,
                _counted: counted,
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// Its handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Keeps it from being destroyed while an allocation is made in it.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is being destroyed.
    pub(crate) fn enter(&self) -> Result<LiveGuard> {
        self.live.tryget_live()
    }

    /// Its live, for those who destroy it.
    pub(super) fn live(&self) -> &LiveRef {
        &self.live
    }

    /// What it belongs to.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// What it has in common with other processes' view of it, if it may have that.
    pub(crate) fn shared(&self) -> Option<&Arc<SharedResource>> {
        self.shared.as_ref()
    }
}
