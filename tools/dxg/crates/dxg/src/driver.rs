// SPDX-License-Identifier: GPL-2.0

//! The border between the safe library and the kernel.

mod compute;
mod device_file;
mod mapping;

pub use compute::{ComputeCall, ComputeDriver};
pub(crate) use device_file::DeviceFile;
pub use mapping::{Mapping, PAGE};

use crate::{
    uapi::{adapter::*, statistics::QueryStatistics},
    Errno, NtStatus,
};

/// What one call of the driver gives: a success status of the host, or an error number.
pub type Outcome = Result<NtStatus, Errno>;

/// The ioctls of `/dev/dxg` that find adapters and ask about them, one method each, with slices where the ABI has addresses and counts.
///
/// Implementations set the address and the count from the slice before the call and clear the
/// address afterwards. The library checks no process and translates no error here. It implements
/// the trait for the device node; tests implement it with data (feature `testing`).
pub trait Driver: ComputeDriver + Send + Sync {
    /// D3DKMTEnumAdapters3; an empty slice asks for the count only.
    fn enum_adapters3(
        &self,
        arguments: &mut EnumAdapters3,
        adapters: &mut [AdapterInfo],
    ) -> Outcome;

    /// D3DKMTOpenAdapterFromLuid.
    fn open_adapter_from_luid(&self, arguments: &mut OpenAdapterFromLuid) -> Outcome;

    /// D3DKMTCloseAdapter.
    fn close_adapter(&self, arguments: &mut CloseAdapter) -> Outcome;

    /// D3DKMTQueryAdapterInfo, with the query's data.
    fn query_adapter_info(&self, arguments: &mut QueryAdapterInfo, data: &mut [u8]) -> Outcome;

    /// D3DKMTQueryVideoMemoryInfo.
    fn query_video_memory_info(&self, arguments: &mut QueryVideoMemoryInfo) -> Outcome;

    /// D3DKMTQueryStatistics.
    fn query_statistics(&self, arguments: &mut QueryStatistics) -> Outcome;

    /// D3DKMTEnumProcesses.
    fn enum_processes(&self, arguments: &mut EnumProcesses, processes: &mut [u32]) -> Outcome;

    /// D3DKMTIsFeatureEnabled.
    fn is_feature_enabled(&self, arguments: &mut IsFeatureEnabled) -> Outcome;
}
