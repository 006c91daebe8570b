// SPDX-License-Identifier: GPL-2.0

//! What all objects of the driver share: the registry makes it, once.

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

/// The shared parts.
#[derive(Clone)]
pub(crate) struct DriverData {
    /// Where work is done that nobody waits for.
    pub(crate) queue: Arc<OwnedQueue>,
    /// Where work is done that other drivers may wait for. It waits for nothing on `queue`.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) wakes: Arc<OwnedQueue>,
    /// Where the host is told of what has ended. A work item may wait for it as long as the channel is
    /// open.
    pub(crate) teardown: Arc<OwnedQueue>,
    /// Where memory is lent to the host over the global channel, and taken back; ordered.
    pub(crate) gpadls: Arc<OwnedQueue>,
    /// What is done when the host breaks a channel.
    pub(crate) on_broken: OnBroken,
    /// What is done when an adapter has closed its channel.
    pub(crate) on_closed: fn(&Arc<Offer>),
    /// What the host may speak about on its own.
    pub(crate) host_events: Arc<HostEvents>,
    /// How many objects there are.
    pub(crate) object_stats: Arc<ObjectStats>,
    /// Which memory of programs the host has.
    pub(crate) sysmem_records: Arc<SysmemRecords>,
    /// How many pages of programs are pinned.
    pub(super) pinned: Arc<PinTotal>,
}

impl DriverData {
    /// Shared parts that use `queue` and `teardown`, and call `on_broken` and `on_closed`.
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

    /// Waits until no work item is left on any queue. Called when the channels are closed and nobody
    /// else puts something on one.
    pub(crate) fn drain(&self) {
        // What is on one of them may put something on another, but not so often.
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

    /// The first two queues, in this order.
    pub(crate) fn queues(&self) -> [Arc<OwnedQueue>; 2] {
        [self.queue.clone(), self.teardown.clone()]
    }
}
