// SPDX-License-Identifier: GPL-2.0
//! The paravirtual GPUs of the machine: VMBus, the devices on it, and the PCI functions.

use std::str::FromStr;
use std::sync::Arc;

use faults::plan::Channel;
use faults::{Faults, Plan};
use gpupv::trace::Sink;
use gpupv::{AdapterDescription, Config, GpuPvHost};
use hyperv::{HypervPartition, Partition};
use vm::pci::PciBus;
use vmbus::{DeviceId, ServerOptions, VmbusServer};

use crate::config::GuestConfig;
use crate::fault_machine::FaultMachine;
use crate::fault_port::FaultPort;
use crate::machine::MachineError;
use crate::object_count_port::CountPort;
use crate::ram::MachineRam;
use crate::removal::RemovalPort;
use crate::window::MachineWindow;

/// The word for no adapters at all.
const NONE: &str = "none";

/// Room in the VMBus window for what the guest places beside the IO space.
const WINDOW_SLACK_MIB: u16 = 64;
/// The largest IO space, in MiB: the window is counted in 16 bits.
pub(crate) const IO_SPACE_MAX: u16 = u16::MAX - WINDOW_SLACK_MIB;

/// The GPUs before the machine exists.
pub(crate) struct GpuPlan {
    host: GpuPvHost,
    /// If the host may make any.
    faults: Option<Faults>,
    options: ServerOptions,
}

impl GpuPlan {
    /// Understands the adapters of `config`.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with them.
    pub(crate) fn new(config: &GuestConfig) -> Result<Self, String> {
        let mut gpu = Config {
            io_space_mib: config.io_space_mib,
            ..Config::default()
        };
        for setting in &config.behaviour {
            let set = gpu.behaviour.set(setting);
            set.map_err(|error| format!("--behaviour {setting}: {error}"))?;
        }
        if let Some(adapters) = adapters(&config.adapters)? {
            gpu.adapters = adapters;
        }
        if let Some(version) = config.interface_version {
            gpu.interface_version = version;
        }
        gpu.asynchronous = config.asynchronous;
        let mut options = ServerOptions::default();
        if let Some(version) = config.max_vmbus_version {
            options.max_version = version;
        }
        let host = GpuPvHost::new(gpu).map_err(|error| error.to_string())?;
        let faults = faults(config, &host)?;
        Ok(Self {
            host,
            faults,
            options,
        })
    }

    /// Gives a record of each message to `sink`.
    pub(crate) fn trace(&self, sink: Sink) {
        self.host.set_trace(sink);
    }

    /// How large the VMBus window must be.
    pub(crate) fn window_megabytes(&self) -> u16 {
        self.host.io_space_mib().saturating_add(WINDOW_SLACK_MIB)
    }

    /// Starts VMBus in `partition` and puts all devices in their places.
    pub(crate) fn start(
        mut self,
        partition: &Arc<HypervPartition>,
        pci: &PciBus,
        window: MachineWindow,
        ram: MachineRam,
    ) -> Result<Gpus, MachineError> {
        self.host.set_window(Box::new(window));
        self.host.set_guest_memory(Arc::new(ram));
        let server =
            VmbusServer::with_options(partition.clone() as Arc<dyn Partition>, self.options);
        let mut channels = Vec::new();
        let faults = self.faults.as_ref();
        for (position, device) in self.host.take_devices().into_iter().enumerate() {
            let whose = position
                .checked_sub(1)
                .map_or(Channel::Global, Channel::Adapter);
            let device = match faults {
                Some(faults) => faults.wrap(device, whose),
                None => device,
            };
            let channel = server
                .add_device(device)
                .map_err(|error| MachineError::Gpu(error.to_string()))?;
            channels.push(channel);
        }
        let mut slots = Vec::new();
        for (adapter, (slot, function)) in self.host.take_functions().into_iter().enumerate() {
            let function = match faults {
                Some(faults) => faults.wrap_function(function, adapter),
                None => function,
            };
            pci.add(slot, function)?;
            slots.push(slot);
        }
        if let Some(faults) = faults {
            faults.connect(Arc::new(FaultMachine {
                faults: faults.clone(),
                server: server.clone(),
                pci: pci.clone(),
                channels: channels.clone(),
                slots: slots.clone(),
                functions: self.host.function_maker(),
            }));
        }
        partition.connect(server.clone());
        Ok(Gpus {
            server,
            host: self.host,
            faults: self.faults,
            pci: pci.clone(),
            channels,
            slots,
        })
    }
}

