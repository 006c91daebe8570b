// SPDX-License-Identifier: GPL-2.0
//! What an allocation takes with it when it goes.

use vmbus::GpadlView;

use super::shared::Shared;
use crate::allocation::Allocation;
use crate::handles::Handle;
use crate::payload::Payload;

impl Shared {
    /// Frees what an allocation held that is out of its process's table already.
    pub(super) fn release_allocation(
        &mut self,
        owner: Handle,
        adapter: usize,
        handle: Handle,
        allocation: &Allocation,
    ) {
        let memory = allocation.memory;
        if allocation.locked {
            self.memories.unlock(memory);
        }
        if allocation.resident > 0 {
            let times = allocation.resident;
            self.memories.stop_using(owner, memory, times, false);
        }
        if allocation.lends {
            self.memories.give_back(memory);
        }
        self.memories.release(memory);
        let Some(process) = self.processes.get_mut(&owner) else {
            return;
        };
        process.on_mut(adapter).addresses.forget(handle);
        let resource = allocation.resource;
        if let Some(Payload::Resource(resource)) =
            resource.and_then(|resource| process.objects.payload_mut(resource))
        {
            resource.allocations.retain(|other| *other != handle);
        }
    }

    /// The guest lends memory on the global channel, or takes it back.
    pub(crate) fn gpadl(&mut self, id: u32, view: Option<GpadlView>) {
        if let Some(view) = view {
            self.gpadls.insert(id, view);
            return;
        }
        if self.gpadls.remove(&id).is_none() {
            // The channel was closed before, and everything lent went with it.
            return;
        }
        if self.memories.take_back(id) {
            let text = format!("GPADL {id:#x} taken back from an allocation");
            self.report.violation(text);
        }
    }
}
