// SPDX-License-Identifier: GPL-2.0
//! Queues of work: contexts, hardware queues and paging queues.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::{Effect, Engine, Owner, Schedule};
use crate::address_space::Update;
use crate::gpu::{Buffer, Program};
use crate::status::NtStatus;
use crate::sync::SyncId;

/// Names a queue; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QueueId(u64);

/// Names a [`Join`]; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JoinId(u64);

/// Work in a queue.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// Takes a while, and then brings a fence to a value.
    Execute(Option<(SyncId, u64)>),
    /// Executes a command buffer, and then brings a fence to a value.
    Run {
        buffer: Buffer,
        fence: Option<(SyncId, u64)>,
    },
    /// Has the host change GPU addresses, and then is as [`Self::Execute`].
    Update {
        update: Arc<Update>,
        fence: (SyncId, u64),
    },
    /// Holds the queue up until all of these are signalled at once.
    Wait(Vec<(SyncId, u64)>),
    /// See [`Join`].
    Reach(JoinId),
}

impl Item {
    /// How much room it takes, apart from the sync objects that it refers to.
    fn weight(&self) -> usize {
        match self {
            Self::Update { update, .. } => 1 + update.changes.len(),
            Self::Execute(_) | Self::Run { .. } | Self::Wait(_) | Self::Reach(_) => 1,
        }
    }
}

/// A place in several queues. When all of them have got there, things happen; if one of them goes
/// before, they never do.
pub(super) struct Join {
    left: usize,
    abandoned: bool,
    effects: Vec<Effect>,
}

/// A queue.
pub(super) struct Queue {
    pub(super) owner: Owner,
    items: VecDeque<Item>,
    /// When the first item, which takes a while, is done.
    busy_until: Option<Instant>,
    /// Where command buffers are executed; paging queues have none.
    pub(super) schedule: Option<Schedule>,
    /// Whether the first item is a buffer that is being executed.
    pub(super) on_node: bool,
    /// Whether the first item is an update that the host is about to make.
    is_updating: bool,
}

impl Engine {
    /// Makes a queue.
    pub(crate) fn create_queue(&mut self, owner: Owner, schedule: Option<Schedule>) -> QueueId {
        let id = QueueId(self.next_id());
        let queue = Queue {
            owner,
            items: VecDeque::new(),
            busy_until: None,
            schedule,
            on_node: false,
            is_updating: false,
        };
        self.queues.insert(id, queue);
        id
    }

    /// Removes a queue, and all work in it without a trace.
    pub(crate) fn remove_queue(&mut self, id: QueueId) {
        self.clear_queue(id);
        self.queues.remove(&id);
    }

    /// Drops the work in a queue without a trace; the queue stays.
    pub(crate) fn clear_queue(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        let items = std::mem::take(&mut queue.items);
        queue.is_updating = false;
        if let Some(until) = queue.busy_until.take() {
            self.due.remove(&(until, id));
        }
        let running = std::mem::take(&mut queue.on_node);
        if let Some(schedule) = queue.schedule.filter(|_| running) {
            self.drop_job(id, schedule.node);
        }
        for item in items {
            self.discard(id, item);
        }
    }

    /// Whether a queue has nothing to do.
    pub(crate) fn is_idle(&self, id: QueueId) -> bool {
        let queue = self.queues.get(&id);
        queue.is_none_or(|queue| queue.items.is_empty())
    }

    /// How many queues there are.
    pub(crate) fn queue_count(&self) -> usize {
        self.queues.len()
    }

    /// Puts work into queues, into each of them the same.
    ///
    /// # Errors
    ///
    /// There is too much work.
    pub(crate) fn submit(
        &mut self,
        queues: &[QueueId],
        item: &Item,
        now: Instant,
    ) -> Result<(), NtStatus> {
        self.submit_all(queues, std::slice::from_ref(item), now)
    }

    /// Puts several pieces of work into queues, one after the other, or none of them.
    ///
    /// # Errors
    ///
    /// There is too much work.
    pub(crate) fn submit_all(
        &mut self,
        queues: &[QueueId],
        items: &[Item],
        now: Instant,
    ) -> Result<(), NtStatus> {
        let room = |item: &Item| syncs_of(item).count() + item.weight();
        let room: usize = items.iter().map(room).sum();
        if !self.has_room(room.saturating_mul(queues.len())) {
            return Err(NtStatus::NO_MEMORY);
        }
        for &id in queues {
            for item in items {
                let Some(queue) = self.queues.get_mut(&id) else {
                    continue;
                };
                queue.items.push_back(item.clone());
                self.load += item.weight();
                self.count_submitted(id, item);
                for sync in syncs_of(item) {
                    self.add_use(sync);
                }
            }
            self.ready.push_back(id);
        }
        self.run(now);
        Ok(())
    }

    /// Lets things happen as soon as all of `queues` have done what is in them now.
    ///
    /// # Errors
    ///
    /// There is too much work.
    pub(crate) fn submit_effects(
        &mut self,
        queues: &[QueueId],
        effects: Vec<Effect>,
        now: Instant,
    ) -> Result<(), NtStatus> {
        if !self.has_room(effects.len().saturating_add(queues.len())) {
            return Err(NtStatus::NO_MEMORY);
        }
        let id = JoinId(self.next_id());
        for sync in signals(&effects).collect::<Vec<_>>() {
            self.add_use(sync);
        }
        let join = Join {
            left: queues.len(),
            abandoned: false,
            effects,
        };
        self.joins.insert(id, join);
        self.submit(queues, &Item::Reach(id), now)
    }

