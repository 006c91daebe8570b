// SPDX-License-Identifier: GPL-2.0

//! A context: work for one engine, done in order.

use super::{
    census::Counted,
    device::Device,
    gate::{
        Gate,
        Pass, //
    }, //
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
    gate: Gate,
    _counted: Counted,
}

impl Context {
    /// The context the host calls `handle`.
    pub(crate) fn new(device: Arc<Device>, handle: Handle, counted: Counted) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                gate: Gate::new()?,
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
}
