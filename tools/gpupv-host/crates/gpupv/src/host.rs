// SPDX-License-Identifier: GPL-2.0
//! The host as a whole: its devices, and what they share.

mod call;
mod channels;
mod closing;
mod commands;
mod dispatch;
mod engines;
mod execution;
mod hold;
mod limits;
mod release;
mod release_memory;
mod shared;
mod time;
mod tracing;
mod translation;
mod unanswered;
mod updates;

pub(crate) use call::Fail;
pub(crate) use dispatch::Source;
pub use hold::StartHold;
pub(crate) use shared::{lock, Shared};

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thiserror::Error;
use vm::pci::PciFunction;
use vmbus::Device;

use crate::adapter::AdapterDescription;
use crate::behaviour::Behaviour;
use crate::engine::worker;
use crate::global::GlobalDevice;
use crate::identity::Identity;
use crate::io_space::GuestWindow;
use crate::memory::GuestMemory;
use crate::pci::{HostConfigBlock, VgpuFunction};
use crate::report::{Excuses, Report};
use crate::trace;
use crate::vgpu::VgpuDevice;

/// The last device number on a PCI bus.
const LAST_SLOT: u8 = 31;

/// What the host shall be like.
#[derive(Clone, Debug)]
pub struct Config {
    /// The adapters, in the order of their PCI slots.
    pub adapters: Vec<AdapterDescription>,
    /// The slot of the first adapter.
    pub first_slot: u8,
    /// How much address space the guest shall keep for memory of the host, in MiB.
    pub io_space_mib: u16,
    /// The interface version that the host claims; 0 for a host that has no version register.
    pub interface_version: u32,
    /// Whether guest pages may be handed over as lists of page numbers.
    pub map_guest_memory: bool,
    /// Whether the guest shall use asynchronous messages.
    pub asynchronous: bool,
    /// What the times that work takes are drawn from.
    pub seed: u64,
    /// How long a command may hold an engine.
    pub time_limit: Duration,
    /// What it does where no document says what a host has to do.
    pub behaviour: Behaviour,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            adapters: AdapterDescription::defaults(),
            first_slot: 1,
            io_space_mib: 1000,
            interface_version: HostConfigBlock::CURRENT_VERSION,
            map_guest_memory: true,
            asynchronous: false,
            seed: 1,
            time_limit: Duration::from_secs(2),
            behaviour: Behaviour::default(),
        }
    }
}

/// A host that cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The bus is not that long.
    #[error("{count} adapters from PCI slot {first} on: slots are 1 to {LAST_SLOT}")]
    Slots {
        /// How many adapters.
        count: usize,
        /// Where they start.
        first: u8,
    },
    /// Guests tell adapters apart by the first half of the instance.
    #[error("adapters {0} and {1} have the same channel LUID {2}")]
    SameLuid(usize, usize, String),
    /// Guests refuse to work without.
    #[error("the IO space cannot be empty")]
    NoIoSpace,
    /// A vGPU message on the global channel could not be told to belong to a vGPU.
    #[error("asynchronous messages need interface version 40, not {0}")]
    Asynchronous(u32),
    /// It reads like a function that is not there.
    #[error("interface version {0:#x} means that there is no device")]
    Version(u32),
}

/// A host with its adapters, to be given to a virtual machine part by part.
pub struct GpuPvHost {
    devices: Vec<Box<dyn Device>>,
    functions: Vec<(u8, Box<dyn PciFunction>)>,
    io_space_mib: u16,
    shared: Arc<Mutex<Shared>>,
}

