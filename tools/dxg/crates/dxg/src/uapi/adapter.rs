// SPDX-License-Identifier: GPL-2.0

//! Arguments of the ioctls that find, open, query and close adapters.
//!
//! Pointers are `u64` in this ABI. Fields that hold one are filled in by the [`Driver`](crate::Driver)
//! from a slice and are zero before and after a call.

use super::{abi_struct, request};
use crate::Luid;

abi_struct! {
    /// `d3dkmthandle`: a number of the driver; 0 means none.
    #[derive(Default, PartialOrd, Ord, Hash)]
    pub struct Handle(pub u32);

    /// `d3dkmt_adapterinfo`: one entry of an enumeration, with a freshly opened handle.
    #[derive(Default)]
    pub struct AdapterInfo {
        /// The opened handle; whoever receives it has to close it.
        pub adapter_handle: Handle,
        /// The adapter's identifier in this guest.
        pub adapter_luid: Luid,
        /// Display outputs, always 0 for paravirtual adapters.
        pub num_sources: u32,
        /// Presentation hint, always 0 for paravirtual adapters.
        pub present_move_regions_preferred: u32,
    }

    /// `d3dkmt_enumadapters3`, ioctl 0x3E.
    #[derive(Default)]
    pub struct EnumAdapters3 {
        /// Bits of [`AdapterFilter`](crate::AdapterFilter).
        pub filter: u64,
        /// In: room in the array. Out: adapters written, or needed if the array was too small.
        pub adapter_count: u32,
        /// Unused.
        pub reserved: u32,
        /// Address of the [`AdapterInfo`] array, 0 to ask for the count only.
        pub adapters: u64,
    }

    /// `d3dkmt_openadapterfromluid`, ioctl 0x01.
    #[derive(Default)]
    pub struct OpenAdapterFromLuid {
        /// In: which adapter.
        pub adapter_luid: Luid,
        /// Out: the opened handle.
        pub adapter_handle: Handle,
    }

    /// `d3dkmt_closeadapter`, ioctl 0x15.
    #[derive(Default)]
    pub struct CloseAdapter {
        /// The handle to close.
        pub adapter_handle: Handle,
    }

    /// `d3dkmt_queryadapterinfo`, ioctl 0x09.
    #[derive(Default)]
    pub struct QueryAdapterInfo {
        /// The adapter asked.
        pub adapter: Handle,
        /// Which query, see [`AdapterQuery::TYPE`](super::query::AdapterQuery::TYPE).
        pub r#type: u32,
        /// Address of the query's data.
        pub private_data: u64,
        /// Size of the query's data in bytes.
        pub private_data_size: u32,
        /// Padding.
        pub padding: [u8; 4],
    }

    /// `d3dkmt_queryvideomemoryinfo`, ioctl 0x0A.
    #[derive(Default)]
    pub struct QueryVideoMemoryInfo {
        /// Must be 0: the calling process.
        pub process: u64,
        /// The adapter asked.
        pub adapter: Handle,
        /// 0 local, 1 non-local.
        pub memory_segment_group: u32,
        /// Out: bytes the process should stay below.
        pub budget: u64,
        /// Out: bytes the process uses.
        pub current_usage: u64,
        /// Out: bytes the process has reserved.
        pub current_reservation: u64,
        /// Out: bytes the process could reserve.
        pub available_for_reservation: u64,
        /// In: which physical adapter of a linked group.
        pub physical_adapter_index: u32,
        /// Padding.
        pub padding: [u8; 4],
    }

    /// `d3dkmt_enumprocesses`, ioctl 0x48.
    #[derive(Default)]
    pub struct EnumProcesses {
        /// Which adapter.
        pub adapter_luid: Luid,
        /// Address of an array of `u32` process ids.
        pub buffer: u64,
        /// In: room in the array. Out, in the low 32 bits: processes found.
        pub buffer_count: u64,
    }

    /// `dxgk_isfeatureenabled_result`.
    #[derive(Default)]
    pub struct IsFeatureEnabledResult {
        /// Version of the feature.
        pub version: u16,
        /// The `FEATURE_*` bits.
        pub value: u16,
    }

    /// `d3dkmt_isfeatureenabled`, ioctl 0x49.
    #[derive(Default)]
    pub struct IsFeatureEnabled {
        /// The adapter asked.
        pub adapter: Handle,
        /// Which feature.
        pub feature_id: u32,
        /// Out: the answer.
        pub result: IsFeatureEnabledResult,
    }
}

request!(OpenAdapterFromLuid, 0x01, "D3DKMTOpenAdapterFromLuid");
request!(QueryAdapterInfo, 0x09, "D3DKMTQueryAdapterInfo");
request!(QueryVideoMemoryInfo, 0x0A, "D3DKMTQueryVideoMemoryInfo");
request!(CloseAdapter, 0x15, "D3DKMTCloseAdapter");
request!(EnumAdapters3, 0x3E, "D3DKMTEnumAdapters3");
request!(EnumProcesses, 0x48, "D3DKMTEnumProcesses");
request!(IsFeatureEnabled, 0x49, "D3DKMTIsFeatureEnabled");

/// Enumeration filter: adapters without display and 3D functions, too.
pub const FILTER_INCLUDE_COMPUTE_ONLY: u64 = 1 << 0;
/// Enumeration filter: adapters that only display, too.
pub const FILTER_INCLUDE_DISPLAY_ONLY: u64 = 1 << 1;

/// Feature answer: the feature is on.
pub const FEATURE_ENABLED: u16 = 1 << 0;
/// Feature answer: the host has heard of the feature.
pub const FEATURE_KNOWN: u16 = 1 << 1;
/// Feature answer: the host's GPU driver supports the feature.
pub const FEATURE_SUPPORTED_BY_DRIVER: u16 = 1 << 2;
/// Feature answer: this configuration supports the feature.
pub const FEATURE_SUPPORTED_ON_CONFIG: u16 = 1 << 3;

/// The largest array the driver accepts in an enumeration of adapters.
pub const ENUM_ADAPTERS3_MAX: u32 = 0xFFFF;
/// The largest query the driver forwards.
pub const QUERY_SIZE_MAX: usize = 131072;
