// SPDX-License-Identifier: GPL-2.0

//! The page in which the host keeps the value of a fence, as mapped into the user program:
//! read-only, as on Windows, because a program that could write it could signal fences to other
//! programs.
//!
//! The value has 8 bytes at any offset in the page, which may hold values of other fences as well.
//! It is written by the host only. The driver reads it only to tell a fence that is destroyed after
//! it has reached a value from one that has not.

use super::{
    adapter::Adapter,
    io_mapping::IoMapping,
    process::Process, //
};
use crate::linux::user_mapping::{
    Access,
    Caching, //
};
use kernel::prelude::*;

/// The size of a value in bytes.
const VALUE_SIZE: u64 = 8;

/// The page of a fence, mapped into a user program until this is dropped.
pub(crate) struct FencePage {
    view: IoMapping,
    /// The physical address of the value.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    physical: u64,
}

impl FencePage {
    /// Maps into the user program of `process`, which must be the current one, the page with the
    /// value that the host keeps at the address `physical` for a fence on `adapter`.
    ///
    /// # Errors
    ///
    /// Those of [`IoMapping::show`].
    pub(crate) fn map(process: &Process, adapter: &Adapter, physical: u64) -> Result<Self> {
        let view = IoMapping::show(
            process,
            adapter,
            physical,
            VALUE_SIZE,
            Access::ReadOnly,
            Caching::WriteBack,
        )?;

        Ok(Self {
            view,
            #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
            physical,
        })
    }

    /// Reads the value, if the page is still mapped. Sleeps.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn value(&self) -> Option<u64> {
        self.view.read_u64(self.physical).ok()
    }

    /// Returns the address of the value in the user program.
    pub(crate) fn address(&self) -> u64 {
        self.view.address()
    }

    /// Unmaps the page from the user program, before the host may use it for something else.
    pub(crate) fn revoke(&self) {
        self.view.revoke();
    }
}
