// SPDX-License-Identifier: GPL-2.0

//! An allocation: memory of the GPU.

use super::{
    census::Counted,
    device::Device, //
};
use crate::wire::Handle;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// An allocation.
pub(crate) struct Allocation {
    device: Arc<Device>,
    handle: Handle,
    _counted: Counted,
}

impl Allocation {
    /// The allocation the host calls `handle`.
    pub(crate) fn new(device: Arc<Device>, handle: Handle, counted: Counted) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                _counted: counted,
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// Its handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// What it belongs to.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }
}
