// SPDX-License-Identifier: GPL-2.0
//! QUERYADAPTERINFO: what users may ask of an adapter, answered from its description.
//!
//! The layouts are those of the Windows kernel-mode thunks, which user-mode drivers and tools
//! expect. A buffer that is too small is an invalid parameter, as on Windows; one that is larger
//! keeps what follows the answer.

mod capabilities;
mod performance;
mod private;
mod registry;

pub(crate) use performance::{adapter_limits, adapter_performance, gpu_version, node_performance};
pub use private::private_blob;

use uuid::Uuid;
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::adapter::{AdapterDescription, AdapterKind};
use crate::status::NtStatus;
use crate::wire::query_data::{
    AdapterAddress, AdapterPerfData, AdapterPerfDataCaps, AdapterRegistryInfo, DriverDescription,
    GpuVersion, KmdDriverVersion, NodeMetadata, NodePerfData, PhysicalAdapterCount,
    QueryAdapterUniqueGuid, QueryDeviceIds, SegmentGroupSizeInfo, SegmentSizeInfo,
    UmdDriverVersion, UmdFileNameInfo,
};
use crate::wire::utf16;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum QueryType {
    UserModeDriverPrivate,
    UserModeDriverName,
    GetSegmentSize,
    AdapterGuid,
    AdapterAddress,
    AdapterRegistryInfo,
    CheckDriverUpdateStatus,
    DriverVersion,
    AdapterType,
    Capability(capabilities::Capability),
    UserModeDriverVersion,
    NodeMetadata,
    PhysicalAdapterCount,
    PhysicalAdapterDeviceIds,
    GetSegmentGroupSize,
    QueryRegistry,
    KernelModeDriverVersion,
    AdapterUniqueGuid,
    NodePerfData,
    AdapterPerfData,
    AdapterPerfDataCaps,
    GpuVersion,
    DriverDescription,
}

impl QueryType {
    /// Some questions have a second number, for the render adapter of a pair; there is only one
    /// adapter here.
    fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::UserModeDriverPrivate,
            1 => Self::UserModeDriverName,
            3 => Self::GetSegmentSize,
            4 | 52 => Self::AdapterGuid,
            6 | 53 => Self::AdapterAddress,
            8 | 54 => Self::AdapterRegistryInfo,
            11 | 55 => Self::CheckDriverUpdateStatus,
            13 | 56 => Self::DriverVersion,
            15 | 57 => Self::AdapterType,
            18 => Self::UserModeDriverVersion,
            25 => Self::NodeMetadata,
            30 => Self::PhysicalAdapterCount,
            31 => Self::PhysicalAdapterDeviceIds,
            42 => Self::GetSegmentGroupSize,
            48 => Self::QueryRegistry,
            49 => Self::KernelModeDriverVersion,
            60 => Self::AdapterUniqueGuid,
            61 => Self::NodePerfData,
            62 => Self::AdapterPerfData,
            63 => Self::AdapterPerfDataCaps,
            64 => Self::GpuVersion,
            65 | 66 => Self::DriverDescription,
            other => Self::Capability(capabilities::Capability::from_number(other)?),
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
/// The generations of Direct3D that have a user-mode driver of their own: 9, 10, 11 and 12.
const USER_MODE_DRIVERS: u32 = 4;

/// Who is asked.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// What it is.
    pub(crate) adapter: &'a AdapterDescription,
    /// The channel's instance, which serves as the adapter's GUID.
    pub(crate) instance: Uuid,
    /// Where it is on its bus.
    pub(crate) slot: u8,
}

