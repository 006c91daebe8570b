// SPDX-License-Identifier: GPL-2.0
//! GPU-PV messages as bytes.
//!
//! The structs are made of unaligned little-endian integers with every padding byte spelled out,
//! named as in the specification's tables of layouts. Requests start with their command header and
//! may arrive shorter than their struct, because some senders leave trailing padding out: read them
//! with [`read_padded`].

mod adapter;
mod address;
mod allocation;
mod context;
mod described;
mod device;
mod feature;
mod header;
mod info;
pub mod message;
mod process;
mod query;
pub mod query_data;
mod queue;
mod residency;
mod share;
pub mod statistics;
mod sync;

pub use adapter::{
    CloseAdapter, GetInternalAdapterInfo, GetInternalAdapterInfoReturn, OpenAdapter,
    OpenAdapterReturn, SetIoSpaceRegion,
};
pub use address::{
    FreeGpuVirtualAddress, MapGpuVirtualAddress, MapGpuVirtualAddressReturn,
    ReserveGpuVirtualAddress, ReserveGpuVirtualAddressReturn, UpdateGpuVirtualAddress,
    UpdateOperation,
};
pub use allocation::{
    AllocationDescriptor, AllocationReturn, CreateAllocation, DestroyAllocation,
    GetStandardAllocationData, GetStandardAllocationDataReturn, InvalidateCache, Lock, LockReturn,
    OpenResource, OpenResourceReturn, SetExistingSysMemPages, SetExistingSysMemStore,
    StandardAllocation, Unlock,
};
pub use context::{
    CreateContextVirtual, DestroyContext, GetContextSchedulingPriority,
    GetContextSchedulingPriorityReturn, SetContextSchedulingPriority, SubmitCommand,
};
pub use device::{
    CreateDevice, CreateDeviceReturn, DestroyDevice, FlushDevice, GetDeviceState,
    GetDeviceStateReturn, MarkDeviceAsError, SetGuestData,
};
pub use feature::{IsFeatureEnabled, IsFeatureEnabledReturn};
pub use header::{ChannelType, CommandHeader, ExtendedHeader, Luid};
pub use info::{
    BuildTestCommandBuffer, ChangeVideoMemoryReservation, Escape, FlushHeapTransitions,
    QueryClockCalibration, QueryClockCalibrationReturn, QueryStatistics, QueryStatisticsReturn,
};
pub use process::{CreateProcess, CreateProcessReturn, DestroyProcess, PROCESS_NAME_UNITS};
pub use query::{QueryAdapterInfo, QueryVideoMemoryInfo, QueryVideoMemoryInfoReturn};

pub use queue::{
    CreateHwQueue, CreatePagingQueue, CreatePagingQueueReturn, DestroyHwQueue, DestroyPagingQueue,
    SubmitCommandToHwQueue,
};
pub use residency::{
    Evict, EvictReturn, GetAllocationPriority, MakeResident, MakeResidentReturn, OfferAllocations,
    QueryAllocationResidency, ReclaimAllocations, ReclaimAllocationsReturn, SetAllocationPriority,
    UpdateAllocationProperty, UpdateAllocationPropertyReturn, PRIORITY_COUNT_MAX,
    RESIDENCY_COUNT_MAX,
};
pub use share::{
    CreateNtSharedObject, DestroyNtSharedObject, DestroySyncObject, OpenSyncObject,
    OpenSyncObjectReturn, ShareObjectWithHost, ShareObjectWithHostReturn,
};
pub use sync::{
    CreateSyncObject, CreateSyncObjectReturn, SignalGuestEvent, SignalSyncObject, SyncInfo,
    WaitForSyncObjectFromCpu, WaitForSyncObjectFromGpu,
};

use zerocopy::{FromBytes, IntoBytes};

use message::Layout;

/// The layouts of the messages that know them.
pub fn layouts() -> impl Iterator<Item = &'static Layout> {
    [
        address::LAYOUTS,
        allocation::LAYOUTS,
        context::LAYOUTS,
        device::LAYOUTS,
        info::LAYOUTS,
        queue::LAYOUTS,
        residency::LAYOUTS,
        share::LAYOUTS,
        sync::LAYOUTS,
    ]
    .into_iter()
    .flatten()
}

/// The layouts of the data inside QUERYADAPTERINFO and QUERYSTATISTICS.
pub fn data_layouts() -> impl Iterator<Item = &'static Layout> {
    query_data::LAYOUTS.iter().chain(statistics::LAYOUTS)
}

/// The layouts of all messages.
pub fn all_layouts() -> impl Iterator<Item = &'static Layout> {
    layouts().chain(described::LAYOUTS)
}

/// Reads a struct that may be followed by anything, and whose end may be missing: what is missing
/// reads as zero. The caller checks the least length that the command has.
pub fn read_padded<T: FromBytes + IntoBytes>(bytes: &[u8]) -> T {
    let mut value = T::new_zeroed();
    let len = bytes.len().min(size_of::<T>());
    value.as_mut_bytes()[..len].copy_from_slice(&bytes[..len]);
    value
}

/// UTF-16 in a fixed array of bytes, always with a zero at the end.
pub fn utf16<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let room = (N / 2).saturating_sub(1);
    let mut units: Vec<u16> = text.encode_utf16().take(room).collect();
    // Not half a character.
    if units
        .last()
        .is_some_and(|unit| (0xD800..0xDC00).contains(unit))
    {
        units.pop();
    }
    for (pair, unit) in bytes.chunks_exact_mut(2).zip(units) {
        pair.copy_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// The text in an array of UTF-16, up to the first zero.
pub fn from_utf16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .take_while(|&unit| unit != 0);
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
