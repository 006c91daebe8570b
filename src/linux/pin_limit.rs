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

/// Most pages that all processes together may have pinned at the moment.
pub(crate) fn max_pinned_pages() -> u64 {
    // SAFETY: The function has no precondition.
    //
    // CAST: An `unsigned long` has at most 64 bits.
    pages_of_mib(unsafe { bindings::dxgkrnl_helper_max_pinned_mib() } as u64)
}

/// The pages of so many MiB; of 0, which stands for no limit, as many as there can be.
const fn pages_of_mib(mib: u64) -> u64 {
    match mib {
        0 => u64::MAX,
        // CAST: It is small.
        mib => mib.saturating_mul((1 << 20) / PAGE_SIZE as u64),
    }
}

static_assert!(pages_of_mib(0) == u64::MAX);
static_assert!(pages_of_mib(1) * PAGE_SIZE as u64 == 1 << 20);
static_assert!(pages_of_mib(4097) == 4097 * 256);
static_assert!(pages_of_mib(u64::MAX) == u64::MAX);
