// SPDX-License-Identifier: GPL-2.0

//! Asks the library everything there is to know.

use crate::{
    report::{self, AdapterReport, Problem, Report},
    sampler::{Clock, Sampler, Subject},
};
use dxg::{Adapter, AdapterFilter, AdapterKind, Dxg, Error, SegmentGroup, Selector};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// More linked adapters than any machine has: the number is the host's word.
const PHYSICAL_ADAPTERS_MAX: u32 = 16;

/// The device and what of it is wanted.
pub(crate) struct Survey {
    device: Dxg,
    path: String,
    adapter: Option<Selector>,
    process_name: fn(u32) -> Option<String>,
    sampler: Sampler,
}

impl Survey {
    /// Opens the device; `adapter` limits the survey to those that are meant.
    pub(crate) fn new(path: &Path, adapter: Option<Selector>) -> dxg::Result<Self> {
        Ok(Self {
            device: Dxg::open_path(path)?,
            path: path.display().to_string(),
            adapter,
            process_name,
            sampler: Sampler::new(Clock::System(Instant::now())),
        })
    }

    /// The state of all adapters now. Only a failure to list them is an error.
    /// How busy engines are is known from the second time on.
    pub(crate) fn take(&mut self) -> dxg::Result<Report> {
        let adapters = match &self.adapter {
            Some(selector) => selector.open(&self.device)?,
            None => self.device.adapters(AdapterFilter::ALL)?,
        };
        self.sampler.begin();
        Ok(Report {
            device: self.path.clone(),
            adapters: adapters
                .iter()
                .map(|adapter| Questions::new(adapter, &mut self.sampler).ask(self.process_name))
                .collect(),
        })
    }
}

/// The name of a process of our pid namespace, while it runs.
fn process_name(pid: u32) -> Option<String> {
    let name = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&name).trim_end().to_owned())
}

/// One round of questions to an adapter, and which of them it left open.
struct Questions<'a> {
    adapter: &'a Adapter,
    sampler: &'a mut Sampler,
    unanswered: Vec<Problem>,
    errors: Vec<Problem>,
}

