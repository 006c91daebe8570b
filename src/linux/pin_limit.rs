// SPDX-License-Identifier: GPL-2.0

//! The module parameter that limits how much memory may be pinned.
//!
//! It is defined in C: parameters of the kernel crate are read once, when the module is loaded, and
//! this one can be changed at run time.
//!
//! C header: `include/linux/moduleparam.h`

use super::bindings;
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};

/// Returns the maximum number of pages that all processes together may have pinned now: the value
/// of the parameter, or if that is 0 [seven eighths](default_pages) of the machine's memory, which
/// may change as well.
pub(crate) fn max_pinned_pages() -> u64 {
    // SAFETY: The functions have no precondition.
    let (mib, ram) = unsafe {
        (
            bindings::dxgkrnl_helper_max_pinned_mib(),
            bindings::dxgkrnl_helper_total_ram_pages(),
        )
    };

    // CAST: An `unsigned long` has at most 64 bits.
    match mib as u64 {
        0 => default_pages(ram as u64),
        mib => pages_of_mib(mib),
    }
}

/// Returns the default limit on a machine with `ram` pages. Pinned pages cannot be swapped, and the
/// OOM killer has no process to kill that would free them: an eighth stays for the kernel and for
/// programs that do not use the GPU.
const fn default_pages(ram: u64) -> u64 {
    ram - ram / 8
}

/// Converts MiB to pages.
const fn pages_of_mib(mib: u64) -> u64 {
    // CAST: It is small.
    mib.saturating_mul((1 << 20) / PAGE_SIZE as u64)
}

static_assert!(default_pages(8000) == 7000);
static_assert!(default_pages(7) == 7);
static_assert!(pages_of_mib(1) * PAGE_SIZE as u64 == 1 << 20);
static_assert!(pages_of_mib(4097) == 4097 * 256);
static_assert!(pages_of_mib(u64::MAX) == u64::MAX);
