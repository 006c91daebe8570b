// SPDX-License-Identifier: GPL-2.0

//! Structures for queries about an adapter.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of QueryAdapterInfo.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryAdapterInfo {
    /// In: adapter.
    pub(crate) adapter: Handle,
    /// In: type of the query.
    pub(crate) r#type: u32,
    /// Address of the data of the query, read and written.
    pub(crate) private_data: u64,
    /// In: size of the data in bytes, not 0.
    pub(crate) private_data_size: u32,
    /// Padding.
    pub(crate) pad: u32,
}

impl QueryAdapterInfo {
    /// Type: kind of the adapter.
    pub(crate) const ADAPTER_TYPE: u32 = 15;
    /// Type: kind of the adapter, for its render part.
    pub(crate) const ADAPTER_TYPE_RENDER: u32 = 57;
}

const _: () = {
    use crate::linux::uapi_header::d3dkmt_queryadapterinfo as Theirs;
    use core::mem::offset_of;

    assert!(size_of::<QueryAdapterInfo>() == size_of::<Theirs>());
    assert!(offset_of!(QueryAdapterInfo, adapter) == offset_of!(Theirs, adapter));
    assert!(offset_of!(QueryAdapterInfo, r#type) == offset_of!(Theirs, type_));
    assert!(offset_of!(QueryAdapterInfo, private_data) == offset_of!(Theirs, private_data));
    assert!(
        offset_of!(QueryAdapterInfo, private_data_size) == offset_of!(Theirs, private_data_size)
    );
};

/// Argument of QueryVideoMemoryInfo.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryVideoMemoryInfo {
    /// In: must be 0, which means the caller.
    pub(crate) process: u64,
    /// In: adapter.
    pub(crate) adapter: Handle,
    /// In: whether local or non-local memory is meant.
    pub(crate) memory_segment_group: u32,
    /// Out: bytes the process should stay below.
    pub(crate) budget: u64,
    /// Out: bytes in use.
    pub(crate) current_usage: u64,
    /// Out: bytes reserved.
    pub(crate) current_reservation: u64,
    /// Out: bytes that could be reserved.
    pub(crate) available_for_reservation: u64,
    /// In: index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
    /// Padding.
    pub(crate) pad: u32,
}

same_layout!(
    QueryVideoMemoryInfo,
    d3dkmt_queryvideomemoryinfo {
        process,
        adapter,
        memory_segment_group,
        budget,
        current_usage,
        current_reservation,
        available_for_reservation,
        physical_adapter_index
    }
);

/// Output of IsFeatureEnabled.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct FeatureResult {
    /// Version of the feature.
    pub(crate) version: u16,
    /// Bits 0 to 3: enabled, known, supported by the driver, supported on this configuration.
    pub(crate) value: u16,
}

static_assert!(
    size_of::<FeatureResult>()
        == size_of::<crate::linux::uapi_header::dxgk_isfeatureenabled_result>()
);

/// Argument of IsFeatureEnabled.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct IsFeatureEnabled {
    /// In: adapter.
    pub(crate) adapter: Handle,
    /// In: number of the feature.
    pub(crate) feature_id: u32,
    /// Out: state of the feature.
    pub(crate) result: FeatureResult,
}

same_layout!(
    IsFeatureEnabled,
    d3dkmt_isfeatureenabled {
        adapter,
        feature_id,
        result
    }
);
