// SPDX-License-Identifier: GPL-2.0

//! The data that all objects of the driver share. The registry creates it once.

use super::{
    host_events::HostEvents,
    object_stats::ObjectStats,
    pin_counter::PinTotal,
    sysmem_record::SysmemRecords, //
};
use crate::{
    linux::{
        channel::Offer,
        queue::OwnedQueue, //
    },
    transport::OnBroken, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The shared data. Clones share their contents.
#[derive(Clone)]
pub(crate) struct DriverData {
    /// The queue for work that no thread waits for.
    pub(crate) queue: Arc<OwnedQueue>,
    /// The queue for work that other drivers may wait for. Its items wait for no item on `queue`.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) wakes: Arc<OwnedQueue>,
    /// The queue for telling the host what has been destroyed. An item may wait for the host as
    /// long as the channel is open.
    pub(crate) teardown: Arc<OwnedQueue>,
    /// The ordered queue on which GPADLs of the global channel are established and torn down.
    pub(crate) gpadls: Arc<OwnedQueue>,
    /// Called when the host breaks a channel.
    pub(crate) on_broken: OnBroken,
    /// Called when an adapter has closed its channel.
    pub(crate) on_closed: fn(&Arc<Offer>),
    /// The targets of the host's notifications.
    pub(crate) host_events: Arc<HostEvents>,
    /// The number of objects of each kind.
    pub(crate) object_stats: Arc<ObjectStats>,
    /// The records of the memory of programs that is lent to the host.
    pub(crate) sysmem_records: Arc<SysmemRecords>,
    /// The number of pinned pages of all programs.
    pub(super) pinned: Arc<PinTotal>,
}

impl DriverData {
    /// Creates the shared data with `queue` and `teardown`, and with `on_broken` and `on_closed` as
    /// callbacks.
    pub(crate) fn new(
        queue: Arc<OwnedQueue>,
        teardown: Arc<OwnedQueue>,
        on_broken: OnBroken,
        on_closed: fn(&Arc<Offer>),
    ) -> Result<Self> {
        Ok(Self {
            queue,
            #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
            wakes: Arc::new(OwnedQueue::new_for_reclaim(c"dxgkrnl-wakes")?, GFP_KERNEL)?,
            teardown,
            gpadls: Arc::new(OwnedQueue::ordered(c"dxgkrnl_gpadl")?, GFP_KERNEL)?,
            on_broken,
            on_closed,
            host_events: HostEvents::new()?,
            object_stats: ObjectStats::new()?,
            sysmem_records: Arc::pin_init(SysmemRecords::new(), GFP_KERNEL)?,
            pinned: PinTotal::new()?,
        })
    }

    /// Waits until no work item is left on any queue. Called after the channels are closed, when no
    /// other thread queues work.
    pub(crate) fn drain(&self) {
        // An item may queue another one on a different queue, but such chains are shorter than
        // this.
        for _ in 0..8 {
            #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
            self.wakes.flush();
            self.queue.flush();
            self.teardown.flush();
            self.gpadls.flush();
        }
        #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
        self.wakes.drain();
        self.queue.drain();
        self.teardown.drain();
        self.gpadls.drain();
    }

    /// Returns `queue` and `teardown`, in this order.
    pub(crate) fn queues(&self) -> [Arc<OwnedQueue>; 2] {
        [self.queue.clone(), self.teardown.clone()]
    }
}
