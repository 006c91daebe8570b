// SPDX-License-Identifier: GPL-2.0
//! The engines of the adapters, *nodes* in the words of the driver model: they work through command
//! buffers, one step at a time, each step for the context that matters most.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Effect, Engine, Item, Owner, QueueId};
use crate::gpu::Program;
use crate::queues::Priority;

/// An engine of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeId {
    /// The adapter, by position.
    pub(crate) adapter: usize,
    /// The engine, by number.
    pub(crate) ordinal: u32,
}

/// Where the command buffers of a queue are executed, and how much that matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) node: NodeId,
    pub(crate) priority: Priority,
}

/// The buffers at the head of their queues.
#[derive(Default)]
pub(super) struct Node {
    jobs: BTreeMap<QueueId, Job>,
    /// Whose command holds the engine, and since when.
    held: Option<(QueueId, Instant)>,
    /// How many turns were taken.
    turns: u64,
}

/// A buffer in work.
struct Job {
    program: Program,
    /// When it had a turn last, or came.
    turn: u64,
    priority: Priority,
}

/// A buffer whose turn it is.
pub(crate) struct Turn {
    pub(crate) queue: QueueId,
    pub(crate) owner: Owner,
    pub(crate) program: Program,
    /// For how long it holds the engine, if it does.
    pub(crate) held: Option<Duration>,
}

impl Engine {
    /// Says how much a queue matters from now on.
    pub(crate) fn set_priority(&mut self, id: QueueId, priority: Priority) {
        let Some(schedule) = self
            .queues
            .get_mut(&id)
            .and_then(|queue| queue.schedule.as_mut())
        else {
            return;
        };
        schedule.priority = priority;
        let node = self.nodes.get_mut(&schedule.node);
        if let Some(job) = node.and_then(|node| node.jobs.get_mut(&id)) {
            job.priority = priority;
        }
    }

    /// A buffer has got to the head of its queue.
    pub(super) fn begin_job(&mut self, id: QueueId, schedule: Schedule, program: Program) {
        let node = self.nodes.entry(schedule.node).or_default();
        node.turns += 1;
        let job = Job {
            program,
            turn: node.turns,
            priority: schedule.priority,
        };
        node.jobs.insert(id, job);
        self.news.busy.insert(schedule.node);
    }

    /// A buffer is not to be worked on any more.
    pub(super) fn drop_job(&mut self, id: QueueId, node: NodeId) {
        if let Some(found) = self.nodes.get_mut(&node) {
            found.jobs.remove(&id);
            if found.held.is_some_and(|(queue, _)| queue == id) {
                found.held = None;
            }
            // One that went idle is made again when there is work.
            if found.jobs.is_empty() {
                self.nodes.remove(&node);
            }
        }
    }

    /// The buffer whose turn it is: the one that holds the engine; otherwise of those that matter
    /// most the one that has waited longest.
    pub(crate) fn take_turn(&mut self, node: NodeId, now: Instant) -> Option<Turn> {
        let turn = self.next_turn(node, now);
        let next = turn.as_ref().map(|turn| (turn.queue, turn.owner.process));
        self.accounts.turn(node, next, now);
        turn
    }

    fn next_turn(&mut self, node: NodeId, now: Instant) -> Option<Turn> {
        let found = self.nodes.get_mut(&node)?;
        let first = |(_, job): &(&QueueId, &mut Job)| (job.priority, std::cmp::Reverse(job.turn));
        let queue = match found.held {
            Some((queue, _)) => queue,
            None => *found.jobs.iter_mut().max_by_key(first)?.0,
        };
        let job = found.jobs.get_mut(&queue)?;
        found.turns += 1;
        job.turn = found.turns;
        Some(Turn {
            queue,
            owner: self.queues.get(&queue)?.owner,
            program: job.program.clone(),
            held: found
                .held
                .map(|(_, since)| now.saturating_duration_since(since)),
        })
    }

    /// A turn is over, with the buffer so far done. `holds` says whether the engine may turn to
    /// another one.
    pub(crate) fn end_turn(
        &mut self,
        node: NodeId,
        queue: QueueId,
        program: Program,
        holds: bool,
        now: Instant,
    ) {
        let Some(found) = self.nodes.get_mut(&node) else {
            return;
        };
        let Some(job) = found.jobs.get_mut(&queue) else {
            return;
        };
        job.program = program;
        found.held = match found.held {
            Some(held) if holds => Some(held),
            _ => holds.then_some((queue, now)),
        };
    }

    /// A buffer is done: its queue goes on.
    pub(crate) fn finish_job(&mut self, node: NodeId, id: QueueId, now: Instant) {
        self.drop_job(id, node);
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.on_node = false;
            if let Some(Item::Run { fence, .. }) = self.pop(id) {
                if let Some((sync, value)) = fence {
                    let rewind = false;
                    self.apply(&[Effect::Signal {
                        sync,
                        value,
                        rewind,
                    }]);
                    self.drop_use(sync);
                }
                self.ready.push_back(id);
            }
        }
        self.run(now);
    }

    /// Whether a buffer of a queue is in work.
    pub(crate) fn is_on_node(&self, id: QueueId) -> bool {
        self.queues.get(&id).is_some_and(|queue| queue.on_node)
    }

    /// The owners of the buffers that are in work.
    pub(super) fn owners_on_nodes(&self) -> impl Iterator<Item = Owner> + '_ {
        let queues = self.nodes.values().flat_map(|node| node.jobs.keys());
        queues.filter_map(|queue| Some(self.queues.get(queue)?.owner))
    }
}

#[cfg(test)]
mod tests;