/// The adapters named by `specifications`; `None` if none is named, which means the usual ones.
fn adapters(specifications: &[String]) -> Result<Option<Vec<AdapterDescription>>, String> {
    match specifications {
        [] => Ok(None),
        [only] if only == NONE => Ok(Some(Vec::new())),
        _ => specifications
            .iter()
            .map(|text| {
                AdapterDescription::from_str(text)
                    .map_err(|error| format!("--adapter {text}: {error}"))
            })
            .collect::<Result<_, _>>()
            .map(Some),
    }
}

/// The faults that `config` asks for; `None` if the host makes none and never will.
fn faults(config: &GuestConfig, host: &GpuPvHost) -> Result<Option<Faults>, String> {
    if config.faults.is_none() && config.hostile.is_none() && !config.fault_port {
        return Ok(None);
    }
    let faults = Faults::new(host).map_err(|error| format!("no thread for faults: {error}"))?;
    if let Some(text) = &config.faults {
        let set = faults.set_text(text);
        set.map_err(|error| format!("--faults: {error}"))?;
    }
    if let Some(seed) = config.hostile {
        faults.set(Plan::hostile(seed))?;
    }
    Ok(Some(faults))
}

/// The GPUs of a running machine.
pub(crate) struct Gpus {
    server: Arc<VmbusServer>,
    host: GpuPvHost,
    faults: Option<Faults>,
    pci: PciBus,
    channels: Vec<DeviceId>,
    slots: Vec<u8>,
}

/// What the host saw.
pub(crate) struct Seen {
    pub(crate) summary: String,
    pub(crate) report: serde_json::Value,
    pub(crate) clean: bool,
}

impl Gpus {
    /// A port through which the guest takes them away.
    pub(crate) fn removal_port(&self) -> RemovalPort {
        RemovalPort::new(
            self.server.clone(),
            self.pci.clone(),
            self.channels.clone(),
            self.slots.clone(),
            self.host.start_hold(),
        )
    }

    /// A port through which the guest learns how many objects its processes have.
    pub(crate) fn count_port(&self) -> CountPort {
        CountPort::new(self.host.object_counter())
    }

    /// A port through which the guest says what the host does wrong.
    pub(crate) fn fault_port(&self) -> Option<FaultPort<Faults>> {
        self.faults.clone().map(FaultPort::new)
    }

    /// Ends VMBus and says what the guest did. To be called when the guest no longer runs.
    pub(crate) fn finish(self) -> Seen {
        // First: what the guest sent last may still be queued.
        self.server.shutdown();
        let bus = self.server.report();
        let mut report = self.host.report().with_bus(&bus);
        if let Some(faults) = &self.faults {
            faults.shut_down();
            report = report.with_faults(faults.summary());
        }
        Seen {
            summary: report.summary().join("\n"),
            report: serde_json::to_value(&report).unwrap_or_else(|error| error.to_string().into()),
            clean: report.verdict().is_clean(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_no_adapter_and_nothing_is_the_usual_ones() {
        assert!(adapters(&[]).unwrap().is_none());
        assert!(adapters(&["none".into()]).unwrap().unwrap().is_empty());
        let error = adapters(&["none".into(), "none".into()]).unwrap_err();
        assert!(error.starts_with("--adapter none: "), "{error}");
    }
}
