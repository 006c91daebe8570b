// SPDX-License-Identifier: GPL-2.0

//! Structures for statistics.

use crate::wire::Luid;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of QueryStatistics.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct QueryStatistics {
    /// In: subject of the statistics.
    pub(crate) r#type: u32,
    /// In: LUID of the adapter.
    pub(crate) adapter_luid: Luid,
    pad: u32,
    /// In: process id, or 0 for the caller.
    pub(crate) process: u64,
    /// Out: the statistics, whose meaning depends on the type.
    pub(crate) result: [u8; Self::RESULT],
    /// In: index of the segment, engine or other part that the type selects.
    pub(crate) selector: [u8; 8],
}

impl QueryStatistics {
    /// Size of the result in bytes.
    pub(crate) const RESULT: usize = 776;
}

const _: () = {
    use crate::linux::uapi_header::{
        d3dkmt_querystatistics as Theirs,
        d3dkmt_querystatistics__bindgen_ty_1__bindgen_ty_1 as Fields,
        d3dkmt_querystatistics_result as TheirResult, //
    };
    use core::mem::offset_of;

    assert!(size_of::<QueryStatistics>() == size_of::<Theirs>());
    assert!(QueryStatistics::RESULT == size_of::<TheirResult>());
    assert!(offset_of!(QueryStatistics, r#type) == offset_of!(Fields, type_));
    assert!(offset_of!(QueryStatistics, adapter_luid) == offset_of!(Fields, adapter_luid));
    assert!(offset_of!(QueryStatistics, process) == offset_of!(Fields, process));
    assert!(offset_of!(QueryStatistics, result) == offset_of!(Fields, result));
};
