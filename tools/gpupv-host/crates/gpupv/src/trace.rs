// SPDX-License-Identifier: GPL-2.0
//! A record of each message: what came, field by field, and what was answered.

mod fields;

pub use fields::{Fields, Value};

use std::time::Instant;

use serde::Serialize;

use crate::command::Failure;
use crate::packet::Command;
use crate::wire::CommandHeader;

/// A message.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Seconds since the host began.
    pub time: f64,
    /// The channel: "global", or "vgpu" and the position of the adapter.
    pub channel: String,
    /// Whether the host sent it, unasked or late.
    pub to_guest: bool,
    /// Its name.
    pub command: String,
    /// Its number; nothing for a message that has none.
    pub number: Option<u32>,
    /// The process in its header.
    pub process: Option<u32>,
    /// Whether the guest wants no answer.
    pub asynchronous: bool,
    /// How many bytes it has, headers included.
    pub length: usize,
    /// What is in it after its header.
    pub fields: Fields,
    /// The answer; nothing if there is none, or if it comes later.
    pub reply: Option<Reply>,
    /// What the guest did wrong with it.
    pub violation: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// How many bytes it has.
    pub length: usize,
    /// Its status, if it has one.
    pub status: Option<u32>,
    /// What is in it.
    pub fields: Fields,
}

impl Record {
    pub(crate) fn new(channel: String, command: &str, length: usize) -> Self {
        Self {
            time: 0.0,
            channel,
            to_guest: false,
            command: command.to_owned(),
            number: None,
            process: None,
            asynchronous: false,
            length,
            fields: Fields::default(),
            reply: None,
            violation: None,
        }
    }

    /// A message of the host's own.
    pub(crate) fn unasked(channel: String, command: &str, message: &[u8]) -> Self {
        let (layout, _) = fields::layouts(command);
        Self {
            to_guest: true,
            fields: Fields::new(layout, message, size_of::<CommandHeader>()),
            ..Self::new(channel, command, message.len())
        }
    }

    /// The answer to an earlier command, whose status comes first.
    pub(crate) fn late(channel: String, command: &str, reply: &[u8]) -> Self {
        let mut record = Self {
            to_guest: true,
            ..Self::new(channel, command, reply.len())
        };
        record.answer(Some(Failure::Status { at: 0, len: 4 }), reply, true);
        record
    }

    /// Notes what a command says.
    pub(crate) fn request(&mut self, command: &Command<'_>) {
        let header = &command.header;
        self.number = Some(header.command_type.get());
        self.process = Some(header.process.get());
        self.asynchronous = command.asynchronous;
        let (layout, _) = fields::layouts(&self.command);
        self.fields = Fields::new(layout, command.bytes, size_of::<CommandHeader>());
    }

    /// Notes what a command is answered with. `current`: whether the oldest replies without a status
    /// have one.
    pub(crate) fn answer(&mut self, failure: Option<Failure>, reply: &[u8], current: bool) {
        let (_, layout) = fields::layouts(&self.command);
        let at = match failure {
            Some(Failure::Status { at, .. } | Failure::Counted { at, .. }) => Some(at),
            Some(Failure::HwQueueEcho) => Some(size_of::<CommandHeader>()),
            Some(Failure::StandardAllocationData) => Some(0),
            Some(Failure::QueryAdapterInfo) if current => Some(0),
            _ => None,
        };
        let status = at
            .and_then(|at| reply.get(at..at + 4))
            .map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        let skipped = match (layout, failure) {
            (_, Some(Failure::ContextEcho | Failure::HwQueueEcho)) => size_of::<CommandHeader>(),
            (None, _) if status.is_some() => 4,
            _ => 0,
        };
        self.reply = Some(Reply {
            length: reply.len(),
            status,
            fields: Fields::new(layout, reply, skipped),
        });
    }
}

/// Takes records.
pub type Sink = Box<dyn FnMut(Record) + Send>;

/// Takes the time, and gives records to a sink.
pub(crate) struct Tracer {
    begun: Instant,
    sink: Sink,
}

impl Tracer {
    pub(crate) fn new(sink: Sink) -> Self {
        Self {
            begun: Instant::now(),
            sink,
        }
    }

    pub(crate) fn record(&mut self, mut record: Record) {
        record.time = self.begun.elapsed().as_secs_f64();
        (self.sink)(record);
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let arrow = if self.to_guest { "<-" } else { "->" };
        write!(
            f,
            "{:12.6} {} {arrow} {}",
            self.time, self.channel, self.command
        )?;
        if let Some(process) = self.process.filter(|&process| process != 0) {
            write!(f, " process {process:#x}")?;
        }
        write!(f, " {} bytes{}", self.length, self.fields)?;
        if self.asynchronous {
            f.write_str(" asynchronous")?;
        }
        if let Some(reply) = &self.reply {
            write!(f, " => {} bytes", reply.length)?;
            if let Some(status) = reply.status {
                write!(f, " status {status:#x}")?;
            }
            write!(f, "{}", reply.fields)?;
        }
        if let Some(violation) = &self.violation {
            write!(f, " VIOLATION {violation:?}")?;
        }
        Ok(())
    }
}
