// SPDX-License-Identifier: GPL-2.0

//! What all objects of the driver share: the registry makes it, once.

use super::{
    census::Census,
    lent_record::LentRecords,
    notices::Notices,
    pin_account::PinTotal, //
};
use crate::{
    linux::queue::OwnedQueue,
    transport::OnBroken, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The shared parts.
#[derive(Clone)]
pub(crate) struct Services {
    /// Where work is done that nobody waits for.
    pub(crate) queue: Arc<OwnedQueue>,
    /// Where work is done that other drivers may wait for. It waits for nothing on `queue`.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) wakes: Arc<OwnedQueue>,
    /// What is done when the host breaks a channel.
    pub(crate) on_broken: OnBroken,
    /// What the host may speak about on its own.
    pub(crate) notices: Arc<Notices>,
    /// How many objects there are.
    pub(crate) census: Arc<Census>,
    /// Which memory of programs the host has.
    pub(crate) lent: Arc<LentRecords>,
    /// How many pages of programs are pinned.
    pub(super) pinned: Arc<PinTotal>,
}

impl Services {
    /// Shared parts that use `queue`.
    pub(crate) fn new(queue: Arc<OwnedQueue>, on_broken: OnBroken) -> Result<Self> {
        Ok(Self {
            queue,
            #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
            wakes: Arc::new(OwnedQueue::new_for_reclaim(c"dxgkrnl-wakes")?, GFP_KERNEL)?,
            on_broken,
            notices: Notices::new()?,
            census: Census::new()?,
            lent: Arc::pin_init(LentRecords::new(), GFP_KERNEL)?,
            pinned: PinTotal::new()?,
        })
    }
}
