// SPDX-License-Identifier: GPL-2.0
//! What an object takes with it when it goes.

use super::shared::Shared;
use crate::behaviour::CpuWaits;
use crate::engine::Owner;
use crate::handles::Handle;
use crate::payload::{Payload, Removed};

impl Shared {
    /// Frees what objects of `process` held that are out of its table already. Children come before
    /// their parents.
    pub(crate) fn release(&mut self, process: Handle, removed: Vec<Removed>) {
        // First of all, so that the end of a device is not taken for the end of its waits.
        for (device, object) in &removed {
            if let Payload::Device(_) = object.payload {
                let device = *device;
                let owner = Owner { process, device };
                let tell = self.behaviour.cpu_waits == CpuWaits::Signal;
                self.engine.end_waits_of(owner, tell);
                self.end_queues_of(owner);
            }
        }
        for (handle, object) in removed {
            match object.payload {
                Payload::Context(context) => {
                    self.engine.remove_queue(context.queue);
                    self.engine.remove_queue(context.updates);
                }
                Payload::HwQueue(queue) => self.engine.remove_queue(queue.queue),
                Payload::PagingQueue(queue) => self.engine.remove_queue(queue.queue),
                Payload::SyncObject(object) => self.engine.drop_handle(object.sync),
                Payload::MonitoredFence(fence) => self.engine.drop_handle(fence.sync),
                Payload::Device(_) | Payload::Resource(_) => {}
                Payload::Allocation(allocation) => {
                    self.release_allocation(process, object.adapter, handle, &allocation);
                }
            }
        }
    }
}