impl GpuPvHost {
    /// A host as `config` describes it.
    ///
    /// # Errors
    ///
    /// The description contradicts itself.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let identities = check(&config)?;
        let block = HostConfigBlock {
            version_register: config.interface_version,
            host_caps: if config.map_guest_memory {
                HostConfigBlock::CAP_MAP_GUEST_MEMORY
            } else {
                0
            },
        };
        let slots: Vec<u8> = (config.first_slot..=LAST_SLOT).collect();
        let (alarm, rings) = worker::Alarm::new();
        let shared = Shared::new(&config, block, &identities, &slots, alarm);
        let shared = Arc::new(Mutex::new(shared));
        worker::start(Arc::downgrade(&shared), rings);
        lock(&shared).engines.connect(Arc::downgrade(&shared));
        let mut devices: Vec<Box<dyn Device>> = vec![Box::new(GlobalDevice::new(
            config.io_space_mib,
            Arc::clone(&shared),
        ))];
        let mut functions: Vec<(u8, Box<dyn PciFunction>)> = Vec::new();
        let adapters = config.adapters.into_iter().zip(identities).zip(slots);
        for (position, ((adapter, identity), slot)) in adapters.enumerate() {
            let device = VgpuDevice::new(position, identity, Arc::clone(&shared));
            devices.push(Box::new(device));
            let function = VgpuFunction::new(adapter, identity, block, Arc::clone(&shared));
            functions.push((slot, Box::new(function)));
        }
        Ok(Self {
            devices,
            functions,
            io_space_mib: config.io_space_mib,
            shared,
        })
    }

    /// The channels' devices; empty after the first call.
    pub fn take_devices(&mut self) -> Vec<Box<dyn Device>> {
        std::mem::take(&mut self.devices)
    }

    /// The PCI functions and their slots; empty after the first call.
    pub fn take_functions(&mut self) -> Vec<(u8, Box<dyn PciFunction>)> {
        std::mem::take(&mut self.functions)
    }

    /// How much address space the guest must find for the host's memory, in MiB.
    pub fn io_space_mib(&self) -> u16 {
        self.io_space_mib
    }

    /// Says where the guest can see memory of the host. Without it, no guest has an IO space.
    pub fn set_window(&self, window: Box<dyn GuestWindow>) {
        lock(&self.shared).window = Some(window);
    }

    /// Says what memory the guest has. Without it, every page that the guest names is taken for its own,
    /// and engines reach none of them.
    pub fn set_guest_memory(&self, memory: Arc<dyn GuestMemory>) {
        let mut shared = lock(&self.shared);
        shared
            .memories
            .page_budget()
            .set_guest_pages(memory.page_count());
        shared.guest_memory = Some(memory);
    }

    /// Gives a record of each message to `sink`, in their order. The sink must not take long.
    pub fn set_trace(&self, sink: trace::Sink) {
        lock(&self.shared).set_tracer(trace::Tracer::new(sink));
    }

    /// A counter of the objects of all processes.
    pub fn object_counter(&self) -> ObjectCounter {
        ObjectCounter(Arc::clone(&self.shared))
    }

    /// Holds back what a driver waits for when it starts.
    pub fn start_hold(&self) -> StartHold {
        StartHold(Arc::clone(&self.shared))
    }

    /// Makes the PCI functions of the adapters anew.
    pub fn function_maker(&self) -> FunctionMaker {
        FunctionMaker(Arc::clone(&self.shared))
    }

    /// Whom the host misled, to be told of more.
    pub fn excuses(&self) -> Excuses {
        lock(&self.shared).excuses.clone()
    }

    /// The adapters, in their order.
    pub fn identities(&self) -> Vec<Identity> {
        let shared = lock(&self.shared);
        shared.adapters.iter().map(|a| a.identity).collect()
    }

    /// Whether requests have an extended header, and the oldest replies a status.
    pub fn has_extended_headers(&self) -> bool {
        lock(&self.shared).is_current_version()
    }

    /// What the guest did so far.
    pub fn report(&self) -> Report {
        lock(&self.shared).report()
    }
}

/// Makes PCI functions for slots that guests have given up.
#[derive(Clone)]
pub struct FunctionMaker(Arc<Mutex<Shared>>);

impl FunctionMaker {
    /// The slot and a new PCI function of the adapter at `position`.
    pub fn make(&self, position: usize) -> Option<(u8, Box<dyn PciFunction>)> {
        let shared = lock(&self.0);
        let adapter = shared.adapters.get(position)?;
        let own = Arc::clone(&self.0);
        let description = adapter.description.clone();
        let function = VgpuFunction::new(description, adapter.identity, shared.block, own);
        Some((adapter.slot, Box::new(function)))
    }
}

/// Counts objects.
#[derive(Clone)]
pub struct ObjectCounter(Arc<Mutex<Shared>>);

impl ObjectCounter {
    /// How many objects all processes have now.
    pub fn count(&self) -> u64 {
        lock(&self.0).object_count()
    }
}

/// Checks a configuration, and makes the adapters' identities.
fn check(config: &Config) -> Result<Vec<Identity>, ConfigError> {
    let count = config.adapters.len();
    let room = (1..=LAST_SLOT)
        .contains(&config.first_slot)
        .then(|| usize::from(LAST_SLOT - config.first_slot) + 1);
    if room.is_none_or(|room| count > room) {
        let first = config.first_slot;
        return Err(ConfigError::Slots { count, first });
    }
    if config.io_space_mib == 0 {
        return Err(ConfigError::NoIoSpace);
    }
    if config.interface_version == u32::MAX {
        return Err(ConfigError::Version(config.interface_version));
    }
    if config.asynchronous && config.interface_version < HostConfigBlock::CURRENT_VERSION {
        return Err(ConfigError::Asynchronous(config.interface_version));
    }
    let identities: Vec<Identity> = (0u8..)
        .zip(&config.adapters)
        .map(|(position, adapter)| Identity::new(position, adapter.instance))
        .collect();
    let mut seen: HashSet<[u32; 2]> = HashSet::new();
    for (second, identity) in identities.iter().enumerate() {
        let luid = identity.channel_luid;
        if !seen.insert([luid.a.get(), luid.b.get()]) {
            let same = |other: &Identity| other.channel_luid == luid;
            let first = identities.iter().position(same).unwrap_or(second);
            return Err(ConfigError::SameLuid(first, second, luid.to_string()));
        }
    }
    Ok(identities)
}
