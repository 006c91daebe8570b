// SPDX-License-Identifier: GPL-2.0
//! Contexts, hardware queues and paging queues, as objects of a process.

use crate::engine::{NodeId, QueueId, Schedule};
use crate::sync::SyncId;

/// A context: work for one engine of an adapter.
pub(crate) struct Context {
    pub(crate) queue: QueueId,
    /// Changes of GPU addresses that name the context, in their order. They wait for fences and not
    /// for the work in `queue`.
    pub(crate) updates: QueueId,
    /// The engine, by number.
    pub(crate) node: u32,
    /// Its work goes through hardware queues.
    pub(crate) hw_queues: bool,
    pub(crate) priority: Priority,
}

impl Context {
    /// How its command buffers are executed.
    pub(crate) fn schedule(&self, adapter: usize) -> Schedule {
        let ordinal = self.node;
        Schedule {
            node: NodeId { adapter, ordinal },
            priority: self.priority,
        }
    }
}

/// How much a context matters, among all and, if that does not decide, among those of its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority {
    pub(crate) global: i32,
    pub(crate) in_process: i32,
}

/// A hardware queue. Its progress fence is an object of its own, and dies with it.
pub(crate) struct HwQueue {
    pub(crate) queue: QueueId,
    pub(crate) progress: SyncId,
    /// The value that the progress fence will have when all work is done.
    pub(crate) last: u64,
}

/// A paging queue. Its fence is an object of its own, and dies with it.
pub(crate) struct PagingQueue {
    pub(crate) queue: QueueId,
    pub(crate) fence: SyncId,
    /// The value that the fence will have when all work is done.
    pub(crate) last: u64,
}
