// SPDX-License-Identifier: GPL-2.0

//! An allocation: memory that the GPU uses.

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

/// The properties of an allocation.
pub(crate) struct Description {
    /// The resource that the allocation is part of, if any.
    pub(crate) resource: Option<Arc<Resource>>,
    /// The size in bytes, as the host reports it.
    pub(crate) size: u64,
    /// Whether CPU mappings of the memory are cached.
    pub(crate) cached: bool,
    /// The memory of the program that backs the allocation, if any.
    pub(crate) own: Option<OwnMemory>,
}

/// Memory of the program that backs an allocation.
pub(crate) struct OwnMemory {
    /// The address in the program.
    pub(crate) address: u64,
    /// The memory as it was lent to the host.
    pub(crate) sysmem: Arc<SysmemRef>,
}

/// An allocation, below a device or a resource.
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
    /// Creates the object for the allocation that the host calls `handle`.
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

    /// Returns the host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Returns the device that the allocation is on.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Returns the resource that the allocation is part of, if any.
    pub(crate) fn resource(&self) -> Option<&Arc<Resource>> {
        self.description.resource.as_ref()
    }

    /// Returns the size in bytes, as the host reports it.
    pub(crate) fn size(&self) -> u64 {
        self.description.size
    }

    /// Returns whether CPU mappings of the memory are cached.
    pub(crate) fn is_cached(&self) -> bool {
        self.description.cached
    }

    /// Returns the state of the program's CPU mapping.
    pub(crate) fn view(&self) -> &LockState {
        &self.view
    }

    /// Returns whether memory of the program backs the allocation.
    pub(crate) fn has_own_memory(&self) -> bool {
        self.description.own.is_some()
    }

    /// Records that the host has destroyed the allocation, so that its memory may be unpinned.
    pub(crate) fn destroyed(&self) {
        if let Some(own) = &self.description.own {
            own.sysmem.give_back();
        }
    }
}
