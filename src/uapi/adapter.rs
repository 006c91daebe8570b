// SPDX-License-Identifier: GPL-2.0

//! Opening, closing and listing adapters and their users.

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
    /// In: which adapter.
    pub(crate) adapter_luid: Luid,
    /// Out: the new handle.
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
    /// In: the handle to close, or 0.
    pub(crate) adapter_handle: Handle,
}

same_layout!(CloseAdapter, d3dkmt_closeadapter { adapter_handle });

/// One element of the lists that EnumAdapters2 and EnumAdapters3 write.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct AdapterInfo {
    /// A new handle.
    pub(crate) adapter_handle: Handle,
    /// Which adapter.
    pub(crate) adapter_luid: Luid,
    /// Number of display sources: none.
    pub(crate) num_sources: u32,
    /// Nothing a display-less adapter could prefer.
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
    /// In: room. Out: adapters written, or adapters there are.
    pub(crate) num_adapters: u32,
    /// Not looked at.
    pub(crate) reserved: u32,
    /// In: where to write.
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
    /// In: which kinds.
    pub(crate) filter: u64,
    /// In: room. Out: adapters written, adapters there are, or room needed.
    pub(crate) adapter_count: u32,
    /// Not looked at.
    pub(crate) reserved: u32,
    /// In: where to write.
    pub(crate) adapters: u64,
}

impl EnumAdapters3 {
    /// The bit of [`Self::filter`] that asks for compute-only adapters too.
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
    /// In: which adapter.
    pub(crate) adapter_luid: Luid,
    /// In: where to write process ids.
    pub(crate) buffer: u64,
    /// In: room. Out: processes there are.
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
