// SPDX-License-Identifier: GPL-2.0
//! The commands by what they are about. Each family is handled in a file of its own.

/// The virtual machine as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum VmCommand {
    CreateProcess,
    DestroyProcess,
    SetIoSpaceRegion,
    IsFeatureEnabledGlobal,
}

/// Objects of several processes, and of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum ShareCommand {
    OpenSyncObject,
    DestroySyncObject,
    CreateNtSharedObject,
    DestroyNtSharedObject,
    ShareObjectWithHost,
}

/// The adapter itself, on behalf of no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum AdapterCommand {
    OpenAdapter,
    CloseAdapter,
    GetInternalAdapterInfo,
    IsFeatureEnabled,
}

/// Devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum DeviceCommand {
    CreateDevice,
    DestroyDevice,
    FlushDevice,
    GetDeviceState,
    MarkDeviceAsError,
}

/// Contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum ContextCommand {
    CreateContextVirtual,
    DestroyContext,
    SubmitCommand,
    SetContextSchedulingPriority,
    GetContextSchedulingPriority,
}

/// Hardware queues and paging queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum QueueCommand {
    CreatePagingQueue,
    DestroyPagingQueue,
    CreateHwQueue,
    DestroyHwQueue,
    SubmitCommandToHwQueue,
}

/// Sync objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum SyncCommand {
    CreateSyncObject,
    SignalSyncObject,
    WaitForSyncObjectFromCpu,
    WaitForSyncObjectFromGpu,
}

/// Allocations and resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum AllocationCommand {
    CreateAllocation,
    DestroyAllocation,
    OpenResource,
    GetStandardAllocationDriverData,
    SetExistingSysMemStore,
    SetExistingSysMemPages,
    Lock,
    Unlock,
    InvalidateCache,
}

/// Where allocations are, and how much they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum ResidencyCommand {
    MakeResident,
    Evict,
    QueryAllocationResidency,
    OfferAllocations,
    ReclaimAllocations,
    SetAllocationPriority,
    GetAllocationPriority,
    UpdateAllocationProperty,
}

/// GPU addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum AddressCommand {
    Reserve,
    Map,
    Free,
    Update,
}

/// What users can learn of an adapter, and tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the protocol")]
pub enum InfoCommand {
    QueryAdapterInfo,
    QueryVideoMemoryInfo,
    ChangeVideoMemoryReservation,
    QueryStatistics,
    QueryClockCalibration,
    FlushHeapTransitions,
    Escape,
}
