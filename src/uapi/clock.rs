// SPDX-License-Identifier: GPL-2.0

//! Structures about clocks.

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
    /// In: which adapter.
    pub(crate) adapter: Handle,
    /// In: which engine.
    pub(crate) node_ordinal: u32,
    /// In: on which of several physical adapters.
    pub(crate) physical_adapter_index: u32,
    /// Out: 64-bit numbers, not aligned.
    pub(crate) clock_data: [u8; Self::CLOCK_DATA],
}

impl QueryClockCalibration {
    /// Bytes of the answer.
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
