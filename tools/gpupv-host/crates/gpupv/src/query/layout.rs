// SPDX-License-Identifier: GPL-2.0
//! The buffers of the queries.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// How much memory an adapter has.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct SegmentSize {
    pub(super) dedicated_video: U64,
    pub(super) dedicated_system: U64,
    pub(super) shared_system: U64,
}

/// Where the adapter is.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AdapterAddress {
    pub(super) bus: U32,
    pub(super) device: U32,
    pub(super) function: U32,
}

/// Names, in UTF-16 with a zero at the end.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct AdapterRegistryInfo {
    pub(super) adapter_string: [u8; 520],
    pub(super) bios_string: [u8; 520],
    pub(super) dac_type: [u8; 520],
    pub(super) chip_type: [u8; 520],
}

/// One engine.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct NodeMetadata {
    /// In: low half the node, high half the physical adapter.
    pub(super) node_and_adapter: U32,
    pub(super) engine_type: U32,
    /// UTF-16 with a zero at the end.
    pub(super) friendly_name: [u8; 64],
    pub(super) flags: U32,
    pub(super) gpu_mmu: u8,
    pub(super) io_mmu: u8,
    pub(super) padding: [u8; 2],
}

/// PCI ids.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct PhysicalDeviceIds {
    /// In.
    pub(super) physical_adapter_index: U32,
    pub(super) vendor: U32,
    pub(super) device: U32,
    pub(super) sub_vendor: U32,
    pub(super) sub_system: U32,
    pub(super) revision: U32,
    pub(super) bus_type: U32,
}

/// The driver's version, the first of its four parts on top.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct KmdDriverVersion {
    pub(super) version: U64,
}
