// SPDX-License-Identifier: GPL-2.0

//! An allocation: memory of the GPU.

use super::{
    deferred_unpin::SysmemRef,
    device::Device,
    lock_state::LockState,
    object_stats::ObjectCount,
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
    /// The memory of the program it consists of.
    pub(crate) own: Option<OwnMemory>,
}

/// Memory of the program that an allocation consists of.
pub(crate) struct OwnMemory {
    /// Where the program has it.
    pub(crate) address: u64,
    /// What the host knows of it.
    pub(crate) sysmem: Arc<SysmemRef>,
}

/// An allocation.
#[pin_data]
pub(crate) struct Allocation {
    device: Arc<Device>,
    handle: Handle,
    description: Description,
    #[pin]
    view: LockState,
    _counted: ObjectCount,
}

impl Allocation {
    /// The allocation the host calls `handle`.
    pub(crate) fn new(
        device: Arc<Device>,
        handle: Handle,
        description: Description,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        let own = description.own.as_ref().map(|own| own.address);

        Arc::pin_init(
            pin_init!(Self {
                device,
                handle,
                description,
                view <- LockState::new(own),
                _counted: counted,
            }),
            GFP_KERNEL_ACCOUNT,
        )
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

    /// Bytes. The host says so.
    pub(crate) fn size(&self) -> u64 {
        self.description.size
    }

    /// Whether the processor caches it when it is shown to a program.
    pub(crate) fn is_cached(&self) -> bool {
        self.description.cached
    }

    /// How the program sees it.
    pub(crate) fn view(&self) -> &LockState {
        &self.view
    }

    /// Whether it consists of memory of the program.
    pub(crate) fn has_own_memory(&self) -> bool {
        self.description.own.is_some()
    }

    /// The host has destroyed it.
    pub(crate) fn destroyed(&self) {
        if let Some(own) = &self.description.own {
            own.sysmem.give_back();
        }
    }
}
