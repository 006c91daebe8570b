// SPDX-License-Identifier: GPL-2.0
//! Resources without a process: what a shared handle of the virtual machine leads to.

use super::{Memories, MemoryId};

/// Names a shared resource; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShareId(u64);

/// A resource that lives without the process that made it.
#[derive(Clone, Debug)]
pub(crate) struct SharedResource {
    /// The adapter, by position.
    pub(crate) adapter: usize,
    /// What its allocations consist of, in their order.
    pub(crate) memories: Vec<MemoryId>,
}

impl Memories {
    /// Keeps the memory of a resource alive until [`Self::unshare`].
    pub(crate) fn share(&mut self, resource: SharedResource) -> ShareId {
        for &memory in &resource.memories {
            self.retain(memory);
        }
        self.next += 1;
        let id = ShareId(self.next);
        self.shares.insert(id, resource);
        id
    }

    /// The resource that `id` names.
    pub(crate) fn shared(&self, id: ShareId) -> Option<&SharedResource> {
        self.shares.get(&id)
    }

    /// Nobody can open the resource any more.
    pub(crate) fn unshare(&mut self, id: ShareId) {
        let resource = self.shares.remove(&id);
        for memory in resource.into_iter().flat_map(|r| r.memories) {
            self.release(memory);
        }
    }
}
