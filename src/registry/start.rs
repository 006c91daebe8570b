// SPDX-License-Identifier: GPL-2.0

//! The start of an adapter or of the global channel.
//!
//! A start waits for the host without a time limit, in a worker of its own, so that no start waits
//! for another. It ends with the channel at the latest.

use super::{
    Registry,
    NO,
    YES, //
};
use crate::{
    linux::{
        channel::Offer,
        queue::OwnedQueue,
        wait::{
            again_for_memory,
            Completion,
            WaitMode, //
        },
    },
    message::Link,
    objects::{
        adapter::Adapter,
        host::Host, //
    },
    wire::InterfaceVersion, //
};
use kernel::{
    impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{
        atomic::Relaxed,
        Arc,
        Mutex, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// The subject of a start.
pub(super) enum Job {
    /// The global channel.
    Global {
        offer: Arc<Offer>,
        /// The version of the protocol to use.
        version: InterfaceVersion,
    },
    /// An adapter, which was claimed.
    Adapter {
        adapter: Arc<Adapter>,
        offer: Arc<Offer>,
        /// The offer of the global channel.
        global: Arc<Offer>,
        host: Link,
    },
}

/// A work item that starts an adapter or the global channel.
#[pin_data]
pub(super) struct Start {
    registry: Arc<Registry>,
    #[pin]
    job: Mutex<Option<Job>>,
    #[pin]
    done: Completion,
    #[pin]
    work: Work<Start>,
}

impl_has_work! {
    impl HasWork<Self> for Start { self.work }
}

impl Start {
    /// Creates a start without a job.
    pub(super) fn new(registry: &Arc<Registry>) -> Result<Arc<Self>> {
        let registry = registry.clone();

        Arc::pin_init(
            pin_init!(Self {
                registry,
                job <- new_mutex!(None, "Start::job"),
                done <- Completion::new(),
                work <- new_work!("Start::work"),
            }),
            GFP_KERNEL,
        )
    }

    /// Runs `job` on `queue`. Called once.
    pub(super) fn begin(self: &Arc<Self>, job: Job, queue: &OwnedQueue) {
        *self.job.lock() = Some(job);
        // Cannot fail: the item was never queued before.
        let _ = queue.enqueue(self.clone());
    }

    /// Waits until the start has ended.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended early.
    pub(super) fn wait(&self, mode: WaitMode) -> Result {
        self.done.wait(mode)
    }

    fn run_job(&self, job: Job) {
        let registry = &self.registry;

        match job {
            Job::Global { offer, version } => {
                let open = || Host::open(&offer, version, registry.driver_data());
                let result = again_for_memory(open);

                registry.global_opened(&offer, result);
            }
            Job::Adapter {
                adapter,
                offer,
                global,
                host,
            } => {
                let asynchronous = registry.asynchronous.load(Relaxed) == YES;
                let started = adapter.start(&offer, &host, asynchronous, registry.driver_data());

                if let Some(asynchronous) = started.asynchronous {
                    let told = if asynchronous { YES } else { NO };

                    registry.asynchronous.store(told, Relaxed);
                }
                if !started.active {
                    Registry::channel_closed(&offer);
                }
                // The adapter did not use the global channel yet when that was removed.
                if adapter.uses_global_channel() && !registry.has_global(&global) {
                    adapter.global_lost(false);
                }
            }
        }
    }
}

impl WorkItem for Start {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let job = this.job.lock().take();

        if let Some(job) = job {
            this.run_job(job);
        }
        this.done.complete_all();
        // Another start may be possible now. Queued before this start is reported as ended, so that
        // waiting threads see both.
        this.registry.schedule_start();
        this.registry.startup.start_ended(this.registry.is_usable());
    }
}
