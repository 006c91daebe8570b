// SPDX-License-Identifier: GPL-2.0

//! A resource: allocations that belong together.

use super::{
    census::Counted,
    device::Device,
    gate::{
        Gate,
        Pass, //
    },
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
    gate: Gate,
    shared: Option<Arc<SharedResource>>,
    _counted: Counted,
}

impl Resource {
    /// The resource the host calls `handle`. With `shared` others may open it, or it was opened
    /// itself.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        shared: Option<Arc<SharedResource>>,
        counted: Counted,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                gate: Gate::new()?,
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
    pub(crate) fn enter(&self) -> Result<Pass> {
        self.gate.enter()
    }

    /// Its gate, for those who destroy it.
    pub(super) fn gate(&self) -> &Gate {
        &self.gate
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
