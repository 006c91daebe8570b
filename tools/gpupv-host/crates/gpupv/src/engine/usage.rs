// SPDX-License-Identifier: GPL-2.0
//! How long the engines of the adapters have worked, and for which process.
//!
//! An engine works from the moment it takes a turn until it comes back for the next one, whether it
//! computes or is held; while its queues are empty or wait it does not. The time of a turn is the
//! process's whose command buffer it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Engine, Item, NodeId, QueueId};
use crate::handles::Handle;

/// What goes through queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// A command buffer, or an empty submission.
    Render,
    /// A wait for sync objects.
    Wait,
    /// A signal of sync objects.
    Signal,
}

/// Packets of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packets {
    pub(crate) submitted: u64,
    pub(crate) completed: u64,
}

/// What an engine has done, for one process or for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeUsage {
    /// How long it has worked.
    pub(crate) running: Duration,
    /// How often it turned to another queue.
    pub(crate) switches: u64,
    pub(crate) renders: Packets,
    pub(crate) waits: Packets,
    pub(crate) signals: Packets,
}

impl NodeUsage {
    fn packets_mut(&mut self, packet: Packet) -> &mut Packets {
        match packet {
            Packet::Render => &mut self.renders,
            Packet::Wait => &mut self.waits,
            Packet::Signal => &mut self.signals,
        }
    }
}

/// The account of one engine.
#[derive(Default)]
struct Account {
    total: NodeUsage,
    processes: BTreeMap<Handle, NodeUsage>,
    /// The turn that goes on, while the engine works.
    turn: Option<Running>,
    /// The queue of the last turn.
    last: Option<QueueId>,
}

/// A turn that goes on.
#[derive(Clone, Copy)]
struct Running {
    /// Whose it is; `None` once that process is gone.
    process: Option<Handle>,
    since: Instant,
}

impl Account {
    fn change(&mut self, process: Handle, change: impl Fn(&mut NodeUsage)) {
        change(&mut self.total);
        change(self.processes.entry(process).or_default());
    }
}

/// The accounts of all engines that have had work.
#[derive(Default)]
pub(super) struct Accounts(BTreeMap<NodeId, Account>);

impl Accounts {
    /// An engine has come back from its turn, and takes the next one if there is one.
    pub(super) fn turn(&mut self, node: NodeId, next: Option<(QueueId, Handle)>, now: Instant) {
        if next.is_none() && !self.0.contains_key(&node) {
            return;
        }
        let account = self.0.entry(node).or_default();
        if let Some(Running { process, since }) = account.turn.take() {
            let time = now.saturating_duration_since(since);
            match process {
                Some(process) => account.change(process, |usage| usage.running += time),
                None => account.total.running += time,
            }
        }
        let Some((queue, process)) = next else {
            return;
        };
        account.turn = Some(Running {
            process: Some(process),
            since: now,
        });
        if account.last != Some(queue) {
            account.last = Some(queue);
            account.change(process, |usage| usage.switches += 1);
        }
    }
}

impl Engine {
    /// What an engine has done until `now`, for one process or for all.
    pub(crate) fn usage(&self, node: NodeId, process: Option<Handle>, now: Instant) -> NodeUsage {
        let Some(account) = self.accounts.0.get(&node) else {
            return NodeUsage::default();
        };
        let mut usage = match process {
            None => account.total,
            Some(process) => account.processes.get(&process).copied().unwrap_or_default(),
        };
        if let Some(turn) = account.turn {
            if process.is_none() || process == turn.process {
                usage.running += now.saturating_duration_since(turn.since);
            }
        }
        usage
    }

    /// A process is gone: what was done for it stays in the totals alone.
    pub(crate) fn forget_usage(&mut self, process: Handle) {
        for account in self.accounts.0.values_mut() {
            account.processes.remove(&process);
            if let Some(turn) = &mut account.turn {
                turn.process = turn.process.filter(|&whose| whose != process);
            }
        }
    }

    /// Counts an item that came into a queue.
    pub(super) fn count_submitted(&mut self, id: QueueId, item: &Item) {
        self.count(id, item, |packets| packets.submitted += 1);
    }

    /// Counts an item that a queue has done.
    pub(super) fn count_completed(&mut self, id: QueueId, item: &Item) {
        self.count(id, item, |packets| packets.completed += 1);
    }

    fn count(&mut self, id: QueueId, item: &Item, change: impl Fn(&mut Packets)) {
        let packet = match item {
            Item::Execute(_) | Item::Run { .. } => Packet::Render,
            Item::Wait(_) => Packet::Wait,
            Item::Reach(_) => Packet::Signal,
            Item::Update { .. } => return,
        };
        // Paging queues belong to no engine.
        let queue = self.queues.get(&id);
        let Some((schedule, owner)) = queue.and_then(|q| Some((q.schedule?, q.owner))) else {
            return;
        };
        let account = self.accounts.0.entry(schedule.node).or_default();
        account.change(owner.process, |usage| change(usage.packets_mut(packet)));
    }
}
