// SPDX-License-Identifier: GPL-2.0
//! The way of messages through the layer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use gpupv::command::CommandInfo;
use gpupv::packet;
use gpupv::wire::Luid;
use gpupv::{GpuPvHost, NtStatus};
use vmbus::{ChannelHandle, Closed, Device, GpadlView, Offer, OpenError, Packet};

use crate::answer::{Change, Named};
use crate::clock::Job;
use crate::decision::{Decision, Handling, Subject};
use crate::layer::Inner;
use crate::lock;
use crate::plan::Channel;
use crate::port::FaultyPort;

/// How many requests are remembered by their ids.
const RECENT: usize = 16;
/// How many requests may wait for an answer that is to be changed.
const PENDING_MAX: usize = 1 << 16;

/// What is known of a host to tell its messages apart.
pub(crate) struct Reader {
    extended: bool,
    /// The LUIDs of the vGPUs, by position.
    luids: Vec<Luid>,
}

/// What a packet says of itself.
struct Heading {
    info: Option<&'static CommandInfo>,
    process: u32,
    channel: Channel,
}

impl Reader {
    pub(crate) fn new(host: &GpuPvHost) -> Self {
        let identities = host.identities().into_iter();
        Self {
            extended: host.has_extended_headers(),
            luids: identities.map(|identity| identity.vgpu_luid).collect(),
        }
    }

    /// How many adapters there are.
    pub(crate) fn adapters(&self) -> usize {
        self.luids.len()
    }

    /// Reads a packet that came through `channel`. `None` if it has no command.
    fn read(&self, channel: Channel, payload: &[u8]) -> Option<Heading> {
        let command = packet::parse(payload, self.extended).ok()?;
        let named = |luid| self.luids.iter().position(|&known| known == luid);
        let named = command.luid.and_then(named).map(Channel::Adapter);
        Some(Heading {
            info: command.info(),
            process: command.header.process.get(),
            channel: named.unwrap_or(channel),
        })
    }

    /// What a command that fails is answered with.
    fn refusal(&self, info: &CommandInfo, payload: &[u8], status: NtStatus) -> Vec<u8> {
        match packet::parse(payload, self.extended) {
            Ok(command) => info.failure.reply(command.bytes, status, self.extended),
            Err(_) => Vec::new(),
        }
    }
}

/// What is to become of the answer to a request.
pub(crate) struct Pending {
    /// The number of the plan that says so.
    pub(crate) plan: u64,
    pub(crate) changes: Vec<Named>,
    /// The answer makes a process that the guest may not learn of.
    pub(crate) misleads_process: bool,
}

/// The part of a channel that messages and answers share.
pub(crate) struct Link {
    pub(crate) faults: Arc<Inner>,
    pub(crate) channel: Channel,
    state: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    /// Counts how often the channel was opened or closed.
    opening: u64,
    /// The channel, while it is open.
    port: Option<ChannelHandle>,
    pending: HashMap<u64, Pending>,
    /// The ids of the last requests.
    recent: VecDeque<u64>,
}

impl Link {
    /// Takes what is to become of an answer.
    pub(crate) fn take_pending(&self, transaction_id: u64) -> Option<Pending> {
        lock(&self.state).pending.remove(&transaction_id)
    }

    fn begin(&self, port: Option<ChannelHandle>) {
        let mut state = lock(&self.state);
        state.opening += 1;
        state.port = port;
        state.pending.clear();
    }

    fn opening(&self) -> u64 {
        lock(&self.state).opening
    }

    /// Remembers a request. Returns the ids of the last ones.
    fn note(&self, transaction_id: u64) -> Vec<u64> {
        let mut state = lock(&self.state);
        if state.recent.len() == RECENT {
            state.recent.pop_front();
        }
        state.recent.push_back(transaction_id);
        state.recent.iter().copied().collect()
    }

    fn expect(&self, transaction_id: u64, pending: Pending) {
        let mut state = lock(&self.state);
        if state.pending.len() < PENDING_MAX {
            state.pending.insert(transaction_id, pending);
        }
    }
}

type Shared = Arc<Mutex<Box<dyn Device>>>;

/// A device with the layer in front of it.
///
/// Locks: that of `inner` is held while the device works, and never taken under one of the layer.
pub(crate) struct FaultyDevice {
    inner: Shared,
    link: Arc<Link>,
}

