// SPDX-License-Identifier: GPL-2.0
//! The GPU's side of time: queues that take work in order and complete it later, what they signal,
//! and who waits for that.
//!
//! Nothing here waits. Whoever calls says what time it is, and [`Engine::advance`] does what is due
//! by then; [`worker`] is the thread that calls it in time. Work takes a short random time from a
//! seeded source, and each queue works by itself.

mod node;
mod queue;
mod random;
mod table;
mod usage;
mod wait;
pub(crate) mod worker;

#[cfg(test)]
mod tests;

pub(crate) use node::{NodeId, Schedule, Turn};
pub(crate) use queue::{Item, QueueId};
pub(crate) use usage::{NodeUsage, Packets};
pub(crate) use wait::{Condition, CpuWait};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use crate::fence::Fence;
use crate::handles::Handle;
use crate::sync::SyncId;
use node::Node;
use queue::{Join, JoinId, Queue};
use random::Random;
use table::Sync;
use usage::Accounts;
use wait::WaitId;

/// How many references to sync objects all queued work and all waits may hold, and how much work
/// there may be: a guest cannot fill our memory.
const LOAD_MAX: usize = 1 << 20;

/// Whose work something is: a process and its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) process: Handle,
    pub(crate) device: Handle,
}

/// What is done when work gets to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Signals a sync object.
    Signal {
        sync: SyncId,
        value: u64,
        rewind: bool,
    },
    /// Signals an event of the guest.
    Event(u64),
}

/// What others must hear of.
#[derive(Default)]
pub(crate) struct News {
    /// Guest events that were signalled, in order.
    pub(crate) events: Vec<u64>,
    /// Devices that have no work in progress any more, and for whom somebody waits for that.
    pub(crate) idle: Vec<Owner>,
    /// Handles of the virtual machine whose sync objects are gone.
    pub(crate) freed: Vec<Handle>,
    /// Engines of adapters that have something to do now.
    pub(crate) busy: BTreeSet<NodeId>,
}

/// The engine.
pub(crate) struct Engine {
    syncs: BTreeMap<SyncId, Sync>,
    queues: BTreeMap<QueueId, Queue>,
    joins: BTreeMap<JoinId, Join>,
    /// The engines of adapters that have work.
    nodes: BTreeMap<NodeId, Node>,
    /// What they have done.
    accounts: Accounts,
    waits: BTreeMap<WaitId, CpuWait>,
    /// When the work in progress of each queue is done.
    due: BTreeSet<(Instant, QueueId)>,
    /// When each periodic fence goes on.
    periodic: BTreeSet<(Instant, SyncId)>,
    /// Queues whose next item may be possible now.
    ready: VecDeque<QueueId>,
    /// Queues that have got to an update, which is for the host to make.
    updates: Vec<QueueId>,
    flushes: BTreeSet<Owner>,
    news: News,
    random: Random,
    last_id: u64,
    load: usize,
}

impl Engine {
    /// An engine without work.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            syncs: BTreeMap::new(),
            queues: BTreeMap::new(),
            joins: BTreeMap::new(),
            nodes: BTreeMap::new(),
            accounts: Accounts::default(),
            waits: BTreeMap::new(),
            due: BTreeSet::new(),
            periodic: BTreeSet::new(),
            ready: VecDeque::new(),
            updates: Vec::new(),
            flushes: BTreeSet::new(),
            news: News::default(),
            random: Random::new(seed),
            last_id: 0,
            load: 0,
        }
    }

    /// Does what is due at `now`, in the order in which it was due.
    pub(crate) fn advance(&mut self, now: Instant) {
        loop {
            let work = self.due.first().copied().filter(|&(at, _)| at <= now);
            let tick = self.periodic.first().copied().filter(|&(at, _)| at <= now);
            match (work, tick) {
                (Some((at, queue)), tick) if tick.is_none_or(|(other, _)| at <= other) => {
                    self.due.remove(&(at, queue));
                    self.complete(queue, at);
                }
                (_, Some((at, sync))) => {
                    self.periodic.remove(&(at, sync));
                    self.tick(sync, now);
                    self.run(at);
                }
                (_, None) => return,
            }
        }
    }

    /// When [`Self::advance`] has something to do.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let work = self.due.first().map(|&(at, _)| at);
        let tick = self.periodic.first().map(|&(at, _)| at);
        work.into_iter().chain(tick).min()
    }

    /// What happened since this was asked last.
    pub(crate) fn take_news(&mut self) -> News {
        let mut news = std::mem::take(&mut self.news);
        if !self.flushes.is_empty() {
            let owner = |(_, queue): &(Instant, QueueId)| Some(self.queues.get(queue)?.owner);
            let timed = self.due.iter().filter_map(owner);
            let busy: BTreeSet<Owner> = timed.chain(self.owners_on_nodes()).collect();
            let is_idle = |owner: &Owner| !busy.contains(owner);
            news.idle = self.flushes.iter().copied().filter(is_idle).collect();
            self.flushes.retain(|owner| busy.contains(owner));
        }
        news
    }

    /// Asks for news of when `owner` has no work in progress.
    pub(crate) fn flush(&mut self, owner: Owner) {
        self.flushes.insert(owner);
    }

    /// Ends the waits of a device that is gone. `tell` says whether their events are signalled.
    pub(crate) fn end_waits_of(&mut self, owner: Owner, tell: bool) {
        let of_owner = |(&id, wait): (&WaitId, &CpuWait)| (wait.owner == owner).then_some(id);
        let gone: Vec<WaitId> = self.waits.iter().filter_map(of_owner).collect();
        for wait in gone {
            let event = self.remove_wait(wait);
            self.news.events.extend(event.filter(|_| tell));
        }
    }

    /// Does effects now.
    pub(crate) fn signal_now(&mut self, effects: &[Effect], now: Instant) {
        self.apply(effects);
        self.run(now);
    }

    fn apply(&mut self, effects: &[Effect]) {
        for &effect in effects {
            match effect {
                Effect::Event(event) => self.news.events.push(event),
                Effect::Signal {
                    sync,
                    value,
                    rewind,
                } => {
                    let Some(found) = self.syncs.get_mut(&sync) else {
                        continue;
                    };
                    self.news
                        .events
                        .extend(found.primitive.signal(value, rewind));
                    self.changed(sync);
                }
            }
        }
    }

    /// A sync object has changed: waits may be over.
    fn changed(&mut self, sync: SyncId) {
        let Some(found) = self.syncs.get(&sync) else {
            return;
        };
        self.ready.extend(found.blocked.iter().copied());
        // The others cannot be over.
        let value = found.primitive.watched().map_or(0, Fence::value);
        let reached = found.waits.range(..=(value, WaitId::LAST));
        let waits: Vec<WaitId> = reached.map(|&(_, id)| id).collect();
        for wait in waits {
            self.check_wait(wait);
        }
    }

    fn tick(&mut self, sync: SyncId, now: Instant) {
        let next = self
            .syncs
            .get_mut(&sync)
            .and_then(|found| found.primitive.tick(now));
        if let Some(next) = next {
            self.periodic.insert((next, sync));
            self.changed(sync);
        }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether there is room for `more`.
    fn has_room(&self, more: usize) -> bool {
        self.load.saturating_add(more) <= LOAD_MAX
    }
}
