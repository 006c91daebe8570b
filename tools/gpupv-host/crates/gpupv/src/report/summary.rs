// SPDX-License-Identifier: GPL-2.0
//! The report as a few lines that a person likes to read.

use std::collections::BTreeMap;

use super::{plural, Report, UnknownCommand};

/// How many violations are shown.
const SHOWN: usize = 10;

impl Report {
    /// The report, a line per thing; the first line is enough when all is well.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{}, {} ({} left), {} left, {}",
            plural(self.message_count(), "message"),
            plural(self.processes_created, "process"),
            self.processes_left.len(),
            plural(self.objects_left(), "object"),
            plural(self.violation_count, "protocol violation"),
        )];
        for adapter in &self.adapters {
            let state = if adapter.open { "open" } else { "closed" };
            lines.push(format!(
                "adapter {} ({}, {}): opened {}, now {state}",
                adapter.luid,
                adapter.name,
                adapter.kind,
                plural(adapter.opened, "time")
            ));
        }
        if !self.messages.is_empty() {
            lines.push(format!("messages: {}", list(&self.messages)));
        }
        if !self.faults.is_empty() {
            let faults = self.faults.iter().map(|(&kind, &n)| (kind.to_owned(), n));
            lines.push(format!("faults made: {}", list(&faults.collect())));
        }
        if self.excused_violations > 0 {
            lines.push(format!(
                "excused by faults: {}",
                plural(self.excused_violations, "protocol violation")
            ));
        }
        for process in &self.processes_left {
            let objects = if process.objects.is_empty() {
                "no objects".to_owned()
            } else {
                list(&process.objects)
            };
            lines.push(format!(
                "left: process {} ({}, {}) with {objects}",
                process.pid, process.name, process.handle
            ));
        }
        let leftovers = self.leftovers.in_words();
        lines.extend(leftovers.map(|text| format!("left: {text}")));
        lines.extend(self.unknown.iter().map(unknown));
        for text in self.violations.iter().take(SHOWN) {
            lines.push(format!("violation: {text}"));
        }
        // CAST: SHOWN is small.
        if self.violation_count > SHOWN as u64 {
            let more = self.violation_count - SHOWN as u64;
            lines.push(format!("violation: and {more} more"));
        }
        lines
    }
}

fn unknown(command: &UnknownCommand) -> String {
    let UnknownCommand {
        family,
        number,
        name,
        count,
    } = command;
    let times = plural(*count, "time");
    match name {
        Some(name) => format!("not supported: {family} command {number} {name}, {times}"),
        None => format!("unknown: {family} command {number}, {times}"),
    }
}

fn list(counts: &BTreeMap<String, u64>) -> String {
    let items: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    items.join(", ")
}
