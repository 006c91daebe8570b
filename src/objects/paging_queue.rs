// SPDX-License-Identifier: GPL-2.0

//! A paging queue: memory operations of a device, executed in order.

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

/// A paging queue of a device.
pub(crate) struct PagingQueue {
    device: Arc<Device>,
    handle: Handle,
    /// The page of the fence: the value of the last operation that has completed.
    fence: FencePage,
    _counted: ObjectCount,
}

impl PagingQueue {
    /// Creates the object for the paging queue that the host calls `handle`.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        fence: FencePage,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                device,
                handle,
                fence,
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

    /// Returns the page of the fence.
    pub(crate) fn fence_page(&self) -> &FencePage {
        &self.fence
    }
}
