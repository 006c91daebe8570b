// SPDX-License-Identifier: GPL-2.0

//! What a sync file stands for: that a monitored fence has reached a value.
//!
//! The host is asked once, when the file is made, and its answer signals the file. If it never
//! comes, because the fence, its device or the way to the host is gone, or takes too long, the file
//! signals with an error. When the last file goes the wait is withdrawn, and a shared fence is not kept on
//! the host any more: by a worker, as files may go in any context.

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

/// A shared fence, and what keeps it on the host.
pub(crate) struct SharedFence {
    /// The fence.
    pub(crate) object: Arc<SharedSyncObject>,
    /// Keeps it on the host.
    pub(crate) _export: Export,
}

/// What a sync file stands for.
#[pin_data]
pub(crate) struct SyncFile {
    shared: Option<SharedFence>,
    value: u64,
    /// The host's answer is waited for as long as the file is there.
    wait: SetOnce<(Ticket, FenceFile)>,
    /// But others wait for it only so long.
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

    /// The last file is gone.
    fn run(this: Arc<Self>) {
        drop(this);
    }
}

impl Payload for SyncFile {
    const TIMELINE: &'static CStr = c"no_timeline";

    fn released(this: Arc<Self>) {
        let queue = this.queue.clone();

        // It was never queued before.
        let _ = queue.enqueue(this);
    }
}

/// Signals the fence of a sync file.
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

    /// The time is up.
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

/// How long others wait for a sync file. `None`: as long as it takes.
fn limit() -> Option<Delta> {
    match module::parameter(&crate::module_parameters::sync_file_limit) {
        0 => None,
        seconds => Some(Delta::from_secs(i64::from(seconds))),
    }
}

impl SyncFile {
    /// A fence that signals when `value` is reached, what it stands for, and how it is told.
    /// Without `shared` it is good for nothing but being waited for.
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

    /// Leaves the wait that `ticket` and `file` stand for to the file. The time begins to run.
    pub(crate) fn keep(&self, (ticket, file): (Ticket, FenceFile), wait: Arc<Reaching>) {
        self.wait.populate((ticket, file));
        if let Some(limit) = limit() {
            self.limit.populate(wait.start(limit));
        }
    }

    /// The fence, if it is shared.
    pub(crate) fn shared(&self) -> Option<&Arc<SharedSyncObject>> {
        self.shared.as_ref().map(|shared| &shared.object)
    }

    /// The value.
    pub(crate) fn value(&self) -> u64 {
        self.value
    }
}
