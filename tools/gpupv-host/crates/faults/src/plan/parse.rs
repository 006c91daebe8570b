// SPDX-License-Identifier: GPL-2.0
//! From TOML to a plan.

use std::ops::Range;

use gpupv::command;
use gpupv::wire::ChannelType;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::{position, Channel, Event, Fault, Kind, PacketKind, Plan, PlanError, State, When};
use super::{FAULTS_MAX, TEXT_MAX, UNASKED};

/// The longest delay: an hour, in milliseconds.
const DELAY_MAX: u64 = 3_600_000;
/// The longest answer, and the last place in it.
const LENGTH_MAX: u64 = 128 << 10;
/// The largest number of times that a packet changes.
const UNSTABLE_MAX: u32 = 100_000;
/// The largest number of bytes that are overwritten.
const BYTES_MAX: usize = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPlan {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    fault: Vec<Spanned<RawFault>>,
}

/// A table as it is written. Which parameters it may have depends on `kind`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    command: Option<Spanned<String>>,
    channel: Option<Spanned<Value>>,
    nth: Option<Spanned<u64>>,
    every: Option<Spanned<u64>>,
    one_in: Option<Spanned<u64>>,
    #[serde(rename = "do")]
    kind: Spanned<String>,
    delay_ms: Option<Spanned<u64>>,
    length: Option<Spanned<u64>>,
    offset: Option<Spanned<u64>>,
    bytes: Option<Spanned<Vec<u8>>>,
    id: Option<Spanned<i64>>,
    offset8: Option<Spanned<u16>>,
    length8: Option<Spanned<u16>>,
    number: Option<Spanned<u16>>,
    index: Option<Spanned<u32>>,
    times: Option<Spanned<u32>>,
    version: Option<Spanned<u32>>,
    status: Option<Spanned<u32>>,
}

/// What is wrong, and where.
struct Wrong(Range<usize>, String);

type Result<T> = std::result::Result<T, Wrong>;

pub(super) fn parse(text: &str) -> std::result::Result<Plan, PlanError> {
    if text.len() > TEXT_MAX {
        let message = format!("{} bytes, at most {TEXT_MAX} are possible", text.len());
        return Err(position::error(text, 0, message));
    }
    let raw: RawPlan = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        position::error(text, at, error.message().to_owned())
    })?;
    plan(raw).map_err(|Wrong(span, message)| position::error(text, span.start, message))
}

fn plan(raw: RawPlan) -> Result<Plan> {
    if let Some(surplus) = raw.fault.get(FAULTS_MAX) {
        let message = format!("more than {FAULTS_MAX} faults");
        return Err(Wrong(surplus.span(), message));
    }
    let faults = raw.fault.into_iter().map(fault);
    Ok(Plan {
        seed: raw.seed,
        faults: faults.collect::<Result<_>>()?,
    })
}

fn fault(table: Spanned<RawFault>) -> Result<Fault> {
    let mut raw = table.into_inner();
    let command = raw.command.take().map(command_name).transpose()?;
    let channel = raw.channel.take().map(channel_name).transpose()?;
    let when = raw.when()?;
    let kind = raw.kind()?;
    raw.check_rest(&kind)?;
    check_channel(&kind, command, channel).map_err(|text| Wrong(raw.kind.span(), text))?;
    let is_unasked = command.is_some_and(|name| UNASKED.contains(&name));
    if is_unasked && !kind.fits_unasked() {
        let message = format!(
            "messages that the host sends by itself cannot have {:?}",
            kind.name()
        );
        return Err(Wrong(raw.kind.span(), message));
    }
    Ok(Fault {
        command,
        channel,
        when,
        kind,
    })
}

