// SPDX-License-Identifier: GPL-2.0

//! A paging queue: memory operations of a device, done in order.

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

/// A paging queue.
pub(crate) struct PagingQueue {
    device: Arc<Device>,
    handle: Handle,
    /// The last operation that is done.
    fence: FencePage,
    _counted: ObjectCount,
}

impl PagingQueue {
    /// The paging queue the host calls `handle`.
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

    /// Its handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// What it belongs to.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// The page of its fence.
    pub(crate) fn fence_page(&self) -> &FencePage {
        &self.fence
    }
}
