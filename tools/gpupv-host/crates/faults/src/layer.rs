// SPDX-License-Identifier: GPL-2.0
//! The plan in force, and how often it had an effect.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use gpupv::report::Excuses;
use gpupv::GpuPvHost;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use vm::pci::PciFunction;
use vmbus::proto::MessageType;
use vmbus::{ChannelHandle, Device, Injected, Observer, PacketFault, RingFaults, Silence};

use crate::clock::{Clock, Due, Job};
use crate::decision::{draw_id, draw_version, Beside, Decision, Subject};
use crate::device::{FaultyDevice, Reader};
use crate::function::FaultyFunction;
use crate::machine::Machine;
use crate::plan::{Channel, Fault, Kind, State, When};
use crate::states::{channels, States};
use crate::{lock, Plan, PlanError};

/// How many events and subjects of messages that the host sent by itself are remembered.
const RECENT: usize = 64;

struct Entry {
    fault: Fault,
    /// How many messages have fitted it.
    fitted: u64,
}

struct Current {
    /// Counts the plans.
    number: u64,
    entries: Vec<Entry>,
    random: Pcg64Mcg,
    states: States,
    /// How many faults were made since the plan is in force,
    done: u64,
    /// and ever, by kind.
    summary: BTreeMap<&'static str, u64>,
    /// What messages that the host sent by itself were about.
    recent: VecDeque<u64>,
}

/// What all channels share.
///
/// Locks: `current` may be taken under those of channels and devices, and under it only leaves are.
pub(crate) struct Inner {
    current: Mutex<Current>,
    clock: Clock,
    excuses: Excuses,
    reader: Reader,
    machine: OnceLock<Arc<dyn Machine>>,
    /// The global channel, while it is open.
    global: Mutex<Option<ChannelHandle>>,
    observer: Observer,
}

/// The faults of a host. Clones are the same ones.
#[derive(Clone)]
pub struct Faults(Arc<Inner>);

impl Faults {
    /// The faults of `host`: none at first.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn new(host: &GpuPvHost) -> io::Result<Self> {
        let clock = Clock::start()?;
        Ok(Self(Arc::new_cyclic(|inner: &Weak<Inner>| Inner {
            current: Mutex::new(Current {
                number: 0,
                entries: Vec::new(),
                random: Pcg64Mcg::seed_from_u64(0),
                states: States::default(),
                done: 0,
                summary: BTreeMap::new(),
                recent: VecDeque::new(),
            }),
            clock,
            excuses: host.excuses(),
            reader: Reader::new(host),
            machine: OnceLock::new(),
            global: Mutex::new(None),
            observer: observer(Weak::clone(inner)),
        })))
    }

    /// Puts the layer in front of a device: that of an adapter, or that of the global channel.
    pub fn wrap(&self, device: Box<dyn Device>, channel: Channel) -> Box<dyn Device> {
        Box::new(FaultyDevice::new(device, channel, Arc::clone(&self.0)))
    }

    /// Puts the layer in front of an adapter's PCI function.
    pub fn wrap_function(
        &self,
        function: Box<dyn PciFunction>,
        adapter: usize,
    ) -> Box<dyn PciFunction> {
        Box::new(FaultyFunction::new(function, adapter, Arc::clone(&self.0)))
    }

    /// Says what machine the devices are in. The first call counts. What the plan wants of the machine
    /// happens now.
    pub fn connect(&self, machine: Arc<dyn Machine>) {
        for channel in channels(self.0.reader.adapters()) {
            if let Some(ring) = machine.ring_faults(channel) {
                ring.observe(self.0.observer.clone());
            }
        }
        if self.0.machine.set(machine).is_err() {
            return log::error!("faults have a machine already");
        }
        let plan = lock(&self.0.current).number;
        self.0.begin_plan(plan);
    }

    /// Puts a plan in force. What waits because of the plan before happens now.
    ///
    /// # Errors
    ///
    /// The plan names an adapter that does not exist.
    pub fn set(&self, plan: Plan) -> Result<(), String> {
        plan.check_adapters(self.0.reader.adapters())?;
        let mut current = lock(&self.0.current);
        current.number += 1;
        current.random = Pcg64Mcg::seed_from_u64(plan.seed);
        let entries = plan.faults.into_iter();
        current.entries = entries.map(|fault| Entry { fault, fitted: 0 }).collect();
        current.done = 0;
        current.states.clear();
        let number = current.number;
        // Under the lock, so that plans end in the order in which they began.
        self.0.clock.end_plan(number);
        drop(current);
        self.0.begin_plan(number);
        Ok(())
    }

    /// Reads a plan and puts it in force.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, and where.
    pub fn set_text(&self, text: &str) -> Result<(), String> {
        let plan = text.parse().map_err(|error: PlanError| error.to_string())?;
        self.set(plan)
    }

    /// How many faults were made since the plan is in force.
    pub fn done(&self) -> u64 {
        lock(&self.0.current).done
    }

    /// How many faults were made in all, by kind.
    pub fn summary(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0.current).summary.clone()
    }

    /// Ends all faults. What still waits does not happen.
    pub fn shut_down(&self) {
        self.0.clock.stop();
    }
}

