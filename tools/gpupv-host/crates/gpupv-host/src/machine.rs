// SPDX-License-Identifier: GPL-2.0
//! The guest's machine on this kernel's KVM: everything put together, run, and taken apart.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use hyperv::{EndOfInterrupt, HypervPartition};
use kvm_ioctls::Kvm;
use vm::acpi;
use vm::boot::{self, Boot};
use vm::bus::{Bus, BusDevice};
use vm::kvm::Vm;
use vm::pci::{self, ConfigPorts, HotplugPorts, PciBus};
use vm::power::{self, Power};
use vm::reset_vector;
use vm::rtc::{self, Rtc};
use vm::serial::{self, Console};
use vm::stop::Stop;
use vm::vcpu::{Environment, Threads};

use crate::config::GuestConfig;
use crate::console::OutputWriter;
use crate::exit_status::Outcome;
use crate::fault_port;
use crate::gpus::{GpuPlan, Gpus};
use crate::input_port::{self, InputPort};
use crate::object_count_port;
use crate::ram::MachineRam;
use crate::removal;
use crate::transfer::{self, TransferPort};
use crate::window::MachineWindow;

const MIB: u64 = 1 << 20;

/// Why a machine could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineError {
    #[error("cannot open /dev/kvm: {0}")]
    Open(kvm_ioctls::Error),
    #[error(transparent)]
    Vm(#[from] vm::Error),
    #[error(transparent)]
    Hyperv(#[from] hyperv::Error),
    #[error("{0}")]
    Gpu(String),
    #[error(transparent)]
    Bus(#[from] vm::bus::Overlap),
    #[error(transparent)]
    Slot(#[from] pci::SlotError),
}

/// Where the output of a machine goes.
pub(crate) struct Lines<T> {
    /// The guest's console.
    pub(crate) console: OutputWriter,
    /// The trace of messages, if one is wanted.
    pub(crate) trace: Option<OutputWriter>,
    /// What the guest gives through the transfer port, if it has one. May block.
    pub(crate) transfer: Option<T>,
}

/// The guest's console, as far as input is concerned.
pub(crate) struct ConsoleInput(Arc<Mutex<Console<OutputWriter>>>);

impl ConsoleInput {
    /// Gives input to the guest. Never blocks.
    pub(crate) fn receive(&self, input: &[u8]) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .receive(input);
    }
}

/// A machine that runs.
pub(crate) struct Machine {
    // Taken apart in `finish`, in this order.
    threads: Threads,
    gpus: Gpus,
    partition: Arc<HypervPartition>,
    stop: Arc<Stop>,
    console: Arc<Mutex<Console<OutputWriter>>>,
    _vm: Vm,
}

impl Machine {
    /// Builds the machine and starts it.
    pub(crate) fn start(
        config: &GuestConfig,
        kernel: &[u8],
        initrd: Option<&[u8]>,
        lines: Lines<impl Write + Send + 'static>,
    ) -> Result<Self, MachineError> {
        let kernel: Cow<'_, [u8]> = boot::kernel_elf(kernel)?;
        let plan = GpuPlan::new(config).map_err(MachineError::Gpu)?;
        if let (Some(format), Some(trace)) = (config.trace, lines.trace) {
            plan.trace(format.sink(trace));
        }
        let window = u64::from(plan.window_megabytes()) * MIB;

        let vm = Vm::new(
            Kvm::new().map_err(MachineError::Open)?,
            config.memory,
            window,
        )?;
        let vcpus = vm.create_vcpus(u32::from(config.cpus))?;
        let partition = HypervPartition::new(&vm, &vcpus, end_of_interrupt(config))?;
        let rsdp = acpi::write(
            vm.memory(),
            &acpi::Machine {
                cpus: config.cpus,
                window: vm.layout().window(),
            },
        )?;
        reset_vector::write(vm.memory())?;
        let cmdline = config.cmdline();
        let boot = Boot {
            kernel: &kernel,
            initrd,
            cmdline: &cmdline,
            rsdp,
        };
        let entry = boot::load(vm.memory(), vm.layout(), boot)?;
        if let Some(first) = vcpus.first() {
            boot::enter(first, entry)?;
        }

        let stop = Arc::new(Stop::default());
        let pci = PciBus::new(vm.interrupt_line(pci::HOTPLUG_GSI)?);
        let window = MachineWindow::new(vm.window());
        let ram = MachineRam::new(vm.memory().clone());
        let gpus = plan.start(&partition, &pci, window, ram)?;
        let line = vm.interrupt_line(serial::GSI)?;
        let console = Arc::new(Mutex::new(Console::new(line, lines.console)));
        let mut ports = ports(&pci, &stop, console.clone())?;
        if config.removal_port {
            let port = u64::from(removal::PORT);
            ports.add(port..=port, Arc::new(Mutex::new(gpus.removal_port())))?;
        }
        if config.count_port {
            let first = u64::from(object_count_port::PORT);
            let last = first + u64::from(object_count_port::PORT_COUNT) - 1;
            ports.add(first..=last, Arc::new(Mutex::new(gpus.count_port())))?;
        }
        if config.input_port {
            let port = u64::from(input_port::PORT);
            let device = InputPort::new(console.clone());
            ports.add(port..=port, Arc::new(Mutex::new(device)))?;
        }
        if let Some(device) = gpus.fault_port().filter(|_| config.fault_port) {
            let first = u64::from(fault_port::PORT);
            let last = first + u64::from(fault_port::PORT_COUNT) - 1;
            ports.add(first..=last, Arc::new(Mutex::new(device)))?;
        }
        if let Some(target) = lines.transfer {
            let port = u64::from(transfer::PORT);
            let device = TransferPort::new(vm.memory().clone(), target);
            ports.add(port..=port, Arc::new(Mutex::new(device)))?;
        }
        let environment = Environment {
            ports: Arc::new(ports),
            mmio: Arc::new(Bus::default()),
            hypervisor: partition.clone(),
            stop: stop.clone(),
        };
        let threads = Threads::start(vcpus, &environment)?;
        Ok(Self {
            threads,
            gpus,
            partition,
            stop,
            console,
            _vm: vm,
        })
    }

    /// The machine's end, to bring it about from outside.
    pub(crate) fn stop(&self) -> Arc<Stop> {
        self.stop.clone()
    }

    /// The guest's console, to give it input.
    pub(crate) fn console_input(&self) -> ConsoleInput {
        ConsoleInput(self.console.clone())
    }

    /// Waits for the end and takes the machine apart.
    pub(crate) fn finish(self) -> Outcome {
        let reason = self.stop.wait();
        self.threads.join();
        // The guest no longer runs: what it left behind is final.
        let seen = self.gpus.finish();
        self.partition.shut_down();
        Outcome {
            end: reason.into(),
            summary: seen.summary,
            report: seen.report,
            clean: seen.clean,
        }
    }
}

fn end_of_interrupt(config: &GuestConfig) -> EndOfInterrupt {
    if config.eager_eoi {
        EndOfInterrupt::Eager
    } else {
        EndOfInterrupt::Lazy
    }
}

fn ports(
    pci: &PciBus,
    stop: &Arc<Stop>,
    console: Arc<Mutex<Console<OutputWriter>>>,
) -> Result<Bus, MachineError> {
    let mut ports = Bus::default();
    let mut add = |first: u16, count: u16, device: Arc<Mutex<dyn BusDevice>>| {
        let first = u64::from(first);
        ports.add(first..=first + u64::from(count) - 1, device)
    };
    add(serial::PORT, serial::PORT_COUNT, console)?;
    add(
        power::SLEEP_CONTROL_PORT,
        power::PORT_COUNT,
        Arc::new(Mutex::new(Power::new(stop.clone()))),
    )?;
    add(
        rtc::PORT,
        rtc::PORT_COUNT,
        Arc::new(Mutex::new(Rtc::default())),
    )?;
    add(
        pci::CONFIG_PORT,
        pci::CONFIG_PORT_COUNT,
        Arc::new(Mutex::new(ConfigPorts::new(pci.clone()))),
    )?;
    add(
        pci::HOTPLUG_PORT,
        pci::HOTPLUG_PORT_COUNT,
        Arc::new(Mutex::new(HotplugPorts::new(pci.clone()))),
    )?;
    Ok(ports)
}
