// SPDX-License-Identifier: GPL-2.0

//! The payload of a sync file: a monitored fence has reached a value.
//!
//! The host is asked once, when the file is created, and its guest event signals the file. If the
//! event never comes, because the fence, its device, the adapter or the channel is lost, or if it
//! takes too long, the file signals with an error. When the last file is closed, a worker withdraws
//! the wait and releases a shared fence on the host, as files may be released in any context.

use super::{
    driver_data::DriverData,
    fence_files::FenceFile,
    object_stats::{
        Kind,
        ObjectCount, //
    },
    shared::{
        Export,
        SharedSyncObject, //
    },
    waits::{
        Loss,
        Ticket,
        Wait, //
    },
};
use crate::linux::{
    dma_fence::{
        Fence,
        Payload,
        Signaller, //
    },
    errno::ecanceled,
    module,
    queue::OwnedQueue, //
};
use kernel::{
    impl_has_hr_timer, impl_has_work, new_work,
    prelude::*,
    str::CStr,
    sync::{
        Arc,
        ArcBorrow,
        SetOnce, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeSoftMode, //
        },
        Delta,
        Monotonic, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// A shared fence, and the reference that keeps it on the host.
pub(crate) struct SharedFence {
    /// The fence.
    pub(crate) object: Arc<SharedSyncObject>,
    /// Keeps the fence on the host.
    pub(crate) _export: Export,
}

/// The payload of a sync file.
#[pin_data]
pub(crate) struct SyncFile {
    shared: Option<SharedFence>,
    value: u64,
    /// The wait for the host's guest event, as long as the file exists.
    wait: SetOnce<(Ticket, FenceFile)>,
    /// The timer after which the file signals with an error.
    limit: SetOnce<ArcHrTimerHandle<Reaching>>,
    queue: Arc<OwnedQueue>,
    _counted: ObjectCount,
    #[pin]
    work: Work<SyncFile>,
}

impl_has_work! {
    impl HasWork<Self> for SyncFile { self.work }
}

impl WorkItem for SyncFile {
    type Pointer = Arc<Self>;

    /// Drops the payload of the last file, which may sleep.
    fn run(this: Arc<Self>) {
        drop(this);
    }
}

impl Payload for SyncFile {
    const TIMELINE: &'static CStr = c"no_timeline";

    fn released(this: Arc<Self>) {
        let queue = this.queue.clone();

        // Cannot fail: the item was never queued before.
        let _ = queue.enqueue(this);
    }
}

/// The wait that signals the fence of a sync file.
#[pin_data]
pub(crate) struct Reaching {
    signaller: Signaller,
    #[pin]
    timer: HrTimer<Self>,
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Reaching {
        mode: RelativeSoftMode<Monotonic>, field: self.timer
    }
}

impl HrTimerCallback for Reaching {
    type Pointer<'a> = Arc<Self>;

    /// Signals with an error when the time limit has expired.
    fn run(this: ArcBorrow<'_, Self>, _: HrTimerCallbackContext<'_, Self>) -> HrTimerRestart {
        this.signaller.signal(Err(ETIMEDOUT));
        HrTimerRestart::NoRestart
    }
}

impl Wait for Reaching {
    fn reached(&self) {
        self.signaller.signal(Ok(()));
    }

    fn lost(&self, loss: Loss) {
        let error = match loss {
            Loss::Device | Loss::Host => ENODEV,
            Loss::Object => ecanceled(),
        };

        self.signaller.signal(Err(error));
    }
}

/// Returns the time after which a sync file signals with an error. `None`: never.
fn limit() -> Option<Delta> {
    match module::parameter(&crate::module_parameters::sync_file_limit) {
        0 => None,
        seconds => Some(Delta::from_secs(i64::from(seconds))),
    }
}

impl SyncFile {
    /// Creates a fence that signals when `value` is reached, its payload, and the wait that signals
    /// it. Without `shared` the sync file can only be waited for.
    pub(crate) fn new(
        shared: Option<SharedFence>,
        value: u64,
        driver_data: &DriverData,
    ) -> Result<(Fence, Arc<Self>, Arc<Reaching>)> {
        let this = Arc::pin_init(
            pin_init!(Self {
                shared,
                value,
                wait: SetOnce::new(),
                limit: SetOnce::new(),
                queue: driver_data.queue.clone(),
                _counted: driver_data.object_stats.count(Kind::SyncFile),
                work <- new_work!("SyncFile::work"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        let (signaller, fence) = Signaller::new(this.clone(), value)?;
        let wait = Arc::pin_init(
            pin_init!(Reaching {
                signaller,
                timer <- HrTimer::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        Ok((fence, this, wait))
    }

    /// Keeps the wait of `ticket` and `file` until the payload is dropped, and starts the timer.
    pub(crate) fn keep(&self, (ticket, file): (Ticket, FenceFile), wait: Arc<Reaching>) {
        self.wait.populate((ticket, file));
        if let Some(limit) = limit() {
            self.limit.populate(wait.start(limit));
        }
    }

    /// Returns the fence, if it is shared.
    pub(crate) fn shared(&self) -> Option<&Arc<SharedSyncObject>> {
        self.shared.as_ref().map(|shared| &shared.object)
    }

    /// Returns the value at which the fence signals.
    pub(crate) fn value(&self) -> u64 {
        self.value
    }
}
