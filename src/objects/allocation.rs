// SPDX-License-Identifier: GPL-2.0

//! An allocation: memory of the GPU.

use super::{
    census::Counted,
    device::Device,
    resource::Resource, //
};
use crate::wire::Handle;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What an allocation is like.
pub(crate) struct Description {
    /// What it is a part of, if that is not the device alone.
    pub(crate) resource: Option<Arc<Resource>>,
    /// Bytes, as the host says.
    pub(crate) size: u64,
    /// Whether the processor caches it when it is shown to a program.
    pub(crate) cached: bool,
}

/// An allocation.
pub(crate) struct Allocation {
    device: Arc<Device>,
    handle: Handle,
    description: Description,
    _counted: Counted,
}

impl Allocation {
    /// The allocation the host calls `handle`.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        description: Description,
        counted: Counted,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                description,
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

    /// What it is a part of.
    pub(crate) fn resource(&self) -> Option<&Arc<Resource>> {
        self.description.resource.as_ref()
    }
}
