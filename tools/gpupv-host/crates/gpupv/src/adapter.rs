// SPDX-License-Identifier: GPL-2.0
//! What an adapter is: everything that its answers are computed from.

mod parse;
mod registry;

use std::fmt;

pub use parse::DescriptionError;
pub use registry::{RegistryKey, RegistryValue, ValueType};
use uuid::Uuid;

/// What an adapter is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterKind {
    /// Renders and computes.
    Render,
    /// Only computes; hidden from users who do not ask for such.
    ComputeOnly,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Render => "render",
            Self::ComputeOnly => "compute-only",
        })
    }
}

/// What an engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Draws.
    ThreeD,
    /// Computes.
    Compute,
    /// Copies.
    Copy,
    /// Decodes video.
    VideoDecode,
    /// Encodes video.
    VideoEncode,
}

impl EngineKind {
    /// All kinds, with their name on the command line.
    pub(crate) const NAMES: [(&'static str, Self); 5] = [
        ("3d", Self::ThreeD),
        ("compute", Self::Compute),
        ("copy", Self::Copy),
        ("decode", Self::VideoDecode),
        ("encode", Self::VideoEncode),
    ];

    /// The number that node metadata have for it. There is none for compute engines, they are
    /// "other" and told by their name.
    pub fn number(self) -> u32 {
        match self {
            Self::Compute => 0,
            Self::ThreeD => 1,
            Self::VideoDecode => 2,
            Self::VideoEncode => 3,
            Self::Copy => 6,
        }
    }

    /// What users see.
    pub fn friendly_name(self) -> &'static str {
        match self {
            Self::ThreeD => "3D",
            Self::Compute => "Compute",
            Self::Copy => "Copy",
            Self::VideoDecode => "Video Decode",
            Self::VideoEncode => "Video Encode",
        }
    }
}

/// The version of a driver, as in "31.0.101.2111".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverVersion(pub [u16; 4]);

impl DriverVersion {
    /// The four parts in one number, the first part on top.
    pub fn to_u64(self) -> u64 {
        self.0
            .iter()
            .fold(0, |number, &part| (number << 16) | u64::from(part))
    }
}

impl fmt::Display for DriverVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// One adapter of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterDescription {
    /// What it is good for.
    pub kind: AdapterKind,
    /// What users see.
    pub name: String,
    /// PCI vendor of the adapter on the host.
    pub vendor: u16,
    /// PCI device of the adapter on the host.
    pub device: u16,
    /// PCI revision of the adapter on the host.
    pub revision: u8,
    /// Bytes of its own memory; 0 for one that uses the machine's.
    pub dedicated_memory: u64,
    /// Bytes of the machine's memory that it may use.
    pub shared_memory: u64,
    /// Its engines; the position is the node ordinal.
    pub engines: Vec<EngineKind>,
    /// The version of its driver on the host.
    pub driver: DriverVersion,
    /// The version of the driver model, times 1000.
    pub wddm: u32,
    /// Whether the hardware does the scheduling.
    pub hardware_scheduling: bool,
    /// The channel instance; made up from the position if absent.
    pub instance: Option<Uuid>,
    /// The driver's own name for the adapter; the name if absent.
    pub description: Option<String>,
    /// The file of the user-mode driver; empty if there is none.
    pub user_mode_driver: String,
    /// The directory of the driver's package in the driver store.
    pub package: String,
    /// The clock of the engines, in MHz.
    pub clock: u32,
    /// The clock of the memory, in MHz.
    pub memory_clock: u32,
    /// The temperature in degrees Celsius; 0 if it has no sensor.
    pub temperature: u32,
    /// Whether the virtual machine is a secure one, whose programs may not talk to the vendor's driver
    /// on the host.
    pub secure: bool,
    /// Values in the registry, beside those that follow from the rest.
    pub registry: Vec<RegistryValue>,
}

impl AdapterDescription {
    /// How many engines an adapter can have: hardware has few, and node numbers are short.
    pub const ENGINES_MAX: usize = 64;

    /// A render adapter.
    pub fn render() -> Self {
        Self {
            kind: AdapterKind::Render,
            name: "GPU-PV Software GPU".to_owned(),
            vendor: 0x1234,
            device: 0x5101,
            revision: 2,
            dedicated_memory: 4 << 30,
            shared_memory: 8 << 30,
            engines: vec![
                EngineKind::ThreeD,
                EngineKind::Copy,
                EngineKind::Copy,
                EngineKind::Compute,
            ],
            driver: DriverVersion([31, 0, 101, 2111]),
            wddm: 3200,
            hardware_scheduling: true,
            instance: None,
            description: None,
            user_mode_driver: "libgpupv_umd.so".to_owned(),
            package: "gpupv.inf_amd64_5b1d0c7e3a942f68".to_owned(),
            clock: 1500,
            memory_clock: 7000,
            temperature: 42,
            secure: false,
            registry: Vec::new(),
        }
    }

    /// A compute-only adapter: another vendor, no memory of its own, no hardware scheduling.
    pub fn compute_only() -> Self {
        Self {
            kind: AdapterKind::ComputeOnly,
            name: "GPU-PV Software NPU".to_owned(),
            vendor: 0x1414,
            device: 0x7C20,
            revision: 0,
            dedicated_memory: 0,
            shared_memory: 2 << 30,
            engines: vec![EngineKind::Compute, EngineKind::Copy],
            driver: DriverVersion([32, 0, 100, 314]),
            wddm: 3100,
            hardware_scheduling: false,
            instance: None,
            description: None,
            user_mode_driver: "libgpupv_umd.so".to_owned(),
            package: "gpunpu.inf_amd64_27c96e01f4d8ab53".to_owned(),
            clock: 1000,
            memory_clock: 3200,
            temperature: 0,
            secure: false,
            registry: Vec::new(),
        }
    }

    /// Returns the driver's own name for the adapter.
    pub fn driver_description(&self) -> &str {
        self.description.as_deref().unwrap_or(&self.name)
    }

    /// One of each: what a host has when nothing else is said.
    pub fn defaults() -> Vec<Self> {
        vec![Self::render(), Self::compute_only()]
    }
}

impl fmt::Display for AdapterDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} ({}, {:04x}:{:04x}, driver {})",
            self.name, self.kind, self.vendor, self.device, self.driver
        )
    }
}
