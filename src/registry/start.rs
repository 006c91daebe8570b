// SPDX-License-Identifier: GPL-2.0

//! One start: of an adapter, or of the global channel.
//!
//! A start waits for the host as long as that takes, in a worker of its own, so that none waits for
//! another. It ends with the channel at the latest.

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

/// What is to be started.
pub(super) enum Job {
    /// The global channel.
    Global {
        offer: Arc<Offer>,
        /// The version to speak on it.
        version: InterfaceVersion,
    },
    /// An adapter, which was claimed.
    Adapter {
        adapter: Arc<Adapter>,
        offer: Arc<Offer>,
        /// The global channel.
        global: Arc<Offer>,
        host: Link,
    },
}

/// A worker that starts something.
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
    /// Makes one that has nothing to do yet.
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

    /// Does `job` on `queue`. Called once.
    pub(super) fn begin(self: &Arc<Self>, job: Job, queue: &OwnedQueue) {
        *self.job.lock() = Some(job);
        // It was never queued before.
        let _ = queue.enqueue(self.clone());
    }

    /// Waits until it is done.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
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
                // It was no user of the global channel yet when that went.
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
        // Something else may be startable now. Before it is said that this start is over, so that
        // those who wait see both.
        this.registry.schedule_start();
        this.registry.startup.start_ended(this.registry.is_usable());
    }
}
