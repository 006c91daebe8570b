// SPDX-License-Identifier: GPL-2.0

//! The registry, of which there is one per module: it connects PCI functions, vGPU channels, the
//! global channel and processes.
//!
//! PCI functions and channels arrive in any order. Each arrival queues the same work item, which
//! determines what can be started, and leaves that to a [`Start`] for each adapter and one for the
//! global channel: each waits for the host without a time limit, and none waits for another. No
//! lock is held meanwhile.
//!
//! If a channel is offered again, the function whose adapter has stopped gets another adapter.
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

/// The maximum number of times that [`while_host_answers`] waits for the `silence` it was given.
const FLUSH_ROUNDS: usize = 100;

/// The maximum number of adapters at a time: as many as users can enumerate.
pub(crate) const MAX_ADAPTERS: usize = 64;

/// The registry of the loaded module, for callbacks that get no pointer to it.
pub(crate) static REGISTRY: Global<Registry> = Global::new();

/// A PCI function of a vGPU.
struct Function {
    /// The number that identifies the function.
    number: u64,
    identity: Identity,
    adapter: Arc<Adapter>,
}

/// A vGPU channel, as offered by the host.
struct VgpuChannel {
    luid: Luid,
    offer: Arc<Offer>,
    /// Whether an adapter uses the channel, or has not closed it yet.
    busy: bool,
    /// Whether no adapter was started with the channel since it was offered.
    fresh: bool,
    /// Whether the machine is suspended.
    asleep: bool,
}

/// The state of the global channel.
enum GlobalState {
    /// The channel is closed, as no adapter has needed it yet.
    Closed,
    /// A worker opens the channel.
    Opening,
    /// The channel is open.
    Open(Host),
    /// The channel could not be opened, or the host has broken it. Only a new offer can change
    /// that.
    Failed,
    /// The machine is suspended.
    Asleep,
}

/// The global channel, as offered by the host.
struct GlobalChannel {
    offer: Arc<Offer>,
    state: GlobalState,
}

impl GlobalChannel {
    /// Returns the access to the host, if the channel is open.
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

/// The version and features negotiated with the host, once for all PCI functions.
pub(crate) struct Negotiation {
    /// The result of the negotiation; `None` before the first function.
    pub(crate) negotiated: Option<Negotiated>,
    functions: usize,
}

/// The registry of PCI functions, channels and processes.
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
    /// Whether the host works asynchronously, as last reported for any adapter: one of [`UNKNOWN`],
    /// [`NO`], [`YES`].
    asynchronous: Atomic<u32>,
}

impl_has_work! {
    impl HasWork<Self> for Registry { self.start_work }
}

/// The host has not reported yet whether it works asynchronously.
const UNKNOWN: u32 = 0;
/// The host does not work asynchronously.
const NO: u32 = 1;
/// The host works asynchronously.
const YES: u32 = 2;

/// The time to wait for the start of the first adapter before the second is started: the reply
/// decides which channel the second adapter's first message uses.
const FIRST_ADAPTER: WaitMode = WaitMode::Timeout(5_000);

impl Registry {
    /// Creates an empty registry whose work runs on `queue`, and its teardown on `teardown`.
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

    /// Waits until all queued teardown is done, unless the host does not reply for `silence`
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

    /// Waits until no start is running, unless the host does not reply for `silence` milliseconds.
    /// Adapters that were stopped while being started are closed on the host then.
    pub(crate) fn flush_starts(&self, silence: u32) {
        while_host_answers(silence, |mode| self.startup.wait_over(mode));
    }

    /// Returns the data that all objects share.
    pub(crate) fn driver_data(&self) -> &DriverData {
        &self.driver_data
    }

    /// Returns whether all functions and channels that have arrived were started, or failed to
    /// start.
    pub(crate) fn is_started(&self) -> bool {
        self.startup.is_idle()
    }

    /// Waits until all functions and channels that have arrived were started, or failed to start.
    /// Does not wait for those that arrive while other adapters are active, or that take much
    /// longer than others.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal.
    pub(crate) fn wait_started(&self) -> Result {
        self.startup.wait(WaitMode::Killable, || self.is_usable())
    }

    /// Returns whether the global channel is open and an adapter is active.
    fn is_usable(&self) -> bool {
        self.has_host() && self.find(|adapter| adapter.active().is_ok()).is_some()
    }

    /// Queues the work item that determines what can be started.
    fn schedule_start(self: &Arc<Self>) {
        self.startup.arrive();
        // If the item is queued already it has not begun, and will see the new arrival.
        let _ = self.driver_data.queue.enqueue(self.clone());
    }

    /// Calls `negotiate` to determine the version of the protocol, with the result of earlier
    /// functions if there are any. Counts the function on success.
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

    /// Uncounts a function. After the last one the version is negotiated again, as the host may
    /// offer another one.
    pub(crate) fn function_gone(&self) {
        self.negotiation.lock().functions -= 1;
    }

    /// Adds a function with an adapter, and returns its number. Another function may have the same
    /// LUID: each needs a channel of its own.
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

    /// Removes a function and stops its adapter.
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

    /// Determines what can be started next, and marks it as being started.
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
                // A new global channel also serves adapters that were started with an earlier one.
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

    /// Records the result of opening the global channel, unless the channel was removed meanwhile.
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
        // An unused state is dropped, which closes its channel, after the lock was released.
        drop(inner);
    }

    /// Starts everything that can be started. Each start has a worker of its own.
    fn start_all(self: &Arc<Self>) {
        loop {
            // Allocated before the function or channel is marked as being started.
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

    /// Returns the adapters, in the order of their arrival.
    pub(crate) fn adapters(&self) -> Result<KVec<Arc<Adapter>>> {
        let inner = self.inner.lock();
        let mut adapters = KVec::with_capacity(inner.functions.len(), GFP_KERNEL)?;

        for function in inner.functions.iter() {
            adapters.push(function.adapter.clone(), GFP_KERNEL)?;
        }
        Ok(adapters)
    }

    /// Returns the number of adapters.
    pub(crate) fn adapter_count(&self) -> usize {
        self.inner.lock().functions.len()
    }

    /// Returns the adapter with the LUID `luid`: the first active one, or else the first one.
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

    /// Returns whether `offer` is still that of the global channel.
    fn has_global(&self, offer: &Arc<Offer>) -> bool {
        let inner = self.inner.lock();

        inner
            .global
            .as_ref()
            .is_some_and(|global| Arc::ptr_eq(&global.offer, offer))
    }

    /// Returns whether the global channel is open.
    pub(crate) fn has_host(&self) -> bool {
        self.host().is_some()
    }

    /// Returns the access to the host, if the global channel is open.
    fn host(&self) -> Option<HostAccess> {
        let inner = self.inner.lock();

        inner.global.as_ref()?.host().cloned()
    }
}

/// Calls `wait` until it succeeds, or until the host has not replied for `silence` milliseconds
/// although a reply is pending. The number of calls is limited, as a worker may also not have
/// begun.
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
