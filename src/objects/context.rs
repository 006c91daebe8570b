// SPDX-License-Identifier: GPL-2.0

//! A context: work for one engine, executed in order.

use super::{
    device::Device,
    live_ref::{
        LiveGuard,
        LiveRef, //
    }, //
    object_stats::ObjectCount, //
};
use crate::wire::Handle;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A context of a device.
pub(crate) struct Context {
    device: Arc<Device>,
    handle: Handle,
    live: LiveRef,
    _counted: ObjectCount,
}

impl Context {
    /// Creates the object for the context that the host calls `handle`.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                live: LiveRef::new()?,
                _counted: counted,
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// Returns the host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Keeps the context from being destroyed while a hardware queue is created in it.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the context is being destroyed.
    pub(crate) fn enter(&self) -> Result<LiveGuard> {
        self.live.tryget_live()
    }

    /// Returns the reference that the thread destroying the context kills and drains.
    pub(super) fn live(&self) -> &LiveRef {
        &self.live
    }

    /// Returns the device that the context is on.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }
}
