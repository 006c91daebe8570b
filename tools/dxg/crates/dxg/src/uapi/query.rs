// SPDX-License-Identifier: GPL-2.0

//! The data of adapter queries, as the Windows headers define it.
//!
//! The driver forwards these unread (it only adds the paravirtualised and compute-only bits to the
//! adapter type), so what comes back is the host's word.

use super::abi_struct;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The data of one kind of adapter query; part of it may be input, the host overwrites the rest.
///
/// Other queries can be added outside this library: any type whose bytes are all data will do.
pub trait AdapterQuery: FromBytes + IntoBytes + Immutable + KnownLayout {
    /// The number of the query.
    const TYPE: u32;
    /// The name of that number in the Windows headers.
    const NAME: &'static str;
}

macro_rules! query {
    ($data:ty, $number:literal, $name:literal) => {
        impl AdapterQuery for $data {
            const TYPE: u32 = $number;
            const NAME: &'static str = $name;
        }
    };
}

abi_struct! {
    /// Memory the adapter can use, in bytes.
    #[derive(Default)]
    pub struct SegmentSizes {
        /// Memory on the adapter.
        pub dedicated_video: u64,
        /// System memory set aside for the adapter.
        pub dedicated_system: u64,
        /// System memory the adapter may share with others.
        pub shared_system: u64,
    }

    /// Where the adapter sits on its PCI bus.
    #[derive(Default)]
    pub struct AdapterAddress {
        /// Bus number.
        pub bus: u32,
        /// Device number.
        pub device: u32,
        /// Function number.
        pub function: u32,
    }

    /// Names from the host's registry, UTF-16 with a terminating zero.
    pub struct AdapterRegistryInfo {
        /// The name people know the adapter by.
        pub adapter_string: [u16; 260],
        /// Its firmware.
        pub bios_string: [u16; 260],
        /// Its digital-analog converter.
        pub dac_type: [u16; 260],
        /// Its chip.
        pub chip_type: [u16; 260],
    }

    /// The host driver's description of the adapter, UTF-16 with a terminating zero.
    pub struct DriverDescription {
        /// The text.
        pub description: [u16; 4096],
    }

    /// The driver model the host's driver implements, e.g. 3200 for WDDM 3.2.
    #[derive(Default)]
    pub struct DriverModel {
        /// Thousands are the major version, hundreds the minor.
        pub version: u32,
    }

    /// What the adapter can do, `ADAPTER_*` bits.
    #[derive(Default)]
    pub struct AdapterType {
        /// The bits.
        pub value: u32,
    }

    /// How many physical adapters are linked into this one.
    #[derive(Default)]
    pub struct PhysicalAdapterCount {
        /// At least 1.
        pub count: u32,
    }

    /// Identifiers of one physical adapter.
    #[derive(Default)]
    pub struct PhysicalAdapterDeviceIds {
        /// In: which physical adapter.
        pub physical_adapter_index: u32,
        /// PCI vendor.
        pub vendor: u32,
        /// PCI device.
        pub device: u32,
        /// PCI subsystem vendor.
        pub sub_vendor: u32,
        /// PCI subsystem.
        pub sub_system: u32,
        /// PCI revision.
        pub revision: u32,
        /// Kind of bus the adapter sits on.
        pub bus_type: u32,
    }

    /// One engine of an adapter. The structure is packed: it has no padding at its end.
    #[derive(Default)]
    #[repr(packed(2))]
    pub struct NodeMetadata {
        /// In: engine number in the low half, physical adapter in the high half.
        pub node: u32,
        /// What the engine is made for, see [`EngineKind`](crate::EngineKind).
        pub engine_type: u32,
        /// Name given by the driver, UTF-16, zero-terminated if shorter than the field.
        pub friendly_name: [u16; 32],
        /// Driver's flags.
        pub flags: u32,
        /// Non-zero: the engine translates GPU virtual addresses.
        pub gpu_mmu: u8,
        /// Non-zero: the engine uses the system's IOMMU.
        pub io_mmu: u8,
    }

    /// Version of the host's kernel-mode driver.
    #[derive(Default)]
    pub struct KmdDriverVersion {
        /// Four 16-bit parts, the most significant first.
        pub version: u64,
    }
}

query!(SegmentSizes, 3, "KMTQAITYPE_GETSEGMENTSIZE");
query!(AdapterAddress, 6, "KMTQAITYPE_ADAPTERADDRESS");
query!(AdapterRegistryInfo, 8, "KMTQAITYPE_ADAPTERREGISTRYINFO");
query!(DriverModel, 13, "KMTQAITYPE_DRIVERVERSION");
query!(AdapterType, 15, "KMTQAITYPE_ADAPTERTYPE");
query!(NodeMetadata, 25, "KMTQAITYPE_NODEMETADATA");
query!(PhysicalAdapterCount, 30, "KMTQAITYPE_PHYSICALADAPTERCOUNT");
query!(
    PhysicalAdapterDeviceIds,
    31,
    "KMTQAITYPE_PHYSICALADAPTERDEVICEIDS"
);
query!(KmdDriverVersion, 49, "KMTQAITYPE_KMD_DRIVER_VERSION");
query!(DriverDescription, 65, "KMTQAITYPE_DRIVER_DESCRIPTION");

impl AdapterType {
    /// The bits and their names, lowest first.
    pub const NAMES: [(u32, &'static str); 13] = [
        (1 << 0, "render_supported"),
        (1 << 1, "display_supported"),
        (1 << 2, "software_device"),
        (1 << 3, "post_device"),
        (1 << 4, "hybrid_discrete"),
        (1 << 5, "hybrid_integrated"),
        (1 << 6, "indirect_display_device"),
        (1 << 7, "paravirtualized"),
        (1 << 8, "acg_supported"),
        (1 << 9, "support_set_timings_from_vidpn"),
        (1 << 10, "detachable"),
        (1 << 11, "compute_only"),
        (1 << 12, "prototype"),
    ];
    /// The adapter renders or computes.
    pub const RENDER_SUPPORTED: u32 = 1 << 0;
    /// The adapter has no 3D engine.
    pub const COMPUTE_ONLY: u32 = 1 << 11;

    /// The names of the bits that are set, lowest first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(bit, _)| self.value & bit != 0)
            .map(|(_, name)| name)
    }
}

impl Default for AdapterRegistryInfo {
    fn default() -> Self {
        Self {
            adapter_string: [0; 260],
            bios_string: [0; 260],
            dac_type: [0; 260],
            chip_type: [0; 260],
        }
    }
}

impl Default for DriverDescription {
    fn default() -> Self {
        Self {
            description: [0; 4096],
        }
    }
}