/// Checks that a fault of this kind can happen to that channel.
fn check_channel(
    kind: &Kind,
    command: Option<&str>,
    channel: Option<Channel>,
) -> std::result::Result<(), String> {
    let (of_adapter, has_channel) = match kind {
        Kind::Event(event) => (event.is_of_adapter(), event.has_channel()),
        Kind::State { state, .. } => (
            matches!(state, State::OddVersion(_)),
            state.message().is_none(),
        ),
        _ => return Ok(()),
    };
    let name = kind.name();
    match channel {
        _ if command.is_some() => Ok(()),
        Some(_) if !has_channel => Err(format!("{name:?} has no channel")),
        Some(Channel::Global) if of_adapter => Err(format!("{name:?} is for adapters only")),
        _ => Ok(()),
    }
}

/// The command of this name, as a name that lasts.
fn command_name(name: Spanned<String>) -> Result<&'static str> {
    let families = [ChannelType::VmToHost, ChannelType::VgpuToHost];
    let known = families.into_iter().flat_map(command::all);
    let mut known = known.map(|info| info.name).chain(UNASKED);
    match known.find(|known| known == name.get_ref()) {
        Some(known) => Ok(known),
        None => Err(Wrong(
            name.span(),
            format!("there is no command {:?}", name.get_ref()),
        )),
    }
}

fn channel_name(name: Spanned<Value>) -> Result<Channel> {
    let channel = match name.get_ref() {
        Value::String(text) if text == "global" => Some(Channel::Global),
        Value::Integer(number) => usize::try_from(*number).ok().map(Channel::Adapter),
        _ => None,
    };
    channel.ok_or_else(|| {
        let message = "a channel is \"global\" or the number of an adapter, from 0".to_owned();
        Wrong(name.span(), message)
    })
}

impl RawFault {
    fn when(&mut self) -> Result<When> {
        let given = [
            (self.nth.take(), When::Nth as fn(u64) -> When),
            (self.every.take(), When::Every),
            (self.one_in.take(), When::OneIn),
        ];
        let mut when = None;
        for (number, make) in given {
            let Some(number) = number else { continue };
            if *number.get_ref() == 0 {
                return Err(Wrong(
                    number.span(),
                    "messages are counted from 1".to_owned(),
                ));
            }
            if when.is_some() {
                let message = "only one of nth, every and one_in is possible".to_owned();
                return Err(Wrong(number.span(), message));
            }
            when = Some(make(*number.get_ref()));
        }
        Ok(when.unwrap_or(When::Always))
    }

    fn kind(&mut self) -> Result<Kind> {
        Ok(match self.kind.get_ref().as_str() {
            "delay" => Kind::Delay { ms: self.delay()? },
            "hold" => Kind::Hold,
            "ignore" => Kind::Ignore,
            "status" => Kind::Status {
                status: self.status.take().map(Spanned::into_inner),
            },
            "delay-answer" => Kind::DelayAnswer { ms: self.delay()? },
            "hold-answer" => Kind::HoldAnswer,
            "never-answer" => Kind::NeverAnswer,
            "answer-twice" => Kind::AnswerTwice,
            "truncate" => Kind::Truncate {
                length: bounded(self.length.take(), 0, LENGTH_MAX)?,
            },
            "extend" => Kind::Extend {
                length: bounded(self.length.take(), 1, LENGTH_MAX)?,
            },
            "overwrite" => Kind::Overwrite {
                offset: bounded(self.offset.take(), 0, LENGTH_MAX)?,
                bytes: self.bytes()?,
            },
            "transaction" => Kind::Transaction { id: self.id() },
            "silent-negotiation" => Kind::SilentNegotiation,
            _ => return self.other_kind(),
        })
    }

