// SPDX-License-Identifier: GPL-2.0

//! How much memory of programs is pinned, and whether that may become more.
//!
//! The limit is one for all processes together: one of each would be a matter of forking.

use super::services::Services;
use crate::{
    amount::{
        Amount,
        Share, //
    },
    linux::pin_limit::max_pinned_pages,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What one process has pinned, in pages.
pub(crate) struct PinAccount {
    own: Arc<Amount>,
    all: Arc<Amount>,
}

impl PinAccount {
    /// The account of a process that has pinned nothing.
    pub(crate) fn new(services: &Services) -> Result<Self> {
        Ok(Self {
            own: Amount::new(GFP_KERNEL_ACCOUNT)?,
            all: services.pinned.clone(),
        })
    }

    /// Counts `pages` that are about to be pinned.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if that is more than the administrator allows.
    pub(crate) fn take(&self, pages: u64) -> Result<[Share; 2]> {
        Ok([
            self.all.take(pages, max_pinned_pages())?,
            self.own.take(pages, u64::MAX)?,
        ])
    }

    /// How many pages the process has pinned.
    pub(crate) fn pages(&self) -> u64 {
        self.own.get()
    }
}
