// SPDX-License-Identifier: GPL-2.0

//! Memory of the host that a user program sees, until the host may use it for something else: when
//! what it belongs to is destroyed, or when adapter or global channel are lost.

use super::{
    adapter::Adapter,
    dependents::{
        Dependences,
        Dependent, //
    },
    process::Process, //
};
use crate::{
    amount::Share,
    linux::user_mapping::{
        Access,
        Caching,
        UserMapping, //
    },
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

impl Dependent for UserMapping {
    fn cut_off(&self) {
        self.revoke();
    }
}

/// Memory of the host in the address space of a user program, until this is dropped.
pub(crate) struct HostView {
    mapping: Arc<UserMapping>,
    _counted: Share,
    _dependences: Dependences,
}

impl HostView {
    /// Shows the user program of `process`, which is the current one, `size` bytes that the host
    /// has at `address` for something on `adapter`.
    ///
    /// # Errors
    ///
    /// `EINVAL` unless those are whole pages of the window: so looks the answer of a host that has
    /// nothing to show. `ENODEV` if the global channel is lost; `ENOMEM`.
    pub(crate) fn show(
        process: &Process,
        adapter: &Adapter,
        address: u64,
        size: u64,
        access: Access,
        caching: Caching,
    ) -> Result<Self> {
        let window = process.io_window();

        window.check(address, size)?;

        let counted = process.count_mapped(size)?;

        let mapping = Arc::new(
            window.map(address, size, access, caching)?,
            GFP_KERNEL_ACCOUNT,
        )?;
        // If the adapter was lost meanwhile, the pages are taken away at once.
        let dependences = process
            .depend_on(adapter, mapping.clone())
            .map_err(|_| ENOMEM)?;

        Ok(Self {
            mapping,
            _counted: counted,
            _dependences: dependences,
        })
    }

    /// Where the user program sees it.
    pub(crate) fn address(&self) -> u64 {
        self.mapping.address()
    }

    /// Takes it away from the user program.
    pub(crate) fn revoke(&self) {
        self.mapping.revoke();
    }
}