impl<'a> Questions<'a> {
    fn new(adapter: &'a Adapter, sampler: &'a mut Sampler) -> Self {
        Self {
            adapter,
            sampler,
            unanswered: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Keeps an answer, or notes why there is none.
    fn note<T>(&mut self, answer: Result<T, Error>) -> Option<T> {
        answer
            .map_err(|error| {
                let notes = if error.is_unanswered() {
                    &mut self.unanswered
                } else {
                    &mut self.errors
                };
                notes.push(error.into());
            })
            .ok()
    }

    fn ask(mut self, process_name: fn(u32) -> Option<String>) -> AdapterReport {
        let adapter = self.adapter;
        let bits = self.note(adapter.adapter_type());
        let segments = self.note(adapter.segment_sizes());
        let count = self.note(adapter.physical_adapter_count()).unwrap_or(1);
        let mut physical_adapters: Vec<_> = (0..count.clamp(1, PHYSICAL_ADAPTERS_MAX))
            .map(|index| self.physical_adapter(index))
            .collect();
        let features = dxg::Feature::NAMED.map(|id| self.feature(id)).into();
        self.sampler.next_adapter();
        self.measure_engines(&mut physical_adapters);
        let engines = physical_adapters.iter().flat_map(|p| &p.engines).flatten();
        let utilization = highest(engines.map(|engine| engine.utilization));
        AdapterReport {
            luid: adapter.luid().to_string(),
            name: self.note(adapter.name()).filter(|name| !name.is_empty()),
            kind: bits.map(|bits| AdapterKind::from(bits).to_string()),
            capabilities: bits.map(|bits| bits.names().collect()),
            driver_version: self.note(adapter.driver_version()).map(|v| v.to_string()),
            wddm_version: self.note(adapter.wddm_version()).map(|v| v.to_string()),
            pci_address: self.note(adapter.address()).map(|address| {
                let (bus, device) = (address.bus, address.device);
                format!("{bus:02x}:{device:02x}.{:x}", address.function)
            }),
            segments: segments.map(|sizes| report::Segments {
                dedicated_video: sizes.dedicated_video,
                dedicated_system: sizes.dedicated_system,
                shared_system: sizes.shared_system,
            }),
            utilization,
            processes: self.processes(process_name, &physical_adapters),
            physical_adapters,
            features,
            unanswered: self.unanswered,
            errors: self.errors,
        }
    }

    fn physical_adapter(&mut self, index: u32) -> report::PhysicalAdapter {
        let ids = self.note(self.adapter.device_ids(index));
        let budgets = SegmentGroup::ALL.map(|group| report::Budget {
            group: group.to_string(),
            memory: self
                .note(self.adapter.video_memory(index, group))
                .map(|memory| report::Memory {
                    budget: memory.budget,
                    current_usage: memory.current_usage,
                    current_reservation: memory.current_reservation,
                    available_for_reservation: memory.available_for_reservation,
                }),
        });
        let memory_in_use = SegmentGroup::ALL.map(|group| {
            // The index is below PHYSICAL_ADAPTERS_MAX.
            let answer = self.adapter.memory_in_use(index as u16, group);
            let memory = self.note(answer);
            report::InUse {
                group: group.to_string(),
                used: memory.map(|memory| memory.used),
                total: memory.map(|memory| memory.total),
            }
        });
        // The index is below PHYSICAL_ADAPTERS_MAX.
        let engines = self.note(self.adapter.engines(index as u16));
        report::PhysicalAdapter {
            index,
            ids: ids.map(|ids| report::Ids {
                vendor: ids.vendor,
                device: ids.device,
                sub_vendor: ids.sub_vendor,
                sub_system: ids.sub_system,
                revision: ids.revision,
                bus_type: ids.bus_type,
            }),
            budgets: budgets.into(),
            memory_in_use: memory_in_use.into(),
            engines: engines.map(|engines| engines.into_iter().map(engine).collect()),
        }
    }

    fn feature(&mut self, feature: dxg::Feature) -> report::Feature {
        report::Feature {
            id: feature.0,
            name: feature.to_string(),
            state: self
                .note(self.adapter.feature(feature))
                .map(|state| report::FeatureState {
                    version: state.version,
                    enabled: state.enabled,
                    known: state.known,
                    supported_by_driver: state.supported_by_driver,
                    supported_on_config: state.supported_on_config,
                }),
        }
    }

    /// Asks for how long each engine has worked.
    fn measure_engines(&mut self, physical_adapters: &mut [report::PhysicalAdapter]) {
        for physical in physical_adapters {
            // The index is below PHYSICAL_ADAPTERS_MAX.
            let index = physical.index as u16;
            for engine in physical.engines.iter_mut().flatten() {
                let time = self.note(self.adapter.engine_time(index, engine.ordinal));
                engine.running_time_ns = time.map(nanoseconds);
                let subject = Subject::new(self.adapter.luid(), index, engine.ordinal, None);
                engine.utilization = time.and_then(|time| self.sampler.note(subject, time));
            }
        }
    }

    fn processes(
        &mut self,
        name: fn(u32) -> Option<String>,
        physical_adapters: &[report::PhysicalAdapter],
    ) -> Option<Vec<report::Process>> {
        let pids = self.note(self.adapter.processes())?;
        let processes = pids.into_iter().map(|pid| {
            let (memory, engines) = self.measure_process(pid, physical_adapters);
            report::Process {
                pid,
                name: name(pid),
                this_program: pid == std::process::id(),
                utilization: highest(engines.iter().map(|engine| engine.utilization)),
                memory,
                engines,
            }
        });
        Some(processes.collect())
    }

    /// Asks what a process uses. It may go at any time, and then that is unknown.
    fn measure_process(
        &mut self,
        pid: u32,
        physical_adapters: &[report::PhysicalAdapter],
    ) -> (Vec<report::ProcessMemory>, Vec<report::ProcessEngine>) {
        let (mut memories, mut engines) = (Vec::new(), Vec::new());
        for physical in physical_adapters {
            // The index is below PHYSICAL_ADAPTERS_MAX.
            let index = physical.index as u16;
            for group in SegmentGroup::ALL {
                let memory = self.adapter.process_memory(pid, index, group).ok();
                memories.push(report::ProcessMemory {
                    physical_adapter: physical.index,
                    group: group.to_string(),
                    allocated: memory.map(|memory| memory.allocated),
                    used: memory.map(|memory| memory.used),
                });
            }
            for engine in physical.engines.iter().flatten() {
                let ordinal = engine.ordinal;
                let time = self.adapter.process_engine_time(pid, index, ordinal).ok();
                let subject = Subject::new(self.adapter.luid(), index, ordinal, Some(pid));
                engines.push(report::ProcessEngine {
                    physical_adapter: physical.index,
                    ordinal,
                    running_time_ns: time.map(nanoseconds),
                    utilization: time.and_then(|time| self.sampler.note(subject, time)),
                });
            }
        }
        (memories, engines)
    }
}

/// The highest of the shares that are known.
fn highest(shares: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    shares.flatten().reduce(f64::max)
}

/// A time in nanoseconds; five centuries fit.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn engine(engine: dxg::Engine) -> report::Engine {
    report::Engine {
        ordinal: engine.ordinal,
        kind: engine.kind.to_string(),
        name: engine.name,
        gpu_mmu: engine.gpu_mmu,
        io_mmu: engine.io_mmu,
        running_time_ns: None,
        utilization: None,
    }
}

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
impl Survey {
    /// A survey of a driver made of data, where every process is called `worker` and a second goes by
    /// from one look to the next.
    pub(crate) fn of(device: Dxg, adapter: Option<Selector>) -> Self {
        Self {
            device,
            path: dxg::DEVICE_PATH.to_owned(),
            adapter,
            process_name: |_| Some("worker".to_owned()),
            sampler: Sampler::new(Clock::Steps(Duration::from_secs(1), Cell::new(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use dxg::{
        testing::{FakeAdapter, FakeDriver},
        uapi::query::*,
        Errno,
    };
    use serde_json::{json, Value};

    fn take(driver: &FakeDriver, adapter: Option<Selector>) -> Value {
        let mut survey = Survey::of(driver.device(), adapter);
        survey.take().expect("a first report");
        let report = survey.take();
        serde_json::to_value(report.expect("a report")).expect("JSON")
    }

    #[test]
    fn the_json_has_everything_the_driver_told() {
        let json = take(&sample::driver(), None);
        assert_eq!(json["device"], "/dev/dxg");
        let adapter = &json["adapters"][0];
        assert_eq!(adapter["luid"], "00000000:0000a1b2");
        assert_eq!(adapter["name"], "Software Render Adapter");
        assert_eq!(adapter["kind"], "render");
        assert_eq!(
            adapter["capabilities"],
            json!(["render_supported", "paravirtualized"])
        );
        assert_eq!(adapter["driver_version"], "31.0.101.4146");
        assert_eq!(adapter["wddm_version"], "3.2");
        assert_eq!(adapter["pci_address"], "00:02.0");
        assert_eq!(
            adapter["segments"],
            json!({
                "dedicated_video": 4u64 << 30,
                "dedicated_system": 0,
                "shared_system": 8u64 << 30,
            })
        );
        assert_eq!(
            adapter["physical_adapters"],
            json!([{
                "index": 0,
                "ids": {
                    "vendor": 0x1414, "device": 0x8E, "sub_vendor": 0, "sub_system": 0,
                    "revision": 0, "bus_type": 0,
                },
                "budgets": [
                    { "group": "local", "memory": {
                        "budget": 7u64 << 29,
                        "current_usage": 7u64 << 27,
                        "current_reservation": 1u64 << 27,
                        "available_for_reservation": 3u64 << 29,
                    }},
                    { "group": "non-local", "memory": {
                        "budget": 0, "current_usage": 0, "current_reservation": 0,
                        "available_for_reservation": 0,
                    }},
                ],
                "memory_in_use": [
                    { "group": "local", "used": 3u64 << 30, "total": 4u64 << 30 },
                    { "group": "non-local", "used": null, "total": null },
                ],
                "engines": [
                    { "ordinal": 0, "kind": "3D", "name": "", "gpu_mmu": true, "io_mmu": false,
                      "running_time_ns": 250_000_000, "utilization": 25.0 },
                    { "ordinal": 1, "kind": "copy", "name": "Copy 0", "gpu_mmu": true,
                      "io_mmu": false, "running_time_ns": 5_000_000, "utilization": 0.5 },
                ],
            }])
        );
        assert_eq!(
            adapter["features"][0],
            json!({ "id": 0, "name": "hardware scheduling", "state": {
                "version": 1, "enabled": true, "known": true, "supported_by_driver": true,
                "supported_on_config": true,
            }})
        );
        assert_eq!(adapter["features"][1]["state"], Value::Null);
        assert_eq!(
            adapter["processes"],
            json!([
                { "pid": 101, "name": "worker", "this_program": false, "utilization": 25.0,
                  "memory": [
                      { "physical_adapter": 0, "group": "local", "allocated": 1u64 << 30,
                        "used": 3u64 << 28 },
                      { "physical_adapter": 0, "group": "non-local", "allocated": 1u64 << 29,
                        "used": 1u64 << 29 },
                  ],
                  "engines": [
                      { "physical_adapter": 0, "ordinal": 0, "running_time_ns": 250_000_000,
                        "utilization": 25.0 },
                      { "physical_adapter": 0, "ordinal": 1, "running_time_ns": 0,
                        "utilization": 0.0 },
                  ] },
                { "pid": 2002, "name": "worker", "this_program": false, "utilization": null,
                  "memory": [
                      { "physical_adapter": 0, "group": "local", "allocated": null,
                        "used": null },
                      { "physical_adapter": 0, "group": "non-local", "allocated": null,
                        "used": null },
                  ],
                  "engines": [
                      { "physical_adapter": 0, "ordinal": 0, "running_time_ns": null,
                        "utilization": null },
                      { "physical_adapter": 0, "ordinal": 1, "running_time_ns": null,
                        "utilization": null },
                  ] },
            ])
        );
        assert_eq!(adapter["utilization"], 25.0);
        assert_eq!(adapter["unanswered"].as_array().map(Vec::len), Some(3));
        assert_eq!(adapter["errors"], json!([]));
    }

    #[test]
    fn what_the_host_does_not_answer_is_null() {
        let json = take(&sample::driver(), None);
        let adapter = &json["adapters"][2];
        for key in [
            "name",
            "kind",
            "capabilities",
            "driver_version",
            "wddm_version",
            "pci_address",
            "segments",
        ] {
            let fields = adapter.as_object().expect("an object");
            assert_eq!(fields.get(key), Some(&Value::Null), "{key}");
        }
        let physical = &adapter["physical_adapters"][0];
        assert_eq!(physical["ids"], Value::Null);
        assert_eq!(physical["engines"], Value::Null);
        assert_eq!(physical["budgets"][0]["memory"], Value::Null);
        assert_eq!(
            adapter["unanswered"][0],
            json!({
                "function": "D3DKMTQueryAdapterInfo(KMTQAITYPE_ADAPTERTYPE)",
                "errno": "EINVAL",
                "message": "D3DKMTQueryAdapterInfo(KMTQAITYPE_ADAPTERTYPE) failed with EINVAL: an \
                            argument is not valid, or the host does not know this request",
            })
        );
    }

    #[test]
    fn an_adapter_that_leaves_is_reported_and_the_others_shown() {
        let leaving = FakeAdapter::silent(1)
            .refuse::<AdapterType>(0, Errno::ENODEV)
            .refuse::<SegmentSizes>(0, Errno::ENODEV);
        let driver = FakeDriver::new([leaving, FakeAdapter::silent(2)]);
        let report = Survey::of(driver.device(), None).take().expect("a report");
        assert_eq!(report.adapters.len(), 2);
        let warnings: Vec<String> = report.warnings().collect();
        assert_eq!(
            warnings,
            [
                "adapter 00000000:00000001: D3DKMTQueryAdapterInfo(KMTQAITYPE_ADAPTERTYPE) failed \
              with ENODEV: the adapter has been removed (1 more)"
            ]
        );
        assert_eq!(driver.open_handles(), 0);
    }

    #[test]
    fn one_adapter_can_be_picked() {
        let meant = |text: &str| text.parse().ok();
        let json = take(&sample::driver(), meant("0-a1b3"));
        assert_eq!(json["adapters"].as_array().map(Vec::len), Some(1));
        assert_eq!(json["adapters"][0]["kind"], "compute-only");
        let missing = Survey::of(sample::driver().device(), meant("1:1")).take();
        assert!(matches!(missing, Err(Error::NoMatch { .. })));
    }

    #[test]
    fn an_empty_name_is_no_name() {
        let nameless = FakeAdapter::silent(1).answer(0, AdapterRegistryInfo::default());
        let report = take(&FakeDriver::new([nameless]), None);
        assert_eq!(report["adapters"][0]["name"], Value::Null);
    }

    #[test]
    fn the_number_of_linked_adapters_is_bounded() {
        let boast = FakeAdapter::silent(1).answer(0, PhysicalAdapterCount { count: u32::MAX });
        let report = take(&FakeDriver::new([boast]), None);
        let physical = report["adapters"][0]["physical_adapters"].as_array();
        assert_eq!(physical.map(Vec::len), Some(16));
    }

    #[test]
    fn processes_have_the_name_the_system_knows() {
        assert!(process_name(std::process::id()).is_some_and(|name| !name.is_empty()));
        assert_eq!(process_name(u32::MAX), None);
    }
}
