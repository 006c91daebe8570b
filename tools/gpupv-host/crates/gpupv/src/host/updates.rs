// SPDX-License-Identifier: GPL-2.0
//! Changes of GPU addresses when it is their turn.

use std::time::Instant;

use super::shared::Shared;
use crate::address_space::{Change, Update};
use crate::allocation::Allocation;
use crate::handles::Handle;
use crate::memory::MemoryId;

impl Shared {
    /// Makes the changes that contexts have got to, and lets these go on.
    pub(super) fn make_due_updates(&mut self) {
        loop {
            let reached = self.engine.take_updates();
            if reached.is_empty() {
                return;
            }
            for queue in reached {
                if let Some((owner, update)) = self.engine.update_at(queue) {
                    self.make_update(owner.process, &update);
                    self.engine.finish_update(queue, Instant::now());
                }
            }
        }
    }

    /// Makes the changes that are still possible. An allocation that is gone meanwhile is not shown,
    /// as if it had gone after the change; a range that is reserved no more is left alone.
    pub(super) fn make_update(&mut self, process: Handle, update: &Update) {
        let Some(process) = self.processes.get_mut(&process) else {
            return;
        };
        for &(change, shown) in &update.changes {
            let is_there = |(handle, memory): (Handle, MemoryId)| {
                let found = process.objects.named::<Allocation>(update.adapter, handle);
                found.is_ok_and(|allocation| allocation.memory == memory)
            };
            let change = match change {
                Change::Show { start, len, .. } if !shown.is_none_or(is_there) => {
                    let view = None;
                    Change::Show { start, len, view }
                }
                change => change,
            };
            // It was possible when it was asked for.
            let _ = process.on_mut(update.adapter).addresses.change(&change);
        }
    }
}
