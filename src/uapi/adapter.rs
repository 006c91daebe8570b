// SPDX-License-Identifier: GPL-2.0

//! Structures for opening, closing and listing adapters, and for listing the processes that use
//! one.

use super::same_layout;
use crate::wire::{
    Handle,
    Luid, //
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of OpenAdapterFromLuid.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenAdapterFromLuid {
    /// In: LUID of the adapter to open.
    pub(crate) adapter_luid: Luid,
    /// Out: the new handle, to be closed with CloseAdapter.
    pub(crate) adapter_handle: Handle,
}

same_layout!(
    OpenAdapterFromLuid,
    d3dkmt_openadapterfromluid {
        adapter_luid,
        adapter_handle
    }
);

/// Argument of CloseAdapter.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CloseAdapter {
    /// In: the handle to close; 0 is accepted and does nothing.
    pub(crate) adapter_handle: Handle,
}

same_layout!(CloseAdapter, d3dkmt_closeadapter { adapter_handle });

/// One element of the lists that EnumAdapters2 and EnumAdapters3 write.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct AdapterInfo {
    /// Out: a new handle, to be closed with CloseAdapter.
    pub(crate) adapter_handle: Handle,
    /// Out: LUID of the adapter.
    pub(crate) adapter_luid: Luid,
    /// Out: number of display sources, always 0.
    pub(crate) num_sources: u32,
    /// Out: always 0, since the adapter has no display.
    pub(crate) present_move_regions_preferred: u32,
}

same_layout!(
    AdapterInfo,
    d3dkmt_adapterinfo {
        adapter_handle,
        adapter_luid,
        num_sources,
        present_move_regions_preferred
    }
);

/// Argument of EnumAdapters2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct EnumAdapters2 {
    /// In: number of entries `adapters` has space for. Out: number of entries written, or of known
    /// adapters if `adapters` is null.
    pub(crate) num_adapters: u32,
    /// Ignored, and written back unchanged.
    pub(crate) reserved: u32,
    /// In: address of an array of [`AdapterInfo`], or null.
    pub(crate) adapters: u64,
}

same_layout!(
    EnumAdapters2,
    d3dkmt_enumadapters2 {
        num_adapters,
        reserved,
        adapters
    }
);

/// Argument of EnumAdapters3.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct EnumAdapters3 {
    /// In: kinds of adapters to list.
    pub(crate) filter: u64,
    /// In: number of entries `adapters` has space for. Out: number of entries written, of known
    /// adapters if there is no space at all, or of entries needed if there is too little.
    pub(crate) adapter_count: u32,
    /// Ignored.
    pub(crate) reserved: u32,
    /// In: address of an array of [`AdapterInfo`], or null.
    pub(crate) adapters: u64,
}

impl EnumAdapters3 {
    /// Bit of [`Self::filter`]: lists compute-only adapters as well.
    pub(crate) const INCLUDE_COMPUTE_ONLY: u64 = 1 << 0;
}

same_layout!(
    EnumAdapters3,
    d3dkmt_enumadapters3 {
        filter,
        adapter_count,
        reserved,
        adapters
    }
);

/// Argument of EnumProcesses.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct EnumProcesses {
    /// In: LUID of the adapter.
    pub(crate) adapter_luid: Luid,
    /// In: address of an array of `u32`, filled with process ids.
    pub(crate) buffer: u64,
    /// In: number of entries `buffer` has space for. Out: number of processes found.
    pub(crate) buffer_count: u64,
}

same_layout!(
    EnumProcesses,
    d3dkmt_enumprocesses {
        adapter_luid,
        buffer,
        buffer_count
    }
);
