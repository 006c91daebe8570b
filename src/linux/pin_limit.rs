// SPDX-License-Identifier: GPL-2.0

//! The module parameter that says how much memory may be pinned.
//!
//! It is one of C's: those of the kernel crate are read once, when the module is loaded, and this
//! one has to follow what the machine is used for.
//!
//! C header: `include/linux/moduleparam.h`

use super::bindings;
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};

/// Most pages that all processes together may have pinned at the moment: what the administrator has
/// set, else [seven eighths](default_pages) of the machine's memory, which may change as well.
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

/// The pages that may be pinned by default on a machine with `ram` pages. What is pinned cannot be
/// swapped, and belongs to nobody whom the kernel could kill to get it back: an eighth stays for
/// the kernel and for programs that have nothing to do with GPUs.
const fn default_pages(ram: u64) -> u64 {
    ram - ram / 8
}

/// The pages of so many MiB.
const fn pages_of_mib(mib: u64) -> u64 {
    // CAST: It is small.
    mib.saturating_mul((1 << 20) / PAGE_SIZE as u64)
}

static_assert!(default_pages(8000) == 7000);
static_assert!(default_pages(7) == 7);
static_assert!(pages_of_mib(1) * PAGE_SIZE as u64 == 1 << 20);
static_assert!(pages_of_mib(4097) == 4097 * 256);
static_assert!(pages_of_mib(u64::MAX) == u64::MAX);
