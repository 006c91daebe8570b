// SPDX-License-Identifier: GPL-2.0
//! A plan of faults: which messages, and what goes wrong with them.

mod kind;
mod parse;
mod position;

use std::str::FromStr;

use thiserror::Error;

pub use kind::{Event, Kind, PacketKind, State};

/// The messages that the host sends by itself. They have no answer.
pub(crate) const UNASKED: [&str; 2] = ["SIGNALGUESTEVENT", "SETGUESTDATA"];

/// The longest text of a plan, in bytes.
pub const TEXT_MAX: usize = 64 << 10;
/// The largest number of faults in a plan.
pub const FAULTS_MAX: usize = 256;

/// A list of faults, and the seed of everything in them that is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The faults. All that fit a message are made, in this order.
    pub faults: Vec<Fault>,
}

/// One kind of fault, and what it happens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the command; `None` for every command.
    pub command: Option<&'static str>,
    /// The channel; `None` for every channel.
    pub channel: Option<Channel>,
    /// Which of the messages that fit.
    pub when: When,
    /// What goes wrong.
    pub kind: Kind,
}

impl Fault {
    /// Whether the fault happens when the plan comes in force, and not with a message.
    pub(crate) fn is_spontaneous(&self) -> bool {
        self.kind.is_of_plan() && self.command.is_none() && self.when == When::Always
    }
}

/// Whose messages are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Those of the virtual machine.
    Global,
    /// Those of the adapter at this position, also if they travel over the global channel.
    Adapter(usize),
}

impl Channel {
    /// The position of the adapter.
    pub fn adapter(self) -> Option<usize> {
        match self {
            Self::Global => None,
            Self::Adapter(position) => Some(position),
        }
    }
}

/// Which of the messages that fit a fault, counted from 1 since the plan is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All of them.
    Always,
    /// One of them.
    Nth(u64),
    /// Each whose number this divides.
    Every(u64),
    /// A random share.
    OneIn(u64),
}

/// A text that is no plan.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {message}")]
pub struct PlanError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl FromStr for Plan {
    type Err = PlanError;

    fn from_str(text: &str) -> Result<Self, PlanError> {
        parse::parse(text)
    }
}

/// The plan of a host that means ill.
const HOSTILE: &str = include_str!("hostile.toml");

impl Plan {
    /// The plan of a host that draws from everything, with this seed.
    ///
    /// # Panics
    ///
    /// The text of the plan is wrong, which a test would have found.
    pub fn hostile(seed: u64) -> Self {
        let plan: Self = HOSTILE.parse().expect("the plan of a hostile host");
        Self { seed, ..plan }
    }

    /// Checks that the plan names no adapter that a machine with so many does not have.
    ///
    /// # Errors
    ///
    /// Says which one.
    pub fn check_adapters(&self, adapters: usize) -> Result<(), String> {
        let mut named = self.faults.iter().filter_map(|fault| fault.channel);
        match named.find_map(|channel| channel.adapter().filter(|&named| named >= adapters)) {
            Some(named) => Err(format!("there is no adapter {named}, only {adapters}")),
            None => Ok(()),
        }
    }
}
