// SPDX-License-Identifier: GPL-2.0
//! How a run ended, and the exit status that tells it.

use std::fmt;

use serde::{Deserialize, Serialize};
use vm::stop::StopReason;

/// Exit statuses of the program. A guest's test status is passed on as it is, so these only tell
/// apart what a guest does not choose.
pub(crate) mod status {
    pub(crate) const RESET: u8 = 100;
    pub(crate) const TRIPLE_FAULT: u8 = 101;
    pub(crate) const PANIC: u8 = 102;
    pub(crate) const TIMED_OUT: u8 = 103;
    pub(crate) const FAILED: u8 = 104;
    pub(crate) const STRICT: u8 = 105;
    pub(crate) const INTERRUPTED: u8 = 130;
}

/// How the guest ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum End {
    PowerOff,
    TestExit { status: u8 },
    Reset,
    TripleFault { vcpu: u32, registers: String },
    Panic { parameters: [u64; 5] },
    TimedOut,
    Interrupted,
    Failed { message: String },
}

impl From<StopReason> for End {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::PowerOff => End::PowerOff,
            StopReason::TestExit(status) => End::TestExit { status },
            StopReason::Reset => End::Reset,
            StopReason::TripleFault { vcpu, registers } => End::TripleFault { vcpu, registers },
            StopReason::GuestPanic { parameters } => End::Panic { parameters },
            StopReason::VcpuError { vcpu, message } => End::Failed {
                message: format!("virtual CPU {vcpu}: {message}"),
            },
            StopReason::Interrupted => End::Interrupted,
            StopReason::TimedOut => End::TimedOut,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::PowerOff => write!(formatter, "the guest powered off"),
            End::TestExit { status } => write!(formatter, "the guest ended with test status {status}"),
            End::Reset => write!(formatter, "the guest asked for a reset"),
            End::TripleFault { vcpu, registers } => {
                write!(formatter, "the guest crashed with a triple fault on virtual CPU {vcpu}: {registers}")
            }
            End::Panic { parameters: [error, guest, rip, rax, rsp] } => write!(
                formatter,
                "the guest panicked: P0 {error:#x}, P1 {guest:#x}, P2 {rip:#x}, P3 {rax:#x}, P4 {rsp:#x}"
            ),
            End::TimedOut => write!(formatter, "the guest ran longer than it was allowed to"),
            End::Interrupted => write!(formatter, "interrupted"),
            End::Failed { message } => write!(formatter, "{message}"),
        }
    }
}

/// A finished run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// What the host saw, for people.
    pub(crate) summary: String,
    /// What the host saw, for programs.
    pub(crate) report: serde_json::Value,
    /// Nothing was left behind and nothing was done wrong.
    pub(crate) clean: bool,
}

impl Outcome {
    /// A run that came to nothing.
    pub(crate) fn without_guest(end: End) -> Self {
        Self {
            end,
            summary: String::new(),
            report: serde_json::Value::Null,
            clean: true,
        }
    }

    /// The exit status. With `strict`, a guest that succeeded but was not clean has failed.
    pub(crate) fn exit_status(&self, strict: bool) -> u8 {
        match &self.end {
            End::PowerOff | End::TestExit { status: 0 } if strict && !self.clean => status::STRICT,
            End::PowerOff => 0,
            End::TestExit { status } => *status,
            End::Reset => status::RESET,
            End::TripleFault { .. } => status::TRIPLE_FAULT,
            End::Panic { .. } => status::PANIC,
            End::TimedOut => status::TIMED_OUT,
            End::Interrupted => status::INTERRUPTED,
            End::Failed { .. } => status::FAILED,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ends() -> Vec<End> {
        vec![
            End::PowerOff,
            End::TestExit { status: 3 },
            End::Reset,
            End::TripleFault {
                vcpu: 1,
                registers: "rip 0x1".into(),
            },
            End::Panic {
                parameters: [1, 2, 3, 4, 5],
            },
            End::TimedOut,
            End::Interrupted,
            End::Failed {
                message: "no".into(),
            },
        ]
    }

    #[test]
    fn every_end_has_its_own_status() {
        let statuses: BTreeSet<_> = ends()
            .into_iter()
            .map(|end| Outcome::without_guest(end).exit_status(false))
            .collect();
        assert_eq!(statuses.len(), ends().len());
    }

    #[test]
    fn strict_turns_success_into_failure_and_nothing_else() {
        for end in ends() {
            let mut outcome = Outcome::without_guest(end.clone());
            let before = outcome.exit_status(true);
            outcome.clean = false;
            let expected = if before == 0 { status::STRICT } else { before };
            assert_eq!(outcome.exit_status(true), expected, "{end:?}");
            assert_eq!(outcome.exit_status(false), before, "{end:?}");
        }
    }

    #[test]
    fn outcomes_survive_the_way_out_of_a_nested_machine() {
        for end in ends() {
            let text = serde_json::to_string(&Outcome::without_guest(end.clone())).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap().end, end);
        }
    }
}