impl Inner {
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(crate) fn excuses(&self) -> &Excuses {
        &self.excuses
    }

    pub(crate) fn machine(&self) -> Option<&dyn Machine> {
        self.machine.get().map(|machine| &**machine)
    }

    /// The faults of the rings of a channel.
    pub(crate) fn ring(&self, channel: Channel) -> Option<Arc<RingFaults>> {
        self.machine()?.ring_faults(channel)
    }

    /// The global channel, while it is open.
    pub(crate) fn global(&self) -> Option<ChannelHandle> {
        lock(&self.global).clone()
    }

    pub(crate) fn set_global(&self, channel: Option<ChannelHandle>) {
        *lock(&self.global) = channel;
    }

    /// Asks the plan about a message. `recent` are the ids of requests, the latest last.
    pub(crate) fn decide(&self, subject: &Subject<'_>, recent: &[u64]) -> Decision {
        lock(&self.current).decide(subject, recent)
    }

    /// What the version register of an adapter reads as, if it is not right.
    pub(crate) fn odd_version(&self, adapter: usize) -> Option<u32> {
        let mut current = lock(&self.current);
        let version = current.states.version(adapter)?;
        let version = version.unwrap_or_else(|| draw_version(&mut current.random));
        current.count("odd-version");
        Some(version)
    }

    /// Remembers what a message is about that the host sends by itself.
    pub(crate) fn note_unasked(&self, subject: u64) {
        let mut current = lock(&self.current);
        if current.recent.len() == RECENT {
            current.recent.pop_front();
        }
        current.recent.push_back(subject);
    }

    /// Draws what a message may be about that the host has no reason to send.
    pub(crate) fn draw_subject(&self) -> u64 {
        let mut current = lock(&self.current);
        let recent: Vec<u64> = current.recent.iter().copied().collect();
        draw_id(&recent, &mut current.random)
    }

    /// Counts a fault of a plan that had its effect.
    pub(crate) fn count(&self, plan: u64, name: &'static str) {
        let mut current = lock(&self.current);
        if current.number == plan {
            current.count(name);
        } else {
            current.count_late(name);
        }
    }