/// Answers a query in place: `data` holds the input and receives the output.
///
/// # Errors
///
/// The type is unknown, the buffer is too small, or the input asks for what does not exist.
pub(crate) fn answer(subject: Subject<'_>, number: u32, data: &mut [u8]) -> Result<(), NtStatus> {
    let adapter = subject.adapter;
    let query = QueryType::from_number(number).ok_or(NtStatus::INVALID_PARAMETER)?;
    match query {
        QueryType::UserModeDriverPrivate => {
            let blob = private_blob(adapter);
            let room = data.get_mut(..blob.len());
            room.ok_or(NtStatus::BUFFER_TOO_SMALL)?
                .copy_from_slice(&blob);
            Ok(())
        }
        QueryType::UserModeDriverName => change(data, |info: &mut UmdFileNameInfo| {
            if info.version.get() >= USER_MODE_DRIVERS {
                return Err(NtStatus::INVALID_PARAMETER);
            }
            let path = adapter.guest_driver_path();
            info.umd_file_name = utf16(&path.ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?);
            Ok(())
        }),
        QueryType::GetSegmentSize => put(
            data,
            &SegmentSizeInfo {
                dedicated_video_memory_size: adapter.dedicated_memory.into(),
                dedicated_system_memory_size: 0.into(),
                shared_system_memory_size: adapter.shared_memory.into(),
            },
        ),
        QueryType::AdapterGuid => put(data, &subject.instance.to_bytes_le()),
        QueryType::AdapterAddress => put(
            data,
            &AdapterAddress {
                bus_number: 0.into(),
                device_number: u32::from(subject.slot).into(),
                function_number: 0.into(),
            },
        ),
        QueryType::AdapterRegistryInfo => put(data, &registry_info(adapter)),
        // Its driver is never replaced while it runs.
        QueryType::CheckDriverUpdateStatus => put(data, &0u32.to_le_bytes()),
        QueryType::DriverVersion => put(data, &adapter.wddm.to_le_bytes()),
        QueryType::AdapterType => put(data, &adapter_type(adapter).to_le_bytes()),
        QueryType::Capability(capability) => capabilities::answer(adapter, capability, data),
        QueryType::UserModeDriverVersion => put(
            data,
            &UmdDriverVersion {
                driver_version: adapter.driver.to_u64().into(),
            },
        ),
        QueryType::NodeMetadata => change(data, |node| node_metadata(adapter, node)),
        QueryType::PhysicalAdapterCount => put(data, &PhysicalAdapterCount { count: 1.into() }),
        QueryType::PhysicalAdapterDeviceIds => change(data, |ids| device_ids(adapter, ids)),
        QueryType::GetSegmentGroupSize => change(data, |sizes| segment_groups(adapter, sizes)),
        QueryType::QueryRegistry => registry::answer(adapter, data),
        QueryType::KernelModeDriverVersion => put(
            data,
            &KmdDriverVersion {
                driver_version: adapter.driver.to_u64().into(),
            },
        ),
        QueryType::AdapterUniqueGuid => put(
            data,
            &QueryAdapterUniqueGuid {
                adapter_unique_guid: utf16(&format!("{{{:X}}}", subject.instance)),
            },
        ),
        QueryType::NodePerfData => change(data, |node: &mut NodePerfData| {
            only_physical_adapter(node.physical_adapter_index.get())?;
            *node = node_performance(adapter, node.node_ordinal.get())?;
            Ok(())
        }),
        QueryType::AdapterPerfData => change(data, |found: &mut AdapterPerfData| {
            only_physical_adapter(found.physical_adapter_index.get())?;
            *found = adapter_performance(adapter);
            Ok(())
        }),
        QueryType::AdapterPerfDataCaps => change(data, |found: &mut AdapterPerfDataCaps| {
            only_physical_adapter(found.physical_adapter_index.get())?;
            *found = adapter_limits(adapter);
            Ok(())
        }),
        QueryType::GpuVersion => change(data, |found: &mut GpuVersion| {
            only_physical_adapter(found.physical_adapter_index.get())?;
            *found = gpu_version(adapter);
            Ok(())
        }),
        QueryType::DriverDescription => put(
            data,
            &DriverDescription {
                driver_description: utf16(adapter.driver_description()),
            },
        ),
    }
}