impl FaultyDevice {
    pub(crate) fn new(inner: Box<dyn Device>, channel: Channel, faults: Arc<Inner>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(inner)),
            link: Arc::new(Link {
                faults,
                channel,
                state: Mutex::default(),
            }),
        }
    }

    /// Has the device handle a packet, with what is decided of its answer.
    fn handle(&self, packet: Packet, pending: Option<Pending>) {
        deliver(&self.inner, &self.link, packet, pending);
    }

    /// Answers a packet as one that has failed.
    fn refuse(&self, packet: &Packet, refusal: &[u8], pending: Option<Pending>) {
        if let Some(pending) = pending {
            self.link.expect(packet.transaction_id, pending);
        }
        let port = lock(&self.link.state).port.clone();
        if let Some(port) = port {
            FaultyPort::new(Arc::clone(&self.link), port).answer(packet.transaction_id, refusal);
        }
    }
}

fn deliver(inner: &Shared, link: &Link, packet: Packet, pending: Option<Pending>) {
    if let Some(pending) = pending {
        link.expect(packet.transaction_id, pending);
    }
    lock(inner).packet(packet);
}

/// Tells the host whom it is about to mislead. Returns whether that is a process to be.
fn excuse(link: &Link, heading: &Heading, decision: &Decision) -> bool {
    let excuses = link.faults.excuses();
    let makes_process = heading
        .info
        .is_some_and(|info| info.name == "CREATEPROCESS");
    if !decision.misleads {
        return false;
    }
    if heading.process != 0 {
        excuses.process(heading.process);
    } else if !makes_process && decision.loses {
        excuses.channel(link.channel.adapter());
        excuses.channel(heading.channel.adapter());
    }
    if decision
        .changes
        .iter()
        .any(|(_, change)| matches!(change, Change::Packet(_)))
    {
        // A channel of which a packet cannot be read is closed without a word.
        excuses.channel(link.channel.adapter());
    }
    makes_process && decision.loses
}

impl Device for FaultyDevice {
    fn offer(&self) -> Offer {
        lock(&self.inner).offer()
    }

    fn open(&mut self, channel: ChannelHandle) -> Result<(), OpenError> {
        self.link.begin(Some(channel.clone()));
        if self.link.channel == Channel::Global {
            self.link.faults.set_global(Some(channel.clone()));
        }
        let port = FaultyPort::new(Arc::clone(&self.link), channel);
        lock(&self.inner).open(ChannelHandle::new(Arc::new(port)))
    }

    fn packet(&mut self, packet: Packet) {
        let link = &self.link;
        let recent = link.note(packet.transaction_id);
        let heading = link.faults.reader().read(link.channel, &packet.payload);
        let Some(heading) = heading else {
            return self.handle(packet, None);
        };
        let subject = Subject {
            command: heading.info.map_or("", |info| info.name),
            channel: heading.channel,
            answered: packet.completion_requested,
            unasked: false,
        };
        let decision = link.faults.decide(&subject, &recent);
        let misleads_process = excuse(link, &heading, &decision);
        let Decision {
            plan,
            handling,
            changes,
            beside,
            ..
        } = decision;
        link.faults.do_beside(plan, &beside, heading.channel);
        let pending = (!changes.is_empty()).then_some(Pending {
            plan,
            changes,
            misleads_process,
        });
        match handling {
            Handling::Now => self.handle(packet, pending),
            Handling::Never(Some(name)) => link.faults.count(plan, name),
            Handling::Never(None) => {}
            Handling::Refused(status) => {
                let reader = link.faults.reader();
                let refusal = match heading.info {
                    Some(info) => reader.refusal(info, &packet.payload, status),
                    None => status.0.to_le_bytes().to_vec(),
                };
                link.faults.count(plan, "status");
                self.refuse(&packet, &refusal, pending);
            }
            Handling::Later(name, due) => {
                let bytes = size_of::<Packet>() + packet.payload.len();
                let (inner, own) = (Arc::clone(&self.inner), Arc::clone(link));
                let opening = link.opening();
                let run = Box::new(move || {
                    // A channel that was closed meanwhile has no messages.
                    if own.opening() == opening {
                        deliver(&inner, &own, packet, pending);
                    }
                });
                if let Err(job) = link.faults.later(plan, (name, due), Job { bytes, run }) {
                    (job.run)();
                }
            }
        }
    }

    fn closed(&mut self, why: Closed) {
        let mut inner = lock(&self.inner);
        self.link.begin(None);
        if self.link.channel == Channel::Global {
            self.link.faults.set_global(None);
        }
        inner.closed(why);
    }

    fn gpadl(&mut self, id: u32, memory: Option<GpadlView>) {
        lock(&self.inner).gpadl(id, memory);
    }
}
