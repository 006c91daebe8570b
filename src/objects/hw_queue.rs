// SPDX-License-Identifier: GPL-2.0

//! A hardware queue: work that a context submits to the GPU without the host's scheduler.

use super::{
    device::Device,
    fence_page::FencePage,
    object_stats::ObjectCount, //
};
use crate::wire::Handle;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A hardware queue of a context.
pub(crate) struct HwQueue {
    device: Arc<Device>,
    handle: Handle,
    /// The page of the progress fence: the value of the last submission that has completed.
    progress: FencePage,
    _counted: ObjectCount,
}

impl HwQueue {
    /// Creates the object for the hardware queue that the host calls `handle`.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        progress: FencePage,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                progress,
                _counted: counted,
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// Returns the host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Returns the device that the queue is on.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Returns the page of the progress fence.
    pub(crate) fn fence_page(&self) -> &FencePage {
        &self.progress
    }
}