/// Writes an answer to the start of a buffer.
fn put<T: IntoBytes + Immutable>(data: &mut [u8], answer: &T) -> Result<(), NtStatus> {
    let room = data.get_mut(..size_of::<T>());
    let room = room.ok_or(NtStatus::INVALID_PARAMETER)?;
    room.copy_from_slice(answer.as_bytes());
    Ok(())
}

/// Answers a query that has an input: `answer` gets it, and leaves the answer in its place.
fn change<T: FromBytes + IntoBytes + Immutable>(
    data: &mut [u8],
    answer: impl FnOnce(&mut T) -> Result<(), NtStatus>,
) -> Result<(), NtStatus> {
    let (mut value, _) = T::read_from_prefix(data).map_err(|_| NtStatus::INVALID_PARAMETER)?;
    answer(&mut value)?;
    put(data, &value)
}

/// Adapters are not linked here, so there is one physical one.
fn only_physical_adapter(index: u32) -> Result<(), NtStatus> {
    match index {
        0 => Ok(()),
        _ => Err(NtStatus::INVALID_PARAMETER),
    }
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
        bios_string: utf16(&performance::bios_version(adapter)),
        dac_type: utf16("None"),
        chip_type: utf16(&format!("{:04x}:{:04x}", adapter.vendor, adapter.device)),
    }
}

fn node_metadata(
    adapter: &AdapterDescription,
    metadata: &mut NodeMetadata,
) -> Result<(), NtStatus> {
    let wanted = metadata.node_ordinal_and_adapter_index.get();
    let (node, physical) = (wanted & 0xFFFF, wanted >> 16);
    only_physical_adapter(physical)?;
    // CAST: 16 bits.
    let engine = *adapter
        .engines
        .get(node as usize)
        .ok_or(NtStatus::INVALID_PARAMETER)?;
    let mut flags = 0;
    if adapter.hardware_scheduling {
        flags |= NodeMetadata::CONTEXT_SCHEDULING_SUPPORTED;
    }
    if adapter.wddm >= 3200 {
        flags |= NodeMetadata::SUPPORT_BUILD_TEST_COMMAND_BUFFER;
    }
    metadata.engine_type = engine.number().into();
    metadata.friendly_name = utf16(engine.friendly_name());
    metadata.flags = flags.into();
    metadata.gpu_mmu_supported = 1;
    metadata.io_mmu_supported = 0;
    Ok(())
}

fn device_ids(adapter: &AdapterDescription, ids: &mut QueryDeviceIds) -> Result<(), NtStatus> {
    only_physical_adapter(ids.physical_adapter_index.get())?;
    ids.vendor_id = u32::from(adapter.vendor).into();
    ids.device_id = u32::from(adapter.device).into();
    ids.sub_vendor_id = u32::from(adapter.vendor).into();
    ids.sub_system_id = u32::from(adapter.device).into();
    ids.revision_id = u32::from(adapter.revision).into();
    ids.bus_type = BUS_TYPE_PCI.into();
    Ok(())
}

fn segment_groups(
    adapter: &AdapterDescription,
    sizes: &mut SegmentGroupSizeInfo,
) -> Result<(), NtStatus> {
    use crate::budget::{capacity, SegmentGroup};

    only_physical_adapter(sizes.physical_adapter_index.get())?;
    *sizes = SegmentGroupSizeInfo {
        physical_adapter_index: 0.into(),
        padding: 0.into(),
        dedicated_video_memory_size: adapter.dedicated_memory.into(),
        dedicated_system_memory_size: 0.into(),
        shared_system_memory_size: adapter.shared_memory.into(),
        local_memory: capacity(adapter, SegmentGroup::Local).into(),
        non_local_memory: capacity(adapter, SegmentGroup::NonLocal).into(),
        non_budget_memory: 0.into(),
    };
    Ok(())
}
