// SPDX-License-Identifier: GPL-2.0

//! The page in which the host keeps the value of a fence, as the user program sees it.
//!
//! One fence per page, its value in the first 8 bytes. The driver never reads it: the value is the
//! host's, and the user program believes it or not.

use super::{
    adapter::Adapter,
    host_view::{
        HostView,
        Viewer, //
    },
    process::Process, //
};
use crate::linux::user_mapping::{
    Access,
    Caching, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};

/// The page of a fence in the address space of a user program, until this is dropped.
pub(crate) struct FencePage {
    view: HostView,
}

impl FencePage {
    /// Shows the user program of `process`, which is the current one, the page that the host keeps
    /// at `physical` for a fence on `adapter`: for the shared one that `viewer` says, or for one
    /// that nobody else has.
    ///
    /// # Errors
    ///
    /// Those of [`HostView::show`].
    pub(crate) fn map(
        process: &Process,
        adapter: &Adapter,
        physical: u64,
        access: Access,
        viewer: Viewer,
    ) -> Result<Self> {
        // CAST: 64 bits hold any size.
        let size = PAGE_SIZE as u64;
        let caching = Caching::WriteBack;
        let view = HostView::show(process, adapter, physical, size, access, caching, viewer)?;

        Ok(Self { view })
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
