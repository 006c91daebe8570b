// SPDX-License-Identifier: GPL-2.0
//! Takes notes while the guest runs.

use std::collections::BTreeMap;

use super::{PciReport, UnknownCommand};
use crate::command;
use crate::wire::ChannelType;

/// How many violations are kept as text, and how many unknown numbers are told apart. The counts go
/// on.
const KEPT: usize = 100;

/// The notes.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) messages: BTreeMap<&'static str, u64>,
    unknown: BTreeMap<(bool, u32), u64>,
    pub(crate) violations: Vec<String>,
    pub(crate) violation_count: u64,
    /// The guest is not to blame for what it does now.
    pub(crate) excused: bool,
    /// Violations for which it was not.
    pub(crate) excused_count: u64,
    /// The last one, however many there were.
    pub(crate) last_violation: Option<String>,
    pub(crate) processes_created: u64,
    pub(crate) pci: PciReport,
}

impl Recorder {
    pub(crate) fn message(&mut self, name: &'static str) {
        *self.messages.entry(name).or_default() += 1;
    }

    pub(crate) fn violation(&mut self, text: String) {
        if self.excused {
            log::debug!("GPU-PV: after a fault: {text}");
            self.excused_count += 1;
            return;
        }
        log::warn!("GPU-PV: {text}");
        self.violation_count += 1;
        self.last_violation = Some(text.clone());
        if self.violations.len() < KEPT {
            self.violations.push(text);
        }
    }

    pub(crate) fn unknown(&mut self, family: ChannelType, number: u32) {
        let key = (family == ChannelType::VmToHost, number);
        if self.unknown.len() >= KEPT && !self.unknown.contains_key(&key) {
            return self.violation(format!("unknown {family:?} command {number}"));
        }
        let times = self.unknown.entry(key).or_default();
        if *times == 0 {
            log::warn!("GPU-PV: {family:?} command {number} is not supported");
        }
        *times += 1;
    }

    /// The commands that were not done.
    pub(crate) fn unknown_commands(&self) -> Vec<UnknownCommand> {
        let command = |(&(global, number), &count): (&(bool, u32), &u64)| {
            let (family, channel_type) = if global {
                ("global", ChannelType::VmToHost)
            } else {
                ("vgpu", ChannelType::VgpuToHost)
            };
            UnknownCommand {
                family,
                number,
                name: command::find(channel_type, number).map(|info| info.name),
                count,
            }
        };
        self.unknown.iter().map(command).collect()
    }
}
