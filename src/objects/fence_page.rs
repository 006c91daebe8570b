// SPDX-License-Identifier: GPL-2.0

//! The page in which the host keeps the value of a fence, as the user program sees it: read-only, as
//! on Windows. A program that could write it could make others believe what has not happened.
//!
//! The value has 8 bytes, anywhere in the page, which may have values of other fences as well. It is
//! the host's, and the user program believes it or not. The driver reads it only to tell a fence
//! that is destroyed after it has reached a value from one that has not.

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

/// Bytes of a value.
const VALUE_SIZE: u64 = 8;

/// The page of a fence in the address space of a user program, until this is dropped.
pub(crate) struct FencePage {
    view: IoMapping,
    /// Where the host has the value.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    physical: u64,
}

impl FencePage {
    /// Shows the user program of `process`, which is the current one, the value that the host keeps
    /// at the address `physical` for a fence on `adapter`.
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

    /// Reads the value, if the user program still sees it. Sleeps.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn value(&self) -> Option<u64> {
        self.view.read_u64(self.physical).ok()
    }

    /// Where the user program sees the value.
    pub(crate) fn address(&self) -> u64 {
        self.view.address()
    }

    /// Takes the page away from the user program, before the host may use it for something else.
    pub(crate) fn revoke(&self) {
        self.view.revoke();
    }
}
