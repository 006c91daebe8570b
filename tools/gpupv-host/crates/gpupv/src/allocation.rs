// SPDX-License-Identifier: GPL-2.0
//! Allocations and resources, as the processes have them.

use crate::handles::Handle;
use crate::memory::MemoryId;

/// An allocation.
pub(crate) struct Allocation {
    /// The device that it belongs to.
    pub(crate) device: Handle,
    /// The resource that it is part of.
    pub(crate) resource: Option<Handle>,
    /// What is behind it.
    pub(crate) memory: MemoryId,
    /// How often it was made resident and not evicted.
    pub(crate) resident: u64,
    /// Whether the guest looks at it.
    pub(crate) locked: bool,
    /// Whether other processes may have it, too.
    pub(crate) shared: bool,
    /// Whether it is what the guest hands pages over for, which it wants back with it.
    pub(crate) lends: bool,
}

impl Allocation {
    /// An allocation that nothing was done with.
    pub(crate) fn new(device: Handle, resource: Option<Handle>, memory: MemoryId) -> Self {
        Self {
            device,
            resource,
            memory,
            resident: 0,
            locked: false,
            shared: false,
            lends: false,
        }
    }
}

/// A resource: allocations that belong together.
pub(crate) struct Resource {
    /// The device that it belongs to.
    pub(crate) device: Handle,
    /// Whether other processes may open it.
    pub(crate) shared: bool,
    /// Whether it takes no more allocations, because others know how many it has.
    pub(crate) sealed: bool,
    /// Whether all allocations that it ever had came with it.
    pub(crate) made_at_once: bool,
    /// Its allocations in the order in which they were made; some may be gone.
    pub(crate) allocations: Vec<Handle>,
}