    /// Has something happen later, and counts that. Gives it back if it has to happen now.
    pub(crate) fn later(
        &self,
        plan: u64,
        (name, due): (&'static str, Due),
        job: Job,
    ) -> Result<(), Job> {
        self.clock.take(Some(plan), due, job)?;
        self.count(plan, name);
        Ok(())
    }

    /// Has something happen later, whatever the plan is then. After the end it does not happen.
    pub(crate) fn schedule(&self, due: Due, run: Box<dyn FnOnce() + Send>) {
        if self.clock.take(None, due, Job { bytes: 64, run }).is_err() {
            log::debug!("fault: nothing more can wait");
        }
    }

    /// Begins what a plan has that no message causes.
    fn begin_plan(self: &Arc<Self>, plan: u64) {
        let mut current = lock(&self.current);
        if current.number != plan || self.machine().is_none() {
            return;
        }
        let own = current.entries.iter().map(|entry| &entry.fault);
        let own: Vec<Fault> = own
            .filter(|fault| fault.is_spontaneous())
            .cloned()
            .collect();
        let mut timed = Vec::new();
        let mut events = Vec::new();
        for fault in own {
            for channel in self.targets(&fault) {
                match fault.kind {
                    Kind::State { state, ms } => {
                        self.mislead(state, channel);
                        current.states.begin(state, channel);
                        timed.extend(ms.map(|ms| (state, channel, Due::after_ms(ms))));
                    }
                    Kind::Event(event) => events.push((event, channel)),
                    _ => {}
                }
            }
            if let Kind::State { state, .. } = fault.kind {
                if state == State::StallRing {
                    current.count(fault.kind.name());
                }
            }
        }
        self.apply(&mut current);
        drop(current);
        for (state, channel, due) in timed {
            self.end_state(plan, state, channel, due);
        }
        for (event, channel) in events {
            self.happen(plan, event, channel);
        }
    }

    /// The channels that a fault of the plan happens to.
    fn targets(&self, fault: &Fault) -> Vec<Channel> {
        let (of_adapter, once) = match fault.kind {
            Kind::State { state, .. } => (
                matches!(state, State::OddVersion(_)),
                state.message().is_some(),
            ),
            Kind::Event(event) => (event.is_of_adapter(), !event.has_channel()),
            _ => (false, false),
        };
        match fault.channel {
            _ if once => vec![Channel::Global],
            Some(channel) => vec![channel],
            None => channels(self.reader.adapters())
                .skip(of_adapter.into())
                .collect(),
        }
    }

    /// Does what a plan wants beside a message of `channel`.
    pub(crate) fn do_beside(self: &Arc<Self>, plan: u64, beside: &[Beside], channel: Channel) {
        for &beside in beside {
            match beside {
                Beside::State(state, due) => self.begin_state(plan, state, channel, due),
                Beside::Event(event) => self.happen(plan, event, channel),
            }
        }
    }

    fn begin_state(self: &Arc<Self>, plan: u64, state: State, channel: Channel, due: Due) {
        let of_adapter = matches!(state, State::OddVersion(_));
        let channel = match channel {
            Channel::Global if of_adapter => return,
            _ if state.message().is_some() => Channel::Global,
            channel => channel,
        };
        let mut current = lock(&self.current);
        if current.number != plan || self.machine().is_none() {
            return;
        }
        self.mislead(state, channel);
        current.states.begin(state, channel);
        if state == State::StallRing {
            current.count("stall-ring");
        }
        self.apply(&mut current);
        drop(current);
        if due != Due::PlanEnds {
            self.end_state(plan, state, channel, due);
        }
    }

    /// Ends a state when it is due. The end of the plan does that, too.
    fn end_state(self: &Arc<Self>, plan: u64, state: State, channel: Channel, due: Due) {
        let own = Arc::clone(self);
        let run = move || {
            let mut current = lock(&own.current);
            if current.number == plan {
                current.states.end(state, channel);
                own.apply(&mut current);
            }
        };
        self.schedule(due, Box::new(run));
    }

    /// A guest that is not heard cannot say that it closes an adapter.
    fn mislead(&self, state: State, channel: Channel) {
        if state == State::StallRing {
            self.excuses.channel(channel.adapter());
        }
    }

    fn apply(&self, current: &mut Current) {
        if let Some(machine) = self.machine() {
            let adapters = self.reader.adapters();
            current.states.apply(machine, adapters, &self.observer);
        }
    }
}

/// What hears of the faults of rings and of control messages.
fn observer(inner: Weak<Inner>) -> Observer {
    Arc::new(move |injected| {
        let name = match injected {
            Injected::NoInterrupt(Silence::All) => "no-interrupts",
            Injected::NoInterrupt(_) => "no-interrupt",
            Injected::Packet(PacketFault::Length { .. }) => "bad-length",
            Injected::Packet(PacketFault::Type(_)) => "bad-type",
            Injected::Packet(PacketFault::Index(_)) => "bad-index",
            Injected::Packet(PacketFault::Unstable(_)) => "unstable",
            Injected::Held(MessageType::OpenChannelResult) => "no-open-result",
            Injected::Held(MessageType::GpadlCreated) => "no-gpadl-created",
            Injected::Held(_) => "no-gpadl-torndown",
        };
        if let Some(inner) = inner.upgrade() {
            lock(&inner.current).count(name);
        }
    })
}

impl Current {
    fn decide(&mut self, subject: &Subject<'_>, recent: &[u64]) -> Decision {
        let mut decision = Decision {
            plan: self.number,
            ..Decision::default()
        };
        for entry in &mut self.entries {
            if entry.fault.is_spontaneous() || !entry.fault.fits(subject) {
                continue;
            }
            entry.fitted += 1;
            let chosen = match entry.fault.when {
                When::Always => true,
                When::Nth(number) => entry.fitted == number,
                When::Every(number) => entry.fitted % number == 0,
                When::OneIn(number) => self.random.random_range(0..number) == 0,
            };
            if chosen {
                decision.add(&entry.fault.kind, subject, recent, &mut self.random);
            }
        }
        decision
    }

    /// Counts a fault of the plan in force.
    fn count(&mut self, name: &'static str) {
        self.done += 1;
        self.count_late(name);
    }

    /// Counts a fault of an earlier plan.
    fn count_late(&mut self, name: &'static str) {
        log::debug!("fault: {name}");
        *self.summary.entry(name).or_default() += 1;
    }
}
