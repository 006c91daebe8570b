// SPDX-License-Identifier: GPL-2.0

//! Structures for clocks.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of QueryClockCalibration.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryClockCalibration {
    /// In: adapter.
    pub(crate) adapter: Handle,
    /// In: ordinal of the engine.
    pub(crate) node_ordinal: u32,
    /// In: index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
    /// Out: the clocks as 64-bit numbers, packed and therefore not aligned.
    pub(crate) clock_data: [u8; Self::CLOCK_DATA],
}

impl QueryClockCalibration {
    /// Size of the clock data in bytes.
    pub(crate) const CLOCK_DATA: usize = 28;
}

same_layout!(
    QueryClockCalibration,
    d3dkmt_queryclockcalibration {
        adapter,
        node_ordinal,
        physical_adapter_index,
        clock_data
    }
);
