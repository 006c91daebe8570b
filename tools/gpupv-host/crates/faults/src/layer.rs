// SPDX-License-Identifier: GPL-2.0
//! The plan in force: what it says of each message, and how often it had an effect.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gpupv::report::Excuses;
use gpupv::{GpuPvHost, NtStatus};
use rand::{Rng, RngCore, SeedableRng};
use rand_pcg::Pcg64Mcg;
use vmbus::Device;

use crate::answer::{Change, Named, Place};
use crate::clock::{Clock, Due, Job};
use crate::device::{FaultyDevice, Reader};
use crate::plan::{Channel, Fault, Kind, When};
use crate::{lock, Plan, PlanError};

/// The longest time that is drawn, in milliseconds.
const DRAWN_MS_MAX: u64 = 3000;
/// The largest number of bytes that are drawn, and of those that follow an answer.
const DRAWN_BYTES_MAX: usize = 16;
const DRAWN_EXTENSION_MAX: usize = 256;
/// STATUS_UNSUCCESSFUL, STATUS_NOT_IMPLEMENTED, STATUS_INVALID_PARAMETER, STATUS_NO_MEMORY,
/// STATUS_ACCESS_DENIED, STATUS_DEVICE_REMOVED, STATUS_PENDING, and two that do not exist.
const DRAWN_STATUSES: [u32; 9] = [
    0xC000_0001,
    0xC000_0002,
    0xC000_000D,
    0xC000_0017,
    0xC000_0022,
    0xC000_02B6,
    0x0000_0103,
    0xFFFF_FFFF,
    0x7FFF_FFFF,
];

/// A message on its way, as far as a plan can tell messages apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// Its name.
    pub(crate) command: &'a str,
    /// Whose it is.
    pub(crate) channel: Channel,
    /// Whether it has an answer.
    pub(crate) answered: bool,
    /// Whether the host sends it by itself.
    pub(crate) unasked: bool,
}

/// What happens to a message before it is handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Handling {
    /// It is handled at once.
    #[default]
    Now,
    /// It is handled later.
    Later(&'static str, Due),
    /// It is not handled.
    Never(&'static str),
    /// It is answered as one that has failed with this status.
    Refused(NtStatus),
}

/// What the plan says of a message.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// The number of the plan.
    pub(crate) plan: u64,
    pub(crate) handling: Handling,
    /// What happens to its answer, or to the message if the host sends it by itself.
    pub(crate) changes: Vec<Named>,
    /// Whether the guest may be misled by that,
    pub(crate) misleads: bool,
    /// and not only by the order in which messages are handled.
    pub(crate) loses: bool,
}

struct Entry {
    fault: Fault,
    /// How many messages have fitted it.
    fitted: u64,
}

struct State {
    /// Counts the plans.
    number: u64,
    entries: Vec<Entry>,
    random: Pcg64Mcg,
    /// How many faults were made since the plan is in force,
    done: u64,
    /// and ever, by kind.
    summary: BTreeMap<&'static str, u64>,
}

pub(crate) struct Inner {
    state: Mutex<State>,
    clock: Clock,
    excuses: Excuses,
    reader: Reader,
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
        Ok(Self(Arc::new(Inner {
            state: Mutex::new(State {
                number: 0,
                entries: Vec::new(),
                random: Pcg64Mcg::seed_from_u64(0),
                done: 0,
                summary: BTreeMap::new(),
            }),
            clock: Clock::start()?,
            excuses: host.excuses(),
            reader: Reader::new(host),
        })))
    }

    /// Puts the layer in front of a device: that of an adapter, or that of the global channel.
    pub fn wrap(&self, device: Box<dyn Device>, channel: Channel) -> Box<dyn Device> {
        Box::new(FaultyDevice::new(device, channel, Arc::clone(&self.0)))
    }

    /// Puts a plan in force. What waits because of the plan before happens now.
    ///
    /// # Errors
    ///
    /// The plan names an adapter that does not exist.
    pub fn set(&self, plan: Plan) -> Result<(), String> {
        plan.check_adapters(self.0.reader.adapters())?;
        let mut state = lock(&self.0.state);
        state.number += 1;
        state.random = Pcg64Mcg::seed_from_u64(plan.seed);
        let entries = plan.faults.into_iter();
        state.entries = entries.map(|fault| Entry { fault, fitted: 0 }).collect();
        state.done = 0;
        // Under the lock, so that plans end in the order in which they began.
        self.0.clock.end_plan(state.number);
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
        lock(&self.0.state).done
    }

    /// How many faults were made in all, by kind.
    pub fn summary(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0.state).summary.clone()
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

    /// Asks the plan about a message. `recent` are the ids of requests, the latest last.
    pub(crate) fn decide(&self, subject: &Subject<'_>, recent: &[u64]) -> Decision {
        lock(&self.state).decide(subject, recent)
    }

    /// Counts a fault that had its effect.
    pub(crate) fn count(&self, plan: u64, name: &'static str) {
        log::debug!("fault: {name}");
        let mut state = lock(&self.state);
        if state.number == plan {
            state.done += 1;
        }
        *state.summary.entry(name).or_default() += 1;
    }

    /// Has something happen later, and counts that. Gives it back if it has to happen now.
    pub(crate) fn later(
        &self,
        plan: u64,
        (name, due): (&'static str, Due),
        job: Job,
    ) -> Result<(), Job> {
        self.clock.take(plan, due, job)?;
        self.count(plan, name);
        Ok(())
    }
}