    /// A kind that is not about the bytes of a message.
    fn other_kind(&mut self) -> Result<Kind> {
        let event = match self.kind.get_ref().as_str() {
            "bad-length" => {
                return Ok(Kind::Packet(PacketKind::BadLength {
                    offset8: self.offset8.take().map(Spanned::into_inner),
                    length8: self.length8.take().map(Spanned::into_inner),
                }))
            }
            "bad-type" => {
                let number = self.number.take().map(Spanned::into_inner);
                return Ok(Kind::Packet(PacketKind::BadType { number }));
            }
            "bad-index" => {
                let index = self.index.take().map(Spanned::into_inner);
                return Ok(Kind::Packet(PacketKind::BadIndex { index }));
            }
            "unstable" => {
                let times = self.times.take();
                if let Some(times) = times.as_ref().filter(|t| *t.get_ref() > UNSTABLE_MAX) {
                    let message = format!("at most {UNSTABLE_MAX} is possible");
                    return Err(Wrong(times.span(), message));
                }
                let times = times.map(Spanned::into_inner);
                return Ok(Kind::Packet(PacketKind::Unstable { times }));
            }
            "stall-ring" => return self.state(State::StallRing),
            "no-interrupt" => return self.state(State::NoInterrupt),
            "no-interrupts" => return self.state(State::NoInterrupts),
            "no-open-result" => return self.state(State::NoOpenResult),
            "no-gpadl-created" => return self.state(State::NoGpadlCreated),
            "no-gpadl-torndown" => return self.state(State::NoGpadlTorndown),
            "odd-version" => {
                let version = self.version.take().map(Spanned::into_inner);
                return self.state(State::OddVersion(version));
            }
            "rescind" => Event::Rescind,
            "close" => Event::Close,
            "offer-again" => Event::OfferAgain { ms: self.delay()? },
            "eject" => Event::Eject { ms: self.delay()? },
            "tear-out" => Event::TearOut { ms: self.delay()? },
            "guest-event" => Event::GuestEvent { id: self.id() },
            "guest-data" => Event::GuestData { id: self.id() },
            other => {
                let message = format!("there is no fault {other:?}");
                return Err(Wrong(self.kind.span(), message));
            }
        };
        Ok(Kind::Event(event))
    }

    fn state(&mut self, state: State) -> Result<Kind> {
        let ms = self.delay()?;
        Ok(Kind::State { state, ms })
    }

    fn id(&mut self) -> Option<u64> {
        // CAST: the same bits.
        self.id.take().map(|id| id.into_inner() as u64)
    }

    fn delay(&mut self) -> Result<Option<u64>> {
        bounded(self.delay_ms.take(), 0, DELAY_MAX)
    }

    fn bytes(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.bytes.take() else {
            return Ok(None);
        };
        if (1..=BYTES_MAX).contains(&bytes.get_ref().len()) {
            return Ok(Some(bytes.into_inner()));
        }
        let message = format!("1 to {BYTES_MAX} bytes are possible");
        Err(Wrong(bytes.span(), message))
    }

    /// Refuses the parameters that `kind` has not taken.
    fn check_rest(&self, kind: &Kind) -> Result<()> {
        fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
            value.as_ref().map(Spanned::span)
        }
        let left = [
            ("delay_ms", span(&self.delay_ms)),
            ("length", span(&self.length)),
            ("offset", span(&self.offset)),
            ("bytes", span(&self.bytes)),
            ("id", span(&self.id)),
            ("status", span(&self.status)),
            ("offset8", span(&self.offset8)),
            ("length8", span(&self.length8)),
            ("number", span(&self.number)),
            ("index", span(&self.index)),
            ("times", span(&self.times)),
            ("version", span(&self.version)),
        ];
        match left
            .into_iter()
            .find_map(|(name, span)| Some((name, span?)))
        {
            Some((name, span)) => Err(Wrong(span, format!("{:?} has no {name}", kind.name()))),
            None => Ok(()),
        }
    }
}

/// A number within limits, if there is one.
fn bounded(number: Option<Spanned<u64>>, min: u64, max: u64) -> Result<Option<u64>> {
    match number {
        Some(number) if !(min..=max).contains(number.get_ref()) => {
            Err(Wrong(number.span(), format!("{min} to {max} is possible")))
        }
        number => Ok(number.map(Spanned::into_inner)),
    }
}
