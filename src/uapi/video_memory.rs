// SPDX-License-Identifier: GPL-2.0

//! Structures for the memory of an adapter.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of ChangeVideoMemoryReservation.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ChangeVideoMemoryReservation {
    /// In: must be 0, which means the caller.
    pub(crate) process: u64,
    /// In: adapter.
    pub(crate) adapter: Handle,
    /// In: whether local or non-local memory is meant.
    pub(crate) memory_segment_group: u32,
    /// In: bytes to reserve.
    pub(crate) reservation: u64,
    /// In: index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
    pad: u32,
}

same_layout!(
    ChangeVideoMemoryReservation,
    d3dkmt_changevideomemoryreservation {
        process,
        adapter,
        memory_segment_group,
        reservation,
        physical_adapter_index
    }
);

/// Argument of FlushHeapTransitions.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct FlushHeapTransitions {
    /// In: adapter.
    pub(crate) adapter: Handle,
}

same_layout!(
    FlushHeapTransitions,
    d3dkmt_flushheaptransitions { adapter }
);
