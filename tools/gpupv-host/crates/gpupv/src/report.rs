// SPDX-License-Identifier: GPL-2.0
//! What the guest did: for people, for programs, and for a verdict.

mod excuses;
mod leftovers;
mod recorder;
mod summary;

pub use excuses::Excuses;
pub use leftovers::Leftovers;
pub(crate) use recorder::Recorder;

use std::collections::BTreeMap;

use serde::Serialize;
use vmbus::BusReport;

/// Everything that the host can say of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many GPU-PV messages came, by command.
    pub messages: BTreeMap<String, u64>,
    /// Commands that the host does not do.
    pub unknown: Vec<UnknownCommand>,
    /// What happened in configuration space.
    pub pci: PciReport,
    /// One for each adapter.
    pub adapters: Vec<AdapterReport>,
    /// Processes that were created.
    pub processes_created: u64,
    /// Processes that are still there.
    pub processes_left: Vec<ProcessReport>,
    /// What the host still holds for the guest.
    pub leftovers: Leftovers,
    /// Violations in words, the first hundred.
    pub violations: Vec<String>,
    /// How many violations there were.
    pub violation_count: u64,
    /// VMBus control messages, if the report includes the bus.
    pub bus_messages: u64,
    /// How many faults the host made, by kind, if the report includes them.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many violations came of those faults. They are not among `violations`.
    pub excused_violations: u64,
    /// Whether what the host still holds may come of those faults.
    pub excused_leftovers: bool,
}

/// A command that the host does not do, and how often it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownCommand {
    /// "vgpu", "global" or "vmbus".
    pub family: &'static str,
    /// Its number.
    pub number: u32,
    /// Its name, if the number is in the specification.
    pub name: Option<&'static str>,
    /// How often it came.
    pub count: u64,
}

/// What happened in configuration space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PciReport {
    /// The interface version that the guest wrote last.
    pub version_written: Option<u32>,
    /// The capabilities that the guest wrote last.
    pub guest_caps: Option<u32>,
}

/// One adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdapterReport {
    /// Its name.
    pub name: String,
    /// What it is good for.
    pub kind: String,
    /// Its channel LUID, which is what the guest's users see.
    pub luid: String,
    /// How often it was opened.
    pub opened: u64,
    /// Whether it is open. A guest that is switched off leaves its adapters open.
    pub open: bool,
}

/// A process that is still there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessReport {
    /// Its handle.
    pub handle: String,
    /// The guest's number for it.
    pub pid: u64,
    /// Its name.
    pub name: String,
    /// What it has made and not destroyed, by kind.
    pub objects: BTreeMap<String, u64>,
    /// Whether it may be there only because the host made a fault.
    pub excused: bool,
}

/// Whether a run was clean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What was not clean, in words; empty if everything was.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Whether everything was clean.
    pub fn is_clean(&self) -> bool {
        self.reasons.is_empty()
    }
}

impl Report {
    /// The report with what the bus below has seen.
    #[must_use]
    pub fn with_bus(mut self, bus: &BusReport) -> Self {
        let violations = bus.violations.iter().map(|text| format!("VMBus: {text}"));
        self.violations.extend(violations);
        self.violation_count += bus.violation_count;
        self.bus_messages += bus.messages;
        self.leftovers.gpadls += bus.lent_gpadls as u64;
        let unknown = bus.unknown.iter().map(|(&number, &count)| UnknownCommand {
            family: "vmbus",
            number,
            name: None,
            count,
        });
        self.unknown.extend(unknown);
        self
    }

    /// The report with the faults that the host made.
    #[must_use]
    pub fn with_faults(mut self, faults: BTreeMap<&'static str, u64>) -> Self {
        self.faults = faults;
        self
    }

    /// How many GPU-PV messages came.
    pub fn message_count(&self) -> u64 {
        self.messages.values().sum()
    }

    /// How many objects the processes that are still there have left.
    pub fn objects_left(&self) -> u64 {
        self.processes_left.iter().map(objects).sum()
    }

    /// Whether the guest kept to the protocol and cleaned up: no process, no object left, no
    /// violation, no message without meaning.
    ///
    /// What came of the host's own faults does not count. Open adapters are no fault: a guest that is switched off does not unload its driver. A driver
    /// that goes without closing them is found by its channels.
    pub fn verdict(&self) -> Verdict {
        let mut reasons = Vec::new();
        if self.violation_count > 0 {
            reasons.push(plural(self.violation_count, "protocol violation"));
        }
        let blamed = || self.processes_left.iter().filter(|left| !left.excused);
        let (processes, objects) = (blamed().count() as u64, blamed().map(objects).sum());
        if processes > 0 {
            reasons.push(format!("{} left", plural(processes, "process")));
        }
        if objects > 0 {
            reasons.push(format!("{} left", plural(objects, "object")));
        }
        if !self.excused_leftovers {
            let leftovers = self.leftovers.in_words();
            reasons.extend(leftovers.map(|text| format!("{text} left")));
        }
        let strangers = self.unknown.iter().filter(|command| command.name.is_none());
        let strangers: u64 = strangers.map(|command| command.count).sum();
        if strangers > 0 {
            reasons.push(format!("{} without meaning", plural(strangers, "message")));
        }
        Verdict { reasons }
    }
}

/// How many objects a process has left.
fn objects(process: &ProcessReport) -> u64 {
    process.objects.values().sum()
}

/// A number of things, in words.
pub(crate) fn plural(count: u64, thing: &str) -> String {
    match (count, thing.ends_with('s')) {
        (1, _) => format!("1 {thing}"),
        (_, true) => format!("{count} {thing}es"),
        (_, false) => format!("{count} {thing}s"),
    }
}
