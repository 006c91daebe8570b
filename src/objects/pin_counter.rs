// SPDX-License-Identifier: GPL-2.0

//! The number of pinned pages of programs, and its limit.
//!
//! There is one limit for all processes together: a limit per process could be evaded by forking.

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

/// The number of pages that all processes have pinned.
pub(crate) struct PinTotal {
    pages: Arc<Counter>,
    /// Whether the limit has been logged.
    told: Atomic<bool>,
}

impl PinTotal {
    /// Creates a total of 0 pages.
    pub(super) fn new() -> Result<Arc<Self>> {
        let total = Self {
            pages: Counter::new(Counter::UNLIMITED, GFP_KERNEL)?,
            told: Atomic::new(false),
        };

        Ok(Arc::new(total, GFP_KERNEL)?)
    }

    /// Charges `pages` that are about to be pinned.
    ///
    /// # Errors
    ///
    /// `ENOMEM` beyond the limit, which is logged the first time.
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

/// The number of pages that one process has pinned.
pub(crate) struct PinCounter {
    own: Arc<Counter>,
    all: Arc<PinTotal>,
}

impl PinCounter {
    /// Creates the counter of a process that has pinned no pages.
    pub(crate) fn new(driver_data: &DriverData) -> Result<Self> {
        Ok(Self {
            own: Counter::new(Counter::UNLIMITED, GFP_KERNEL_ACCOUNT)?,
            all: driver_data.pinned.clone(),
        })
    }

    /// Charges `pages` that are about to be pinned.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the total of all processes would exceed the limit.
    pub(crate) fn try_charge(&self, pages: u64) -> Result<[Charge; 2]> {
        Ok([self.all.try_charge(pages)?, self.own.try_charge(pages)?])
    }

    /// Returns the number of pages that the process has pinned.
    pub(crate) fn pages(&self) -> u64 {
        self.own.usage()
    }
}
