// SPDX-License-Identifier: GPL-2.0
//! Waits of CPUs: the guest hears of their end by an event.

use super::{Engine, Owner};
use crate::handles::Handle;
use crate::status::NtStatus;
use crate::sync::SyncId;

/// Names a wait; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitId(u64);

impl WaitId {
    /// Comes after all that there are.
    pub(super) const LAST: Self = Self(u64::MAX);
}

/// A fence that a wait is for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    /// The handle that the guest named it by.
    pub(crate) handle: Handle,
    pub(crate) sync: SyncId,
    pub(crate) value: u64,
}

/// A wait.
pub(crate) struct CpuWait {
    pub(crate) owner: Owner,
    /// The guest's event.
    pub(crate) event: u64,
    /// Whether one of the conditions is enough.
    pub(crate) any: bool,
    pub(crate) conditions: Vec<Condition>,
}

impl Engine {
    /// Begins a wait. If it is over already, its event is signalled at once.
    ///
    /// # Errors
    ///
    /// There are too many waits.
    pub(crate) fn wait(&mut self, wait: CpuWait) -> Result<(), NtStatus> {
        if self.is_over(&wait) {
            self.news.events.push(wait.event);
            return Ok(());
        }
        if !self.has_room(wait.conditions.len()) {
            return Err(NtStatus::NO_MEMORY);
        }
        self.load += wait.conditions.len();
        let id = WaitId(self.next_id());
        for condition in &wait.conditions {
            if let Some(sync) = self.syncs.get_mut(&condition.sync) {
                sync.waits.insert((condition.value, id));
            }
        }
        self.waits.insert(id, wait);
        Ok(())
    }

    /// How many waits there are.
    pub(crate) fn wait_count(&self) -> usize {
        self.waits.len()
    }

    /// The guest destroys a handle: the waits that were begun with it are over.
    pub(crate) fn end_waits_by(&mut self, process: Handle, handle: Handle, sync: SyncId) {
        let Some(found) = self.syncs.get(&sync) else {
            return;
        };
        let by_handle = |id: &WaitId| {
            self.waits.get(id).is_some_and(|wait| {
                let named = |condition: &Condition| condition.handle == handle;
                wait.owner.process == process && wait.conditions.iter().any(named)
            })
        };
        let ids = found.waits.iter().map(|&(_, id)| id);
        let ended: Vec<WaitId> = ids.filter(by_handle).collect();
        for wait in ended {
            self.end_wait(wait);
        }
    }

    /// Ends a wait if it is over.
    pub(super) fn check_wait(&mut self, id: WaitId) {
        if self.waits.get(&id).is_some_and(|wait| self.is_over(wait)) {
            self.end_wait(id);
        }
    }

    /// Ends a wait and tells the guest.
    pub(super) fn end_wait(&mut self, id: WaitId) {
        let event = self.remove_wait(id);
        self.news.events.extend(event);
    }

    /// Removes a wait, and returns its event.
    pub(super) fn remove_wait(&mut self, id: WaitId) -> Option<u64> {
        let wait = self.waits.remove(&id)?;
        self.load = self.load.saturating_sub(wait.conditions.len());
        for condition in &wait.conditions {
            if let Some(sync) = self.syncs.get_mut(&condition.sync) {
                sync.waits.remove(&(condition.value, id));
            }
        }
        Some(wait.event)
    }

    fn is_over(&self, wait: &CpuWait) -> bool {
        let reached = |condition: &Condition| self.is_signaled(condition.sync, condition.value);
        if wait.any {
            wait.conditions.iter().any(reached)
        } else {
            wait.conditions.iter().all(reached)
        }
    }

    pub(super) fn is_signaled(&self, sync: SyncId, value: u64) -> bool {
        let found = self.syncs.get(&sync);
        found.is_some_and(|found| found.primitive.is_signaled(value))
    }
}
