// SPDX-License-Identifier: GPL-2.0

//! A context: work for one engine, done in order.

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

/// A context.
pub(crate) struct Context {
    device: Arc<Device>,
    handle: Handle,
    live: LiveRef,
    _counted: ObjectCount,
}

impl Context {
    /// The context the host calls `handle`.
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

    /// Its handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Keeps it from being destroyed while a hardware queue is made in it.
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
}
