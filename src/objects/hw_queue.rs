// SPDX-License-Identifier: GPL-2.0

//! A hardware queue: work that a context hands to the GPU without the host's scheduler.

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

/// A hardware queue.
pub(crate) struct HwQueue {
    device: Arc<Device>,
    handle: Handle,
    /// The last value of a finished submission.
    progress: FencePage,
    _counted: ObjectCount,
}

impl HwQueue {
    /// The hardware queue the host calls `handle`.
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

    /// Its handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// What it belongs to.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// The page of its progress fence.
    pub(crate) fn fence_page(&self) -> &FencePage {
        &self.progress
    }
}
