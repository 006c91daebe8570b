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

/// A resource of a device.
pub(crate) struct Resource {
    device: Arc<Device>,
    handle: Handle,
    live: LiveRef,
    shared: Option<Arc<SharedResource>>,
    _counted: ObjectCount,
}

impl Resource {
    /// Creates the object for the resource that the host calls `handle`. `shared` is set if other
    /// processes may open it, or if it was opened itself.
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

    /// Returns the host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Keeps the resource from being destroyed while an allocation is created in it.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the resource is being destroyed.
    pub(crate) fn enter(&self) -> Result<LiveGuard> {
        self.live.tryget_live()
    }

    /// Returns the reference that the thread destroying the resource kills and drains.
    pub(super) fn live(&self) -> &LiveRef {
        &self.live
    }

    /// Returns the device that the resource is on.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Returns the data shared by all processes that have the resource, if it may be shared.
    pub(crate) fn shared(&self) -> Option<&Arc<SharedResource>> {
        self.shared.as_ref()
    }
}
