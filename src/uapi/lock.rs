// SPDX-License-Identifier: GPL-2.0

//! Structures for mapping allocations into the address space of the program.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of Lock2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct Lock {
    /// In: device.
    pub(crate) device: Handle,
    /// In: allocation to map.
    pub(crate) allocation: Handle,
    /// In: flags.
    pub(crate) flags: u32,
    reserved: u32,
    /// Out: address of the allocation in the program.
    pub(crate) data: u64,
}

same_layout!(
    Lock,
    d3dkmt_lock2 {
        device,
        allocation,
        flags,
        reserved,
        data,
    }
);

/// Argument of Unlock2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct Unlock {
    /// In: device.
    pub(crate) device: Handle,
    /// In: allocation that was locked before.
    pub(crate) allocation: Handle,
}

same_layout!(Unlock, d3dkmt_unlock2 { device, allocation });

/// Argument of InvalidateCache.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct InvalidateCache {
    /// In: device.
    pub(crate) device: Handle,
    /// In: allocation.
    pub(crate) allocation: Handle,
    /// In: offset of the first byte.
    pub(crate) offset: u64,
    /// In: length in bytes.
    pub(crate) length: u64,
}

same_layout!(
    InvalidateCache,
    d3dkmt_invalidatecache {
        device,
        allocation,
        offset,
        length,
    }
);
