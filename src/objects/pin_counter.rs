// SPDX-License-Identifier: GPL-2.0

//! How much memory of programs is pinned, and whether that may become more.
//!
//! The limit is one for all processes together: one of each would be a matter of forking.

use super::driver_data::DriverData;
use crate::{
    counter::{
        Charge,
        Counter, //
    },
    linux::pin_limit::max_pinned_pages, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};

/// What all processes have pinned, in pages.
pub(crate) struct PinTotal {
    pages: Arc<Counter>,
    /// Whether the log has named the limit.
    told: Atomic<bool>,
}

impl PinTotal {
    /// Makes a total of nothing.
    pub(super) fn new() -> Result<Arc<Self>> {
        let total = Self {
            pages: Counter::new(Counter::UNLIMITED, GFP_KERNEL)?,
            told: Atomic::new(false),
        };

        Ok(Arc::new(total, GFP_KERNEL)?)
    }

    /// Counts `pages` that are about to be pinned.
    ///
    /// # Errors
    ///
    /// `ENOMEM` beyond the limit, which the log names the first time.
    fn try_charge(&self, pages: u64) -> Result<Charge> {
        let limit = max_pinned_pages();

        self.pages.try_charge_below(pages, limit).inspect_err(|_| {
            if !self.told.xchg(true, Relaxed) {
                // CAST: It is small.
                let kib = PAGE_SIZE as u64 / 1024;

                pr_notice!(
                    "{} KiB of programs are pinned for GPUs, and {} KiB more would exceed the \
                     limit of {} KiB (parameter max_pinned_mib)\n",
                    self.pages.usage() * kib,
                    pages.saturating_mul(kib),
                    limit.saturating_mul(kib)
                );
            }
        })
    }
}

/// What one process has pinned, in pages.
pub(crate) struct PinCounter {
    own: Arc<Counter>,
    all: Arc<PinTotal>,
}

impl PinCounter {
    /// Makes the counter of a process that has pinned nothing.
    pub(crate) fn new(driver_data: &DriverData) -> Result<Self> {
        Ok(Self {
            own: Counter::new(Counter::UNLIMITED, GFP_KERNEL_ACCOUNT)?,
            all: driver_data.pinned.clone(),
        })
    }

    /// Counts `pages` that are about to be pinned.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if that is more than all processes together may have.
    pub(crate) fn try_charge(&self, pages: u64) -> Result<[Charge; 2]> {
        Ok([self.all.try_charge(pages)?, self.own.try_charge(pages)?])
    }

    /// How many pages the process has pinned.
    pub(crate) fn pages(&self) -> u64 {
        self.own.usage()
    }
}
