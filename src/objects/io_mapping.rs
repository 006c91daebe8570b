// SPDX-License-Identifier: GPL-2.0

//! Memory of the host that is mapped into a user program until the host may use it for something
//! else: when the object it belongs to is destroyed, or when the adapter or the global channel is
//! lost.

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

/// A mapping that is revoked when the adapter or the global channel is lost.
struct RevokeOnLoss(UserMapping);

impl OnLoss for RevokeOnLoss {
    fn on_loss(&self) {
        self.0.revoke();
    }
}

/// Memory of the host in the address space of a user program, unmapped when this is dropped.
pub(crate) struct IoMapping {
    mapping: Arc<RevokeOnLoss>,
    _counted: Charge,
    _notifiers: Notifiers,
}

impl IoMapping {
    /// Maps into the user program of `process`, which must be the current one, the pages that
    /// contain the `size` bytes that the host has at `address` for an object on `adapter`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also unless those pages are in the window: a host that has no memory to map
    /// replies with such an address. `ENODEV` if the global channel is lost.
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

    /// Charges the bytes of `mapping`, and registers it to be revoked when the adapter is lost. If
    /// the adapter was lost meanwhile, the mapping is revoked at once.
    fn enter(process: &Process, adapter: &Adapter, mapping: &Arc<RevokeOnLoss>) -> Result<Self> {
        Ok(Self {
            _counted: process.count_mapped(mapping.0.size())?,
            _notifiers: process
                .notify_on_loss(adapter, mapping.clone())
                .map_err(|_| ENOMEM)?,
            mapping: mapping.clone(),
        })
    }

    /// Returns the address in the user program.
    pub(crate) fn address(&self) -> u64 {
        self.mapping.0.address()
    }

    /// Reads the 8 bytes that the host has at `address` in the same window, unless the mapping was
    /// revoked. Sleeps.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn read_u64(&self, address: u64) -> Result<u64> {
        self.mapping.0.window().ok_or(ENODEV)?.read_u64(address)
    }

    /// Unmaps the memory from the user program, and from all processes that have inherited the
    /// mapping. Frees the addresses if the current task belongs to the program.
    pub(crate) fn revoke(&self) {
        self.mapping.0.unmap();
    }
}

impl Drop for IoMapping {
    /// Unmaps the memory, even while another thread revokes it because the adapter was lost: after
    /// this the host may be told that the memory is not mapped.
    fn drop(&mut self) {
        self.revoke();
    }
}
