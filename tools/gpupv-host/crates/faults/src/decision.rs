// SPDX-License-Identifier: GPL-2.0
//! What a plan says of one message. Everything that is left to chance is drawn here.

use gpupv::NtStatus;
use rand::{Rng, RngCore};
use rand_pcg::Pcg64Mcg;
use vmbus::PacketFault;

use crate::answer::{Change, Named, Place};
use crate::clock::Due;
use crate::plan::{Channel, Event, Fault, Kind, PacketKind, State};

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
/// Versions that no host speaks, or that guests may not know.
const DRAWN_VERSIONS: [u32; 8] = [0, 1, 26, 28, 39, 41, 0x7FFF_FFFF, 0xFFFF_FFFE];
/// How often an unstable packet changes.
const DRAWN_TIMES_MAX: u32 = 2000;

/// What a driver asks for when it starts.
const NEGOTIATION: [&str; 5] = [
    "SETIOSPACEREGION",
    "OPENADAPTER",
    "GETINTERNALADAPTERINFO",
    "ISFEATUREENABLED",
    "ISFEATUREENABLED_GLOBAL",
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
    /// It is not handled. The fault counts by this name, if nothing else counts it.
    Never(Option<&'static str>),
    /// It is answered as one that has failed with this status.
    Refused(NtStatus),
}

/// What happens beside the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// A state begins, and lasts so long.
    State(State, Due),
    /// An event happens.
    Event(Event),
}

/// What the plan says of a message.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    /// The number of the plan.
    pub(crate) plan: u64,
    pub(crate) handling: Handling,
    /// What happens to its answer, or to the message if the host sends it by itself.
    pub(crate) changes: Vec<Named>,
    /// What else happens, before it is handled.
    pub(crate) beside: Vec<Beside>,
    /// Whether the guest may be misled by that,
    pub(crate) misleads: bool,
    /// and not only by the order in which messages are handled.
    pub(crate) loses: bool,
}

impl Fault {
    /// Whether the fault can happen to a message.
    pub(crate) fn fits(&self, subject: &Subject<'_>) -> bool {
        let kind = match &self.kind {
            kind if subject.unasked => kind.fits_unasked(),
            Kind::SilentNegotiation => subject.answered && NEGOTIATION.contains(&subject.command),
            kind => subject.answered || !kind.needs_answer(),
        };
        kind && self.command.is_none_or(|name| name == subject.command)
            && self
                .channel
                .is_none_or(|channel| channel == subject.channel)
    }
}

impl Decision {
    /// Adds a fault, and draws what has to be drawn. `recent` are the ids of requests, the latest last.
    pub(crate) fn add(
        &mut self,
        kind: &Kind,
        subject: &Subject<'_>,
        recent: &[u64],
        random: &mut Pcg64Mcg,
    ) {
        let name = kind.name();
        self.misleads |= kind.misleads();
        self.loses |= kind.misleads() && !kind.reorders();
        let change = match kind {
            Kind::Delay { ms } if subject.unasked => Change::Later(after(*ms, random)),
            Kind::Hold if subject.unasked => Change::Later(Due::PlanEnds),
            Kind::Ignore if subject.unasked => Change::Drop,
            Kind::Delay { ms } => return self.handle(Handling::Later(name, after(*ms, random))),
            Kind::Hold => return self.handle(Handling::Later(name, Due::PlanEnds)),
            Kind::Ignore => return self.handle(Handling::Never(Some(name))),
            Kind::Status { status } => {
                let status = status.unwrap_or_else(|| pick(&DRAWN_STATUSES, random));
                return self.handle(Handling::Refused(NtStatus(status)));
            }
            Kind::State { state, ms } => {
                let due = ms.map_or(Due::PlanEnds, Due::after_ms);
                return self.beside.push(Beside::State(*state, due));
            }
            Kind::Event(event) => {
                if *event == Event::Close && !subject.unasked {
                    self.handle(Handling::Never(None));
                }
                return self.beside.push(Beside::Event(*event));
            }
            Kind::DelayAnswer { ms } => Change::Later(after(*ms, random)),
            Kind::HoldAnswer | Kind::SilentNegotiation => Change::Later(Due::PlanEnds),
            Kind::NeverAnswer => Change::Drop,
            Kind::AnswerTwice => Change::Twice,
            Kind::Truncate { length } => Change::Truncate(place(*length, random)),
            Kind::Extend { length } => Change::Extend(match length {
                // CAST: a plan's lengths are small.
                Some(length) => *length as usize,
                None => random.random_range(1..=DRAWN_EXTENSION_MAX),
            }),
            Kind::Overwrite { offset, bytes } => {
                let offset = place(*offset, random);
                let bytes = match bytes {
                    Some(bytes) => bytes.clone(),
                    None => draw_bytes(random),
                };
                Change::Overwrite(offset, bytes)
            }
            Kind::Transaction { id } => {
                Change::Transaction(id.unwrap_or_else(|| draw_id(recent, random)))
            }
            Kind::Packet(kind) => Change::Packet(packet_fault(*kind, random)),
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

/// A version register that is not right.
pub(crate) fn draw_version(random: &mut Pcg64Mcg) -> u32 {
    pick(&DRAWN_VERSIONS, random)
}

/// One of the ids there were, one beside the last of them, or any.
pub(crate) fn draw_id(recent: &[u64], random: &mut Pcg64Mcg) -> u64 {
    let last = recent.last().copied().unwrap_or_default();
    match random.random_range(0..6) {
        0 if !recent.is_empty() => pick(recent, random),
        1 => last.wrapping_add(1),
        2 => last ^ (1 << random.random_range(0..64)),
        3 => 0,
        4 => u64::MAX,
        _ => random.random(),
    }
}

fn pick<T: Copy>(from: &[T], random: &mut Pcg64Mcg) -> T {
    from[random.random_range(0..from.len())]
}

fn after(ms: Option<u64>, random: &mut Pcg64Mcg) -> Due {
    let ms = ms.unwrap_or_else(|| random.random_range(0..=DRAWN_MS_MAX));
    Due::after_ms(ms)
}

fn place(given: Option<u64>, random: &mut Pcg64Mcg) -> Place {
    match given {
        Some(place) => Place::At(place),
        None => Place::Drawn(random.random()),
    }
}

/// Bytes that are often all the same: 0, all ones, or the highest bit.
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

fn packet_fault(kind: PacketKind, random: &mut Pcg64Mcg) -> PacketFault {
    match kind {
        PacketKind::BadLength { offset8, length8 } => PacketFault::Length {
            offset8: offset8.unwrap_or_else(|| pick(&[2, 2, 0, 1, 3, 0x7FFF, 0xFFFF], random)),
            len8: length8.unwrap_or_else(|| {
                let any = random.random();
                pick(&[0, 1, 2, 0xFFFF, 0x7FFF, any], random)
            }),
        },
        PacketKind::BadType { number } => {
            let any = random.random();
            PacketFault::Type(number.unwrap_or_else(|| pick(&[0, 7, 9, 0xFFFF, any], random)))
        }
        PacketKind::BadIndex { index } => {
            let any = random.random();
            let odd = [1, 4, 0x7FFF_FFF8, 0x8000_0000, 0xFFFF_FFF8, u32::MAX, any];
            PacketFault::Index(index.unwrap_or_else(|| pick(&odd, random)))
        }
        PacketKind::Unstable { times } => {
            let drawn = || random.random_range(1..=DRAWN_TIMES_MAX);
            PacketFault::Unstable(times.unwrap_or_else(drawn))
        }
    }
}
