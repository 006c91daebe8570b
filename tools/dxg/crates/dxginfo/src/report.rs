// SPDX-License-Identifier: GPL-2.0

//! What is known about the adapters: the source of the tables, and the shape of the JSON output.
//!
//! `None`, in JSON null, stands for a query that the host did not answer.

use serde::Serialize;
use std::cmp::Ordering;

/// Everything.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) device: String,
    pub(crate) adapters: Vec<AdapterReport>,
}

/// One adapter. Sizes are in bytes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AdapterReport {
    pub(crate) luid: String,
    pub(crate) name: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) capabilities: Option<Vec<&'static str>>,
    pub(crate) driver_version: Option<String>,
    pub(crate) wddm_version: Option<String>,
    pub(crate) pci_address: Option<String>,
    pub(crate) segments: Option<Segments>,
    /// How busy the busiest engine is, in percent.
    pub(crate) utilization: Option<f64>,
    pub(crate) physical_adapters: Vec<PhysicalAdapter>,
    pub(crate) features: Vec<Feature>,
    pub(crate) processes: Option<Vec<Process>>,
    /// Queries that driver and host do not answer, which is normal.
    pub(crate) unanswered: Vec<Problem>,
    /// Queries that failed for another reason.
    pub(crate) errors: Vec<Problem>,
}

/// A query without an answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) function: Option<String>,
    /// The driver's error number by name, if it gave one.
    pub(crate) errno: Option<String>,
    pub(crate) message: String,
}

impl From<dxg::Error> for Problem {
    fn from(error: dxg::Error) -> Self {
        Self {
            function: error.function().map(|function| function.to_string()),
            errno: error.errno().map(|errno| errno.to_string()),
            message: error.to_string(),
        }
    }
}

/// Sizes of an adapter's memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Segments {
    pub(crate) dedicated_video: u64,
    pub(crate) dedicated_system: u64,
    pub(crate) shared_system: u64,
}

/// One of the adapters linked into one; most have exactly one.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PhysicalAdapter {
    pub(crate) index: u32,
    pub(crate) ids: Option<Ids>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) memory_in_use: Vec<InUse>,
    pub(crate) engines: Option<Vec<Engine>>,
}

/// PCI identifiers.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ids {
    pub(crate) vendor: u32,
    pub(crate) device: u32,
    pub(crate) sub_vendor: u32,
    pub(crate) sub_system: u32,
    pub(crate) revision: u32,
    pub(crate) bus_type: u32,
}

/// What this process may use of one kind of memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Budget {
    pub(crate) group: String,
    pub(crate) memory: Option<Memory>,
}

/// The sizes of a budget.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) budget: u64,
    pub(crate) current_usage: u64,
    pub(crate) current_reservation: u64,
    pub(crate) available_for_reservation: u64,
}

/// What everybody uses of one kind of memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InUse {
    pub(crate) group: String,
    pub(crate) used: Option<u64>,
    pub(crate) total: Option<u64>,
}

/// An engine. Percentages are those of the time since the report before.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Engine {
    pub(crate) ordinal: u16,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) gpu_mmu: bool,
    pub(crate) io_mmu: bool,
    /// How long it has worked so far.
    pub(crate) running_time_ns: Option<u64>,
    /// How much of the time it worked, in percent.
    pub(crate) utilization: Option<f64>,
}

/// A feature and the host's word on it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Feature {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) state: Option<FeatureState>,
}

/// The host's word on a feature.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FeatureState {
    pub(crate) version: u16,
    pub(crate) enabled: bool,
    pub(crate) known: bool,
    pub(crate) supported_by_driver: bool,
    pub(crate) supported_on_config: bool,
}

/// A process that has the adapter open.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Unknown if the process has gone meanwhile.
    pub(crate) name: Option<String>,
    /// Whether it is the one that asks.
    pub(crate) this_program: bool,
    /// How much of the time the engine worked for it that worked most for it, in percent.
    pub(crate) utilization: Option<f64>,
    pub(crate) memory: Vec<ProcessMemory>,
    pub(crate) engines: Vec<ProcessEngine>,
}

/// What a process uses of one kind of memory. Unknown if the process has gone meanwhile.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProcessMemory {
    pub(crate) physical_adapter: u32,
    pub(crate) group: String,
    pub(crate) allocated: Option<u64>,
    pub(crate) used: Option<u64>,
}

/// What an engine does for a process. Unknown if the process has gone meanwhile.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProcessEngine {
    pub(crate) physical_adapter: u32,
    pub(crate) ordinal: u16,
    pub(crate) running_time_ns: Option<u64>,
    pub(crate) utilization: Option<f64>,
}

impl Process {
    /// The engine that works most for it.
    pub(crate) fn busiest_engine(&self) -> Option<&ProcessEngine> {
        let busy = self
            .engines
            .iter()
            .filter(|engine| engine.utilization > Some(0.0));
        busy.max_by(|a, b| {
            a.utilization
                .partial_cmp(&b.utilization)
                .unwrap_or(Ordering::Equal)
        })
    }

    /// What it uses of one kind of memory on all physical adapters.
    pub(crate) fn memory_of(&self, group: &str) -> Option<u64> {
        let parts = self.memory.iter().filter(|memory| memory.group == group);
        parts.map(|memory| memory.used).sum()
    }
}

impl Report {
    /// One line about each adapter that failed in ways that are not normal.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        self.adapters.iter().filter_map(|adapter| {
            let first = &adapter.errors.first()?.message;
            let rest = match adapter.errors.len() - 1 {
                0 => String::new(),
                n => format!(" ({n} more)"),
            };
            Some(format!("adapter {}: {first}{rest}", adapter.luid))
        })
    }
}
