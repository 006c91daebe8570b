// SPDX-License-Identifier: GPL-2.0
//! QUERYADAPTERINFO: what users may ask of an adapter, answered from its description.
//!
//! The layouts are those of the Windows kernel-mode thunks, which user-mode drivers and tools
//! expect.

mod layout;
mod private;

pub use private::private_blob;

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::adapter::{AdapterDescription, AdapterKind};
use crate::status::NtStatus;
use crate::wire::utf16;
use layout::{
    AdapterAddress, AdapterRegistryInfo, KmdDriverVersion, NodeMetadata, PhysicalDeviceIds,
    SegmentSize,
};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryType {
    UserModeDriverPrivate,
    GetSegmentSize,
    AdapterAddress,
    AdapterRegistryInfo,
    DriverVersion,
    AdapterType,
    NodeMetadata,
    PhysicalAdapterCount,
    PhysicalAdapterDeviceIds,
    KmdDriverVersion,
}

impl QueryType {
    /// Some questions have a second number, for the render adapter of a pair; there is only one
    /// adapter here.
    fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::UserModeDriverPrivate,
            3 => Self::GetSegmentSize,
            6 | 53 => Self::AdapterAddress,
            8 | 54 => Self::AdapterRegistryInfo,
            13 | 56 => Self::DriverVersion,
            15 | 57 => Self::AdapterType,
            25 => Self::NodeMetadata,
            30 => Self::PhysicalAdapterCount,
            31 => Self::PhysicalAdapterDeviceIds,
            49 => Self::KmdDriverVersion,
            _ => return None,
        })
    }
}

/// The bits of the adapter type.
mod adapter_type {
    pub(super) const RENDER_SUPPORTED: u32 = 1 << 0;
    pub(super) const HYBRID_DISCRETE: u32 = 1 << 4;
    pub(super) const HYBRID_INTEGRATED: u32 = 1 << 5;
    pub(super) const COMPUTE_ONLY: u32 = 1 << 11;
}

/// The PCI bus as an interface type.
const BUS_TYPE_PCI: u32 = 5;

/// Answers a query in place: `data` holds the input and receives the output.
///
/// # Errors
///
/// The type is unknown, the size is wrong, or the input asks for what does not exist.
pub(crate) fn answer(
    adapter: &AdapterDescription,
    slot: u8,
    number: u32,
    data: &mut [u8],
) -> Result<(), NtStatus> {
    let query = QueryType::from_number(number).ok_or(NtStatus::INVALID_PARAMETER)?;
    match query {
        QueryType::UserModeDriverPrivate => {
            // Drivers may bring a larger buffer than there is data.
            let blob = private_blob(adapter);
            let room = data
                .get_mut(..blob.len())
                .ok_or(NtStatus::BUFFER_TOO_SMALL)?;
            room.copy_from_slice(&blob);
            Ok(())
        }
        QueryType::GetSegmentSize => put(
            data,
            &SegmentSize {
                dedicated_video: adapter.dedicated_memory.into(),
                dedicated_system: 0.into(),
                shared_system: adapter.shared_memory.into(),
            },
        ),
        QueryType::AdapterAddress => put(
            data,
            &AdapterAddress {
                bus: 0.into(),
                device: u32::from(slot).into(),
                function: 0.into(),
            },
        ),
        QueryType::AdapterRegistryInfo => put(data, &registry_info(adapter)),
        QueryType::DriverVersion => put(data, &adapter.wddm.to_le_bytes()),
        QueryType::AdapterType => put(data, &adapter_type(adapter).to_le_bytes()),
        QueryType::NodeMetadata => node_metadata(adapter, data),
        QueryType::PhysicalAdapterCount => put(data, &1u32.to_le_bytes()),
        QueryType::PhysicalAdapterDeviceIds => device_ids(adapter, data),
        QueryType::KmdDriverVersion => put(
            data,
            &KmdDriverVersion {
                version: adapter.driver.to_u64().into(),
            },
        ),
    }
}

/// Whether a buffer is just as large as `T`.
fn exact<T>(data: &[u8]) -> Result<(), NtStatus> {
    match data.len().cmp(&size_of::<T>()) {
        std::cmp::Ordering::Less => Err(NtStatus::BUFFER_TOO_SMALL),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(NtStatus::INVALID_PARAMETER),
    }
}

fn put<T: IntoBytes + Immutable>(data: &mut [u8], answer: &T) -> Result<(), NtStatus> {
    exact::<T>(data)?;
    data.copy_from_slice(answer.as_bytes());
    Ok(())
}

fn input<T: FromBytes>(data: &[u8]) -> Result<T, NtStatus> {
    exact::<T>(data)?;
    T::read_from_bytes(data).map_err(|_| NtStatus::INVALID_PARAMETER)
}

fn adapter_type(adapter: &AdapterDescription) -> u32 {
    let mut bits = adapter_type::RENDER_SUPPORTED;
    bits |= match adapter.dedicated_memory {
        0 => adapter_type::HYBRID_INTEGRATED,
        _ => adapter_type::HYBRID_DISCRETE,
    };
    if adapter.kind == AdapterKind::ComputeOnly {
        bits |= adapter_type::COMPUTE_ONLY;
    }
    bits
}

fn registry_info(adapter: &AdapterDescription) -> AdapterRegistryInfo {
    AdapterRegistryInfo {
        adapter_string: utf16(&adapter.name),
        bios_string: utf16(&format!("Revision {:02x}", adapter.revision)),
        dac_type: utf16("None"),
        chip_type: utf16(&format!("{:04x}:{:04x}", adapter.vendor, adapter.device)),
    }
}

fn node_metadata(adapter: &AdapterDescription, data: &mut [u8]) -> Result<(), NtStatus> {
    let mut metadata: NodeMetadata = input(data)?;
    let wanted = metadata.node_and_adapter.get();
    let (node, physical) = (wanted & 0xFFFF, wanted >> 16);
    if physical != 0 {
        return Err(NtStatus::INVALID_PARAMETER);
    }
    // CAST: 16 bits.
    let engine = *adapter
        .engines
        .get(node as usize)
        .ok_or(NtStatus::INVALID_PARAMETER)?;
    metadata.engine_type = engine.number().into();
    metadata.friendly_name = utf16(engine.friendly_name());
    metadata.flags = 0.into();
    metadata.gpu_mmu = 1;
    metadata.io_mmu = 0;
    metadata.padding = [0; 2];
    put(data, &metadata)
}

fn device_ids(adapter: &AdapterDescription, data: &mut [u8]) -> Result<(), NtStatus> {
    let mut ids: PhysicalDeviceIds = input(data)?;
    if ids.physical_adapter_index.get() != 0 {
        return Err(NtStatus::INVALID_PARAMETER);
    }
    ids.vendor = u32::from(adapter.vendor).into();
    ids.device = u32::from(adapter.device).into();
    ids.sub_vendor = u32::from(adapter.vendor).into();
    ids.sub_system = u32::from(adapter.device).into();
    ids.revision = u32::from(adapter.revision).into();
    ids.bus_type = BUS_TYPE_PCI.into();
    put(data, &ids)
}