    /// The work in progress of a queue is done.
    pub(super) fn complete(&mut self, id: QueueId, at: Instant) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.busy_until = None;
            if let Some(Item::Execute(fence)) = self.pop(id) {
                if let Some((sync, value)) = fence {
                    self.apply(&[Effect::Signal {
                        sync,
                        value,
                        rewind: false,
                    }]);
                    self.drop_use(sync);
                }
                self.ready.push_back(id);
            }
        }
        self.run(at);
    }

    /// Lets every queue that can go on go on, until none can.
    pub(super) fn run(&mut self, at: Instant) {
        while let Some(id) = self.ready.pop_front() {
            while self.step(id, at) {}
        }
    }

    /// Does the first item of a queue, if it can be done at once. Returns whether it was.
    fn step(&mut self, id: QueueId, at: Instant) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else {
            return false;
        };
        if queue.busy_until.is_some() || queue.on_node || queue.is_updating {
            return false;
        }
        match queue.items.front().cloned() {
            None => false,
            Some(Item::Execute(_)) => {
                let until = at + self.random.duration();
                queue.busy_until = Some(until);
                self.due.insert((until, id));
                false
            }
            Some(Item::Run { buffer, .. }) => {
                // Queues without a schedule are given no buffers.
                if let Some(schedule) = queue.schedule {
                    queue.on_node = true;
                    self.begin_job(id, schedule, Program::new(buffer));
                }
                false
            }
            Some(Item::Update { .. }) => {
                queue.is_updating = true;
                self.updates.push(id);
                false
            }
            Some(Item::Wait(conditions)) => self.try_wait(id, &conditions),
            Some(Item::Reach(join)) => {
                self.pop(id);
                self.reach(join, true);
                true
            }
        }
    }

    /// The queues that have got to an update since this was asked last.
    pub(crate) fn take_updates(&mut self) -> Vec<QueueId> {
        std::mem::take(&mut self.updates)
    }

    /// The update that a queue has got to; `None` if it was dropped meanwhile.
    pub(crate) fn update_at(&self, id: QueueId) -> Option<(Owner, Arc<Update>)> {
        let queue = self.queues.get(&id).filter(|queue| queue.is_updating)?;
        match queue.items.front() {
            Some(Item::Update { update, .. }) => Some((queue.owner, Arc::clone(update))),
            _ => None,
        }
    }

    /// The update that a queue has got to is made: what is left of it is to take its time.
    pub(crate) fn finish_update(&mut self, id: QueueId, now: Instant) {
        let Some(queue) = self.queues.get_mut(&id) else {
            return;
        };
        queue.is_updating = false;
        if let Some(item) = queue.items.front_mut() {
            if let Item::Update { fence, .. } = *item {
                let before = std::mem::replace(item, Item::Execute(Some(fence)));
                self.load = self.load.saturating_sub(before.weight() - 1);
            }
        }
        self.ready.push_back(id);
        self.run(now);
    }

    /// Goes past a wait if everything is signalled, and holds the queue up if not.
    fn try_wait(&mut self, id: QueueId, conditions: &[(SyncId, u64)]) -> bool {
        let over = conditions
            .iter()
            .all(|&(sync, value)| self.is_signaled(sync, value));
        for &(sync, _) in conditions {
            let Some(found) = self.syncs.get_mut(&sync) else {
                continue;
            };
            if over {
                found.blocked.remove(&id);
                found.primitive.acquire();
            } else {
                found.blocked.insert(id);
            }
        }
        if over {
            self.pop(id);
            for &(sync, _) in conditions {
                self.drop_use(sync);
            }
        }
        over
    }

    /// A queue has got to a join, or never will.
    fn reach(&mut self, id: JoinId, reached: bool) {
        let Some(join) = self.joins.get_mut(&id) else {
            return;
        };
        join.left = join.left.saturating_sub(1);
        join.abandoned |= !reached;
        if join.left > 0 {
            return;
        }
        let Some(join) = self.joins.remove(&id) else {
            return;
        };
        if !join.abandoned {
            self.apply(&join.effects);
        }
        for sync in signals(&join.effects) {
            self.drop_use(sync);
        }
    }

    pub(super) fn pop(&mut self, id: QueueId) -> Option<Item> {
        let item = self.queues.get_mut(&id)?.items.pop_front()?;
        self.load = self.load.saturating_sub(item.weight());
        self.count_completed(id, &item);
        Some(item)
    }

    /// Drops an item that is out of its queue.
    fn discard(&mut self, id: QueueId, item: Item) {
        self.load = self.load.saturating_sub(item.weight());
        for sync in syncs_of(&item) {
            if let Some(found) = self.syncs.get_mut(&sync) {
                found.blocked.remove(&id);
            }
            self.drop_use(sync);
        }
        if let Item::Reach(join) = item {
            self.reach(join, false);
        }
    }
}

/// The sync objects that an item refers to by itself.
fn syncs_of(item: &Item) -> impl Iterator<Item = SyncId> + '_ {
    let (one, many) = match item {
        Item::Execute(fence) | Item::Run { fence, .. } => (fence.map(|(sync, _)| sync), &[][..]),
        Item::Update { fence, .. } => (Some(fence.0), &[][..]),
        Item::Wait(conditions) => (None, &conditions[..]),
        Item::Reach(_) => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().map(|&(sync, _)| sync))
}

fn signals(effects: &[Effect]) -> impl Iterator<Item = SyncId> + '_ {
    effects.iter().filter_map(|effect| match effect {
        Effect::Signal { sync, .. } => Some(*sync),
        Effect::Event(_) => None,
    })
}
