// SPDX-License-Identifier: GPL-2.0
//! The sync objects of all processes, each there for as long as something refers to it.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Engine, QueueId, WaitId};
use crate::handles::Handle;
use crate::sync::{Primitive, SyncId};

/// A sync object, and who refers to it.
pub(super) struct Sync {
    pub(super) primitive: Primitive,
    /// The adapter it lives on, by position.
    adapter: usize,
    /// Its handle in the virtual machine, if it is shared.
    global: Option<Handle>,
    /// Whether it was made to be opened on other adapters as well.
    cross_adapter: bool,
    /// Handles in processes.
    handles: u32,
    /// NT handles.
    shares: u32,
    /// References of queued work.
    uses: u32,
    /// Waits of CPUs, by the value that they wait for: what a signal costs does not depend on how
    /// many wait for later values.
    pub(super) waits: BTreeSet<(u64, WaitId)>,
    /// Queues whose next item waits for it.
    pub(super) blocked: BTreeSet<QueueId>,
}

impl Engine {
    /// Makes a sync object that one handle of a process names.
    pub(crate) fn create_sync(&mut self, adapter: usize, primitive: Primitive) -> SyncId {
        let id = SyncId(self.next_id());
        if let Primitive::Periodic { next, .. } = &primitive {
            self.periodic.insert((*next, id));
        }
        let sync = Sync {
            primitive,
            adapter,
            global: None,
            cross_adapter: false,
            handles: 1,
            shares: 0,
            uses: 0,
            waits: BTreeSet::new(),
            blocked: BTreeSet::new(),
        };
        self.syncs.insert(id, sync);
        id
    }

    /// Notes the handle that a shared object has in the virtual machine, and whether it may be opened
    /// on other adapters.
    pub(crate) fn set_global(&mut self, sync: SyncId, global: Handle, cross_adapter: bool) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.global = Some(global);
            found.cross_adapter = cross_adapter;
        }
    }

    /// Whether a sync object may be shared.
    pub(crate) fn is_shared(&self, sync: SyncId) -> bool {
        let found = self.syncs.get(&sync);
        found.is_some_and(|found| found.global.is_some())
    }

    /// What a sync object is.
    pub(crate) fn primitive(&self, sync: SyncId) -> Option<&Primitive> {
        Some(&self.syncs.get(&sync)?.primitive)
    }

    /// Whether a sync object may be opened on the adapter at `position`.
    pub(crate) fn opens_on(&self, sync: SyncId, position: usize) -> bool {
        let found = self.syncs.get(&sync);
        found.is_some_and(|found| found.cross_adapter || found.adapter == position)
    }

    /// How many sync objects there are.
    pub(crate) fn sync_count(&self) -> usize {
        self.syncs.len()
    }

    /// One more handle in a process.
    pub(crate) fn add_handle(&mut self, sync: SyncId) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.handles += 1;
        }
    }

    /// One handle less. Who still waits when nobody can name the object any more is let go.
    pub(crate) fn drop_handle(&mut self, sync: SyncId) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.handles = found.handles.saturating_sub(1);
            self.dropped(sync);
        }
    }

    /// One more NT handle.
    pub(crate) fn add_share(&mut self, sync: SyncId) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.shares += 1;
        }
    }

    /// One NT handle less.
    pub(crate) fn drop_share(&mut self, sync: SyncId) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.shares = found.shares.saturating_sub(1);
            self.dropped(sync);
        }
    }

    /// Queued work refers to it.
    pub(super) fn add_use(&mut self, sync: SyncId) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.uses += 1;
            self.load += 1;
        }
    }

    /// Queued work refers to it no more.
    pub(super) fn drop_use(&mut self, sync: SyncId) {
        if let Some(found) = self.syncs.get_mut(&sync) {
            found.uses = found.uses.saturating_sub(1);
            self.load = self.load.saturating_sub(1);
            self.dropped(sync);
        }
    }

    fn dropped(&mut self, sync: SyncId) {
        let Some(found) = self.syncs.get(&sync) else {
            return;
        };
        if found.handles > 0 || found.shares > 0 {
            return;
        }
        let (waits, uses) = (found.waits.clone(), found.uses);
        for (_, wait) in waits {
            self.end_wait(wait);
        }
        if uses > 0 {
            return;
        }
        if let Some(gone) = self.syncs.remove(&sync) {
            self.news.freed.extend(gone.global);
            if let Primitive::Periodic { next, .. } = gone.primitive {
                self.periodic.remove(&(next, sync));
            }
        }
    }

    /// A device was given up: a fence of it jumps to its end, so that nobody waits for ever.
    pub(crate) fn end_fence(&mut self, sync: SyncId, now: Instant) {
        if let Some(Primitive::Monitored(fence)) =
            self.syncs.get_mut(&sync).map(|found| &mut found.primitive)
        {
            fence.set(u64::MAX);
            self.changed(sync);
            self.run(now);
        }
    }
}
