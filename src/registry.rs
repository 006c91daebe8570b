// SPDX-License-Identifier: GPL-2.0

//! The one thing that is there once per module: it ties PCI functions, vGPU channels, the global
//! channel and processes together.
//!
//! PCI functions and channels arrive in any order. Each arrival queues the same work item, the
//! starter, which finds out what can be started, and leaves that to a [`Start`] for each adapter and
//! one for the global channel: they wait for the host as long as it takes, and not for each other. No
//! lock is held meanwhile.
//!
//! A channel that is offered again is a chance for the function whose adapter has stopped: it gets
//! another adapter.
//!
//! Locks: `Registry::negotiation`, `Registry::inner`, `Registry::processes`; see `objects.rs`.

mod channels;
mod processes;
mod show;
mod start;
mod startup;

use self::{
    processes::Processes,
    start::{
        Job,
        Start, //
    },
    startup::Startup, //
};
use crate::{
    linux::{
        channel::Offer,
        global::Global,
        queue::OwnedQueue,
        wait::{
            wait_for_memory,
            Completion,
            WaitMode, //
        },
    },
    message::Told,
    objects::{
        adapter::{
            Adapter,
            Identity,
            Negotiated, //
        },
        driver_data::DriverData,
        host::{
            Host,
            HostAccess, //
        },
    },
    wire::Luid, //
};
use core::mem;
use kernel::{
    impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// How often [`while_host_answers`] waits for the time that the host may be silent.
const FLUSH_ROUNDS: usize = 100;

/// Most adapters at a time: as many as users can enumerate.
pub(crate) const MAX_ADAPTERS: usize = 64;

/// The registry of the loaded module, for callbacks that get no pointer to it.
pub(crate) static REGISTRY: Global<Registry> = Global::new();

/// A PCI function.
struct Function {
    /// Tells it from the others.
    number: u64,
    identity: Identity,
    adapter: Arc<Adapter>,
}

/// A vGPU channel.
struct VgpuChannel {
    luid: Luid,
    offer: Arc<Offer>,
    /// An adapter has it, or has not closed it yet.
    busy: bool,
    /// No adapter was started with it since it was offered.
    fresh: bool,
    /// The machine sleeps.
    asleep: bool,
}

/// What is known of the global channel.
enum GlobalState {
    /// It is not needed yet.
    Closed,
    /// A worker opens it.
    Opening,
    /// It is open.
    Open(Host),
    /// It could not be opened, or the host has broken it; only a new offer helps.
    Failed,
    /// The machine sleeps.
    Asleep,
}

/// The global channel.
struct GlobalChannel {
    offer: Arc<Offer>,
    state: GlobalState,
}

impl GlobalChannel {
    /// The way to the host, if the channel is open.
    fn host(&self) -> Option<&HostAccess> {
        match &self.state {
            GlobalState::Open(host) => Some(host.access()),
            _ => None,
        }
    }
}

struct Inner {
    functions: KVec<Function>,
    /// The number of the function that arrived last.
    last_number: u64,
    channels: KVec<VgpuChannel>,
    global: Option<GlobalChannel>,
}

/// What was agreed on with the host, once for all PCI functions.
pub(crate) struct Negotiation {
    /// What was agreed on; `None` as long as there is no function.
    pub(crate) negotiated: Option<Negotiated>,
    functions: usize,
}

/// The registry.
#[pin_data]
pub(crate) struct Registry {
    driver_data: DriverData,
    #[pin]
    negotiation: Mutex<Negotiation>,
    #[pin]
    inner: Mutex<Inner>,
    #[pin]
    processes: Mutex<Processes>,
    #[pin]
    start_work: Work<Registry>,
    #[pin]
    startup: Startup,
    /// Whether the host works asynchronously, as it has told last, with any adapter: one of
    /// [`UNKNOWN`], [`NO`], [`YES`].
    asynchronous: Atomic<u32>,
}

impl_has_work! {
    impl HasWork<Self> for Registry { self.start_work }
}

/// The host has not said yet whether it works asynchronously.
const UNKNOWN: u32 = 0;
/// It does not.
const NO: u32 = 1;
/// It does.
const YES: u32 = 2;

/// How long the second adapter waits for what the first one is told: how the host works decides the
/// way of its first message.
const FIRST_ADAPTER: WaitMode = WaitMode::Timeout(5_000);

impl Registry {
    /// An empty registry whose work is done on `queue`, and the end of things on `teardown`.
    pub(crate) fn new(queue: Arc<OwnedQueue>, teardown: Arc<OwnedQueue>) -> Result<Arc<Self>> {
        let driver_data =
            DriverData::new(queue, teardown, Self::channel_broken, Self::channel_closed)?;
        let inner = Inner {
            functions: KVec::new(),
            last_number: 0,
            channels: KVec::new(),
            global: None,
        };

        Arc::pin_init(
            pin_init!(Self {
                driver_data,
                negotiation <- new_mutex!(
                    Negotiation { negotiated: None, functions: 0 },
                    "Registry::negotiation"
                ),
                inner <- new_mutex!(inner, "Registry::inner"),
                processes <- new_mutex!(Processes::new(), "Registry::processes"),
                start_work <- new_work!("Registry::start_work"),
                startup <- Startup::new(),
                asynchronous: Atomic::new(UNKNOWN),
            }),
            GFP_KERNEL,
        )
    }

    /// Waits until the host was told of what has ended, unless it does not answer for `silence`
    /// milliseconds.
    pub(crate) fn flush_teardown(&self, silence: u32) {
        let Ok(flushed) = Arc::pin_init(Completion::new(), GFP_KERNEL) else {
            return;
        };
        let teardown = self.driver_data.teardown.clone();
        let done: Arc<Completion> = flushed.clone();
        let spawned = self.driver_data.queue.try_spawn(GFP_KERNEL, move || {
            teardown.flush();
            done.complete_all();
        });

        if spawned.is_ok() {
            while_host_answers(silence, |mode| flushed.wait(mode));
        }
    }

    /// Waits until no start is under way, unless the host does not answer for `silence` milliseconds.
    /// Adapters that were stopped while they were started are closed on the host then.
    pub(crate) fn flush_starts(&self, silence: u32) {
        while_host_answers(silence, |mode| self.startup.wait_over(mode));
    }

    /// What all objects share.
    pub(crate) fn driver_data(&self) -> &DriverData {
        &self.driver_data
    }

    /// Returns whether everything that has arrived was started, or could not be.
    pub(crate) fn is_started(&self) -> bool {
        self.startup.is_idle()
    }

    /// Waits until everything that has arrived was started, or could not be. What arrives when adapters
    /// are active, or takes much longer than they, is not waited for.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal.
    pub(crate) fn wait_started(&self) -> Result {
        self.startup.wait(WaitMode::Killable, || self.is_usable())
    }

    /// Whether there is a host, and an adapter that is active.
    fn is_usable(&self) -> bool {
        self.has_host() && self.find(|adapter| adapter.active().is_ok()).is_some()
    }

    /// Has the start work look at what there is.
    fn schedule_start(self: &Arc<Self>) {
        self.startup.arrive();
        // If it is queued already it has not begun, and will see what is new.
        let _ = self.driver_data.queue.enqueue(self.clone());
    }

    /// Lets `negotiate` find the version to speak, with the version found earlier if functions
    /// are there. Counts the function if that works.
    pub(crate) fn function_arrives<T>(
        &self,
        negotiate: impl FnOnce(&mut Negotiation) -> Result<T>,
    ) -> Result<T> {
        let mut negotiation = self.negotiation.lock();

        if negotiation.functions == 0 {
            negotiation.negotiated = None;
        }

        let result = negotiate(&mut negotiation)?;

        negotiation.functions += 1;
        Ok(result)
    }

    /// A function that arrived is gone. With the last one the host may change its mind about the
    /// version.
    pub(crate) fn function_gone(&self) {
        self.negotiation.lock().functions -= 1;
    }

    /// Enters a function with an adapter, and returns its number. Another one may have the same LUID:
    /// each needs a channel of its own.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are too many, `ENOMEM`.
    pub(crate) fn add_function(self: &Arc<Self>, identity: Identity) -> Result<u64> {
        let adapter = Adapter::new(identity)?;
        let mut inner = self.inner.lock();

        if inner.functions.len() >= MAX_ADAPTERS {
            return Err(ENOSPC);
        }

        let number = inner.last_number + 1;
        let function = Function {
            number,
            identity,
            adapter,
        };

        inner.functions.push(function, GFP_KERNEL)?;
        inner.last_number = number;
        drop(inner);
        self.schedule_start();
        Ok(number)
    }

    /// Strikes a function out and stops its adapter.
    pub(crate) fn remove_function(&self, number: u64) {
        let struck = {
            let mut inner = self.inner.lock();
            let index = inner.functions.iter().position(|f| f.number == number);

            index.and_then(|index| inner.functions.remove(index).ok())
        };

        if let Some(function) = struck {
            function.adapter.stop();
        }
    }

    /// Finds out what can be started, and marks it as being started.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, when nothing was changed.
    fn next_job(&self) -> Result<Option<Job>> {
        let mut inner = self.inner.lock();
        let Inner {
            functions,
            channels,
            global,
            ..
        } = &mut *inner;
        let Some(global) = global else {
            return Ok(None);
        };
        let startable = functions.iter().enumerate().find_map(|(index, function)| {
            let waiting = function.adapter.is_waiting();

            if !waiting && !function.adapter.is_stopped() {
                return None;
            }

            let channel = channels.iter().position(|channel| {
                channel.luid == function.identity.luid
                    && !channel.busy
                    && !channel.asleep
                    && (waiting || channel.fresh)
            })?;

            Some((index, channel))
        });

        match &global.state {
            GlobalState::Open(host) => {
                let Some((function, channel)) = startable.and_then(|(function, channel)| {
                    Some((functions.get_mut(function)?, channels.get_mut(channel)?))
                }) else {
                    return Ok(None);
                };

                if !function.adapter.is_waiting() {
                    function.adapter = Adapter::new(function.identity)?;
                }
                if !function.adapter.claim(&channel.offer) {
                    return Ok(None);
                }
                channel.busy = true;
                channel.fresh = false;
                Ok(Some(Job::Adapter {
                    adapter: function.adapter.clone(),
                    offer: channel.offer.clone(),
                    global: global.offer.clone(),
                    host: host.access().link.clone(),
                }))
            }
            GlobalState::Closed => {
                // A new global channel also serves adapters that were started with an old one.
                let user = match startable {
                    Some((function, _)) => functions.get(function),
                    None => functions
                        .iter()
                        .find(|function| function.adapter.is_alive()),
                };
                let Some(user) = user else {
                    return Ok(None);
                };

                global.state = GlobalState::Opening;
                Ok(Some(Job::Global {
                    offer: global.offer.clone(),
                    version: user.adapter.version(),
                }))
            }
            GlobalState::Opening | GlobalState::Failed | GlobalState::Asleep => Ok(None),
        }
    }

    /// Enters the outcome of opening the global channel, unless it has gone meanwhile.
    fn global_opened(&self, offer: &Arc<Offer>, result: Result<Host>) {
        let mut state = match result {
            Ok(host) => GlobalState::Open(host),
            Err(error) => {
                pr_warn!(
                    "the global channel could not be opened: {}\n",
                    error.to_errno()
                );
                GlobalState::Failed
            }
        };
        let mut inner = self.inner.lock();

        if let Some(global) = &mut inner.global {
            if Arc::ptr_eq(&global.offer, offer) && matches!(global.state, GlobalState::Opening) {
                mem::swap(&mut global.state, &mut state);
            }
        }
        // What is not entered is dropped, and thereby closed, after the lock was released.
        drop(inner);
    }

    /// Starts what can be started. Each start has a worker of its own.
    fn start_all(self: &Arc<Self>) {
        loop {
            // Found before anything is marked as being started.
            let next = Start::new(self).and_then(|start| Ok((start, self.next_job()?)));

            match next {
                Ok((start, Some(job))) => self.begin(start, job),
                Ok((_, None)) => return,
                Err(_) => {
                    let _ = wait_for_memory(WaitMode::Unbounded);
                }
            }
        }
    }

    fn begin(&self, start: Arc<Start>, job: Job) {
        let first_adapter =
            matches!(job, Job::Adapter { .. }) && self.asynchronous.load(Relaxed) == UNKNOWN;

        self.startup.start_begins();
        start.begin(job, &self.driver_data.queue);
        if first_adapter {
            let _ = start.wait(FIRST_ADAPTER);
        }
    }

    /// The adapters there are, in the order of their arrival.
    pub(crate) fn adapters(&self) -> Result<KVec<Arc<Adapter>>> {
        let inner = self.inner.lock();
        let mut adapters = KVec::with_capacity(inner.functions.len(), GFP_KERNEL)?;

        for function in inner.functions.iter() {
            adapters.push(function.adapter.clone(), GFP_KERNEL)?;
        }
        Ok(adapters)
    }

    /// How many adapters there are.
    pub(crate) fn adapter_count(&self) -> usize {
        self.inner.lock().functions.len()
    }

    /// The adapter users call `luid`: the first active one, if there is any.
    pub(crate) fn find_adapter(&self, luid: Luid) -> Option<Arc<Adapter>> {
        self.find(|adapter| adapter.luid() == luid && adapter.active().is_ok())
            .or_else(|| self.find(|adapter| adapter.luid() == luid))
    }

    fn find(&self, wanted: impl Fn(&Adapter) -> bool) -> Option<Arc<Adapter>> {
        self.inner
            .lock()
            .functions
            .iter()
            .map(|function| &function.adapter)
            .find(|adapter| wanted(adapter))
            .cloned()
    }

    /// Whether the global channel is still this one.
    fn has_global(&self, offer: &Arc<Offer>) -> bool {
        let inner = self.inner.lock();

        inner
            .global
            .as_ref()
            .is_some_and(|global| Arc::ptr_eq(&global.offer, offer))
    }

    /// Whether the global channel is open.
    pub(crate) fn has_host(&self) -> bool {
        self.host().is_some()
    }

    /// The way to the host, if the global channel is open.
    fn host(&self) -> Option<HostAccess> {
        let inner = self.inner.lock();

        inner.global.as_ref()?.host().cloned()
    }
}

/// Does `wait`, until it succeeds or the host, which owes an answer, gives none for `silence`
/// milliseconds. A worker that has not begun is not its fault, but is not waited for without end
/// either.
fn while_host_answers(silence: u32, wait: impl Fn(WaitMode) -> Result) {
    let mut told = Told::now();

    for _ in 0..FLUSH_ROUNDS {
        if wait(WaitMode::Timeout(silence)).is_ok() {
            return;
        }

        let before = mem::replace(&mut told, Told::now());

        if told == before && told.is_waiting() {
            return;
        }
    }
}

impl WorkItem for Registry {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let arrivals = this.startup.begin();

        this.start_all();
        this.startup.done(arrivals, this.is_usable());
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_registry)]
mod tests {
    use super::*;
    use crate::wire::InterfaceVersion;

    #[test]
    fn adapters_with_the_same_luid() -> Result {
        let queue = Arc::new(OwnedQueue::new(c"dxgkrnl-test")?, GFP_KERNEL)?;
        let registry = Registry::new(queue.clone(), queue.clone())?;
        let luid = Luid { a: 1, b: 2 };
        let identity = Identity {
            luid,
            vgpu: Luid::default(),
            compute_only: false,
            negotiated: Negotiated {
                version: InterfaceVersion::CURRENT,
                maps_pages: false,
            },
        };
        let first = registry.add_function(identity)?;
        let second = registry.add_function(identity)?;
        let adapters = registry.adapters()?;

        assert_eq!(adapters.len(), 2);
        registry.wait_started()?;
        registry.remove_function(first);
        assert!(registry.find_adapter(luid).is_some_and(|found| adapters
            .last()
            .is_some_and(|last| Arc::ptr_eq(&found, last))));
        registry.remove_function(second);
        assert!(registry.find_adapter(luid).is_none());
        // No work item is left that has the registry.
        queue.drain();
        Ok(())
    }
}
