// SPDX-License-Identifier: GPL-2.0

//! Memory of the host that a user program sees, until the host may use it for something else: when
//! what it belongs to is destroyed, or when adapter or global channel are lost.

use super::{
    adapter::Adapter,
    notifier_list::{
        Notifiers,
        OnLoss, //
    },
    process::Process, //
};
use crate::{
    counter::Charge,
    linux::user_mapping::{
        Access,
        Caching,
        UserMapping, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        UniqueArc, //
    }, //
};

/// A mapping, which is taken away when the adapter or the global channel is lost.
struct RevokeOnLoss(UserMapping);

impl OnLoss for RevokeOnLoss {
    fn on_loss(&self) {
        self.0.revoke();
    }
}

/// Memory of the host in the address space of a user program, until this is dropped.
pub(crate) struct IoMapping {
    mapping: Arc<RevokeOnLoss>,
    _counted: Charge,
    _notifiers: Notifiers,
}

impl IoMapping {
    /// Shows the user program of `process`, which is the current one, `size` bytes that the host
    /// has at `address` for something on `adapter`, with the rest of the pages they are in.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also unless those pages are in the window: so looks the answer of a host that has
    /// nothing to show. `ENODEV` if the global channel is lost.
    pub(crate) fn show(
        process: &Process,
        adapter: &Adapter,
        address: u64,
        size: u64,
        access: Access,
        caching: Caching,
    ) -> Result<Self> {
        let room = UniqueArc::<RevokeOnLoss>::new_uninit(GFP_KERNEL_ACCOUNT)?;
        let mapping = process.io_window().map(address, size, access, caching)?;
        let mapping: Arc<RevokeOnLoss> = room.write(RevokeOnLoss(mapping)).into();

        Self::enter(process, adapter, &mapping).inspect_err(|_| mapping.0.unmap())
    }

    /// Charges the bytes of `mapping`, and lets it be told when the adapter is lost. If that was so
    /// meanwhile, the pages are taken away at once.
    fn enter(process: &Process, adapter: &Adapter, mapping: &Arc<RevokeOnLoss>) -> Result<Self> {
        Ok(Self {
            _counted: process.count_mapped(mapping.0.size())?,
            _notifiers: process
                .notify_on_loss(adapter, mapping.clone())
                .map_err(|_| ENOMEM)?,
            mapping: mapping.clone(),
        })
    }

    /// Where the user program sees it.
    pub(crate) fn address(&self) -> u64 {
        self.mapping.0.address()
    }

    /// Reads the 8 bytes that the host has at `address` in the same window, unless the memory was
    /// taken away. Sleeps.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn read_u64(&self, address: u64) -> Result<u64> {
        self.mapping.0.window().ok_or(ENODEV)?.read_u64(address)
    }

    /// Takes it away from the user program, and from all that have inherited it. Frees the addresses
    /// if the current task is one of the program's.
    pub(crate) fn revoke(&self) {
        self.mapping.0.unmap();
    }
}

impl Drop for IoMapping {
    /// Takes the memory away, also if it is being taken away elsewhere at this moment, because the
    /// adapter was lost: whoever drops the view is about to tell the host that nobody sees it.
    fn drop(&mut self) {
        self.revoke();
    }
}
