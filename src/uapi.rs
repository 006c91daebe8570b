// SPDX-License-Identifier: GPL-2.0

//! The structures of the user ABI, one module per family of ioctls, and the numbers of the
//! requests.
//!
//! Each structure is written once and compared, field by field, with the C header that user
//! programs include. Padding is explicit, and pointers are 64 bits wide for all callers, so that
//! 32-bit programs use the same layout.

pub(crate) mod adapter;
pub(crate) mod address;
pub(crate) mod allocation;
pub(crate) mod allocation_priority;
pub(crate) mod clock;
pub(crate) mod context;
pub(crate) mod device;
pub(crate) mod escape;
pub(crate) mod hw_queue;
pub(crate) mod lock;
pub(crate) mod open_resource;
pub(crate) mod paging_queue;
pub(crate) mod priority;
pub(crate) mod query;
pub(crate) mod residency;
pub(crate) mod share;
pub(crate) mod signal;
pub(crate) mod statistics;
pub(crate) mod submit;
pub(crate) mod sync_file;
pub(crate) mod sync_object;
pub(crate) mod video_memory;
pub(crate) mod wait;

use crate::{
    linux::uapi_header,
    wire::{
        Handle,
        Luid, //
    }, //
};
use kernel::{
    ioctl::_IOWR,
    prelude::*, //
};

/// Type letter of all requests.
const MAGIC: u32 = b'G' as u32;

/// Highest request number.
pub(crate) const LAST_NR: u32 = 0x49;

/// Encodes the request with number `nr` and argument `T`.
pub(crate) const fn request<T>(nr: u32) -> u32 {
    _IOWR::<T>(MAGIC, nr)
}

/// Fails to compile unless a structure has the size and the field offsets of its C counterpart.
macro_rules! same_layout {
    ($ours:ty, $theirs:ident { $($field:ident),* $(,)? }) => {
        const _: () = {
            type Theirs = $crate::linux::uapi_header::$theirs;

            assert!(size_of::<$ours>() == size_of::<Theirs>());
            $(assert!(
                core::mem::offset_of!($ours, $field) == core::mem::offset_of!(Theirs, $field)
            );)*
        };
    };
}
use same_layout;

static_assert!(size_of::<Handle>() == size_of::<uapi_header::d3dkmthandle>());
same_layout!(Luid, winluid { a, b });