impl State {
    fn decide(&mut self, subject: &Subject<'_>, recent: &[u64]) -> Decision {
        let mut decision = Decision {
            plan: self.number,
            ..Decision::default()
        };
        for entry in &mut self.entries {
            if !entry.fault.fits(subject) {
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
}

impl Fault {
    fn fits(&self, subject: &Subject<'_>) -> bool {
        let kind = if subject.unasked {
            self.kind.fits_unasked()
        } else {
            subject.answered || !self.kind.needs_answer()
        };
        kind && self.command.is_none_or(|name| name == subject.command)
            && self
                .channel
                .is_none_or(|channel| channel == subject.channel)
    }
}

impl Decision {
    /// Adds a fault, and draws what has to be drawn.
    fn add(&mut self, kind: &Kind, subject: &Subject<'_>, recent: &[u64], random: &mut Pcg64Mcg) {
        let name = kind.name();
        self.misleads |= kind.misleads();
        self.loses |= kind.misleads() && !kind.reorders();
        let mut after = |ms: &Option<u64>| {
            let ms = ms.unwrap_or_else(|| random.random_range(0..=DRAWN_MS_MAX));
            Due::After(Duration::from_millis(ms))
        };
        let change = match kind {
            Kind::Delay { ms } if subject.unasked => Change::Later(after(ms)),
            Kind::Hold if subject.unasked => Change::Later(Due::PlanEnds),
            Kind::Ignore if subject.unasked => Change::Drop,
            Kind::Delay { ms } => return self.handle(Handling::Later(name, after(ms))),
            Kind::Hold => return self.handle(Handling::Later(name, Due::PlanEnds)),
            Kind::Ignore => return self.handle(Handling::Never(name)),
            Kind::Status { status } => {
                let drawn = || DRAWN_STATUSES[random.random_range(0..DRAWN_STATUSES.len())];
                let status = NtStatus(status.unwrap_or_else(drawn));
                return self.handle(Handling::Refused(status));
            }
            Kind::DelayAnswer { ms } => Change::Later(after(ms)),
            Kind::HoldAnswer => Change::Later(Due::PlanEnds),
            Kind::NeverAnswer => Change::Drop,
            Kind::AnswerTwice => Change::Twice,
            Kind::Truncate { length } => Change::Truncate(place(length, random)),
            Kind::Extend { length } => Change::Extend(match length {
                // CAST: a plan's lengths are small.
                Some(length) => *length as usize,
                None => random.random_range(1..=DRAWN_EXTENSION_MAX),
            }),
            Kind::Overwrite { offset, bytes } => {
                let offset = place(offset, random);
                let bytes = match bytes {
                    Some(bytes) => bytes.clone(),
                    None => draw_bytes(random),
                };
                Change::Overwrite(offset, bytes)
            }
            Kind::Transaction { id } => {
                Change::Transaction(id.unwrap_or_else(|| draw_id(recent, random)))
            }
        };
        self.changes.push((name, change));
    }

    /// The first fault decides whether and when the message is handled.
    fn handle(&mut self, handling: Handling) {
        if self.handling == Handling::Now {
            self.handling = handling;
        }
    }
}

fn place(given: &Option<u64>, random: &mut Pcg64Mcg) -> Place {
    match given {
        Some(place) => Place::At(*place),
        None => Place::Drawn(random.random()),
    }
}

/// Bytes that are all the same more often than not: 0, all ones, or the highest bit.
fn draw_bytes(random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut bytes = vec![0; random.random_range(1..=DRAWN_BYTES_MAX)];
    match random.random_range(0..6) {
        0 => {}
        1 => bytes.fill(0xFF),
        2 => bytes.fill(0x80),
        _ => random.fill_bytes(&mut bytes),
    }
    bytes
}

/// The id of an earlier request, one beside that of the last request, or any.
fn draw_id(recent: &[u64], random: &mut Pcg64Mcg) -> u64 {
    let last = recent.last().copied().unwrap_or_default();
    match random.random_range(0..6) {
        0 if !recent.is_empty() => recent[random.random_range(0..recent.len())],
        1 => last.wrapping_add(1),
        2 => last ^ (1 << random.random_range(0..64)),
        3 => 0,
        4 => u64::MAX,
        _ => random.random(),
    }
}
