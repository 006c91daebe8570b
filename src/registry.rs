// SPDX-License-Identifier: GPL-2.0

//! The one thing that is there once per module: it ties PCI functions, vGPU channels, the global
//! channel and processes together.
//!
//! PCI functions and channels arrive in any order. Each arrival queues the same work item, which
//! starts every adapter that has all it needs; as a work item never runs twice at a time there is
//! one starter, and no lock is held while it talks to the host.
//!
//! Locks: `Registry::negotiation`, `Registry::inner`, `Registry::processes`; see `objects.rs`.

mod processes;
mod show;
mod startup;

use self::{
    processes::Processes,
    startup::Startup, //
};
use crate::{
    linux::{
        channel::Offer,
        global::Global,
        queue::OwnedQueue,
        waiter::Patience, //
    },
    message::Link,
    objects::{
        adapter::{
            Adapter,
            Agreement, //
        },
        host::{
            Host,
            HostAccess, //
        },
        services::Services, //
    },
    wire::{
        InterfaceVersion,
        Luid, //
    },
};
use kernel::{
    impl_has_work,
    new_mutex,
    new_work, //
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

/// Most adapters at a time: as many as users can enumerate.
pub(crate) const MAX_ADAPTERS: usize = 64;

/// The registry of the loaded module, for callbacks that get no pointer to it.
pub(crate) static REGISTRY: Global<Registry> = Global::new();

/// A vGPU channel.
struct VgpuChannel {
    luid: Luid,
    offer: Arc<Offer>,
}

/// The global channel.
struct GlobalChannel {
    offer: Arc<Offer>,
    /// Open, or not needed yet.
    host: Option<Host>,
    /// Opening failed; only a new offer helps.
    failed: bool,
}

struct Inner {
    adapters: KVec<Arc<Adapter>>,
    channels: KVec<VgpuChannel>,
    global: Option<GlobalChannel>,
}

/// What was agreed on with the host, once for all PCI functions.
pub(crate) struct Negotiation {
    /// What was agreed on; `None` as long as there is no function.
    pub(crate) agreement: Option<Agreement>,
    functions: usize,
}

/// The registry.
#[pin_data]
pub(crate) struct Registry {
    services: Services,
    #[pin]
    negotiation: Mutex<Negotiation>,
    #[pin]
    inner: Mutex<Inner>,
    #[pin]
    processes: Mutex<Processes>,
    #[pin]
    starter: Work<Registry>,
    #[pin]
    startup: Startup,
    /// What the host has told last, with any adapter: that it works asynchronously.
    asynchronous: Atomic<bool>,
}

impl_has_work! {
    impl HasWork<Self> for Registry { self.starter }
}

/// What the starter is to do next.
enum Job {
    OpenGlobal {
        offer: Arc<Offer>,
        version: InterfaceVersion,
    },
    Start {
        adapter: Arc<Adapter>,
        offer: Arc<Offer>,
        /// The global channel.
        global: Arc<Offer>,
        host: Link,
    },
}

impl Registry {
    /// An empty registry whose work is done on `queue`.
    pub(crate) fn new(queue: Arc<OwnedQueue>) -> Result<Arc<Self>> {
        let services = Services::new(queue, Self::channel_broken)?;

        Arc::pin_init(
            pin_init!(Self {
                services,
                negotiation <- new_mutex!(
                    Negotiation { agreement: None, functions: 0 },
                    "Registry::negotiation"
                ),
                inner <- new_mutex!(
                    Inner { adapters: KVec::new(), channels: KVec::new(), global: None },
                    "Registry::inner"
                ),
                processes <- new_mutex!(Processes::new(), "Registry::processes"),
                starter <- new_work!("Registry::starter"),
                startup <- Startup::new(),
                asynchronous: Atomic::new(false),
            }),
            GFP_KERNEL,
        )
    }

    /// The queue all work is done on.
    pub(crate) fn queue(&self) -> Arc<OwnedQueue> {
        self.services.queue.clone()
    }

    /// What all objects share.
    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// Returns whether everything that has arrived was started, or could not be.
    pub(crate) fn is_started(&self) -> bool {
        self.startup.is_idle()
    }

    /// Waits until everything that has arrived was started, or could not be.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal.
    pub(crate) fn wait_started(&self) -> Result {
        self.startup.wait(Patience::Killable)
    }

    fn evaluate(self: &Arc<Self>) {
        self.startup.arrive();
        // If it is queued already it has not begun, and will see what is new.
        let _ = self.services.queue.enqueue(self.clone());
    }

    /// Lets `negotiate` find the version to speak, with the version found earlier if functions
    /// are there. Counts the function if that works.
    pub(crate) fn function_arrives<T>(
        &self,
        negotiate: impl FnOnce(&mut Negotiation) -> Result<T>,
    ) -> Result<T> {
        let mut negotiation = self.negotiation.lock();

        if negotiation.functions == 0 {
            negotiation.agreement = None;
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

    /// Enters an adapter. Another one may have the same LUID: each needs a channel of its own.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are too many, `ENOMEM`.
    pub(crate) fn add_adapter(self: &Arc<Self>, adapter: Arc<Adapter>) -> Result {
        let mut inner = self.inner.lock();

        if inner.adapters.len() >= MAX_ADAPTERS {
            return Err(ENOSPC);
        }
        inner.adapters.push(adapter, GFP_KERNEL)?;
        drop(inner);
        self.evaluate();
        Ok(())
    }

    /// Strikes an adapter out and stops it.
    pub(crate) fn remove_adapter(&self, adapter: &Arc<Adapter>) {
        let struck = {
            let mut inner = self.inner.lock();
            let index = inner.adapters.iter().position(|a| Arc::ptr_eq(a, adapter));

            index.and_then(|index| inner.adapters.remove(index).ok())
        };

        drop(struck);
        self.wait_for_starter(adapter.stop());
    }

    /// Waits until the starter has ended what it had begun, if it has.
    fn wait_for_starter(&self, begun: bool) {
        if begun {
            self.services.queue.flush();
        }
    }

    /// Enters a vGPU channel. Another one may have the same LUID, such as one that the host has taken
    /// back and that is not gone yet.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are too many, `ENOMEM`.
    pub(crate) fn add_channel(self: &Arc<Self>, offer: Arc<Offer>) -> Result {
        let luid = Luid::from_instance(offer.instance());
        let mut inner = self.inner.lock();

        if inner.channels.len() >= MAX_ADAPTERS {
            return Err(ENOSPC);
        }
        inner
            .channels
            .push(VgpuChannel { luid, offer }, GFP_KERNEL)?;
        drop(inner);
        self.evaluate();
        Ok(())
    }

    /// A vGPU channel is gone, and with it the adapter that used it.
    pub(crate) fn remove_channel(&self, offer: &Arc<Offer>) {
        // So that no adapter is started with it after we have looked.
        offer.withdraw();

        let (struck, adapter) = {
            let mut inner = self.inner.lock();
            let index = inner
                .channels
                .iter()
                .position(|channel| Arc::ptr_eq(&channel.offer, offer));

            (
                index.and_then(|index| inner.channels.remove(index).ok()),
                // No two adapters use the same one.
                inner.adapters.iter().find(|a| a.uses(offer)).cloned(),
            )
        };

        drop(struck);
        if let Some(adapter) = adapter {
            self.wait_for_starter(adapter.channel_lost(offer));
        }
    }

    /// Enters the global channel.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is one.
    pub(crate) fn set_global(self: &Arc<Self>, offer: Arc<Offer>) -> Result {
        let mut inner = self.inner.lock();

        if inner.global.is_some() {
            return Err(EEXIST);
        }
        inner.global = Some(GlobalChannel {
            offer,
            host: None,
            failed: false,
        });
        drop(inner);
        self.evaluate();
        Ok(())
    }

    /// The driver loses the global channel.
    pub(crate) fn remove_global(&self, offer: &Arc<Offer>) {
        // Processes that have ended take their leave over this channel. The host does not listen
        // any more if it was the host that took the channel away.
        let reachable = !offer.is_rescinded();

        if reachable {
            self.services.queue.flush();
        }

        // Adapters that are started from now on notice that by themselves.
        let gone = {
            let mut inner = self.inner.lock();

            match &inner.global {
                Some(global) if Arc::ptr_eq(&global.offer, offer) => inner.global.take(),
                _ => None,
            }
        };

        // Ends: an adapter that was stopped uses no channel.
        while let Some(adapter) = self.find(Adapter::uses_global_channel) {
            adapter.global_lost(reachable);
        }

        // Closes the channel, and gives the window back.
        drop(gone);
    }

    /// Ends what uses the channel of `offer`, which the host has broken.
    fn channel_broken(offer: &Arc<Offer>) {
        let Some(registry) = REGISTRY.get() else {
            return;
        };

        if let Some(adapter) = registry.find(|adapter| adapter.uses(offer)) {
            adapter.channel_broken(offer);
        }

        let broken = {
            let mut inner = registry.inner.lock();

            match &mut inner.global {
                Some(global) if Arc::ptr_eq(&global.offer, offer) => {
                    global.failed = true;
                    global.host.take()
                }
                _ => None,
            }
        };

        if broken.is_some() {
            while let Some(adapter) = registry.find(Adapter::uses_global_channel) {
                adapter.global_lost(false);
            }
        }
    }

    fn next_job(&self) -> Option<Job> {
        let inner = self.inner.lock();
        let global = inner.global.as_ref()?;
        let startable = inner.adapters.iter().find_map(|adapter| {
            if !adapter.is_waiting() {
                return None;
            }

            let channel = inner.channels.iter().find(|channel| {
                channel.luid == adapter.luid()
                    && !inner
                        .adapters
                        .iter()
                        .any(|other| other.uses(&channel.offer))
            })?;

            Some((adapter, &channel.offer))
        });

        match &global.host {
            Some(host) => {
                let (adapter, offer) = startable?;

                Some(Job::Start {
                    adapter: adapter.clone(),
                    offer: offer.clone(),
                    global: global.offer.clone(),
                    host: host.access().link.clone(),
                })
            }
            None if global.failed => None,
            None => {
                // A new global channel also serves adapters that were started with an old one.
                let user = startable
                    .map(|(adapter, _)| adapter)
                    .or_else(|| inner.adapters.iter().find(|adapter| adapter.is_alive()))?;

                Some(Job::OpenGlobal {
                    offer: global.offer.clone(),
                    version: user.version(),
                })
            }
        }
    }

    /// Enters the outcome of opening the global channel, unless it has gone meanwhile.
    fn global_opened(&self, offer: &Arc<Offer>, result: Result<Host>) {
        // What is not entered is dropped, and thereby closed, after the lock was released.
        let mut host = match result {
            Ok(host) => Some(host),
            Err(error) => {
                pr_warn!(
                    "the global channel could not be opened: {}\n",
                    error.to_errno()
                );
                None
            }
        };
        let mut inner = self.inner.lock();

        if let Some(global) = &mut inner.global {
            if Arc::ptr_eq(&global.offer, offer) {
                global.failed = host.is_none();
                core::mem::swap(&mut global.host, &mut host);
            }
        }
        drop(inner);
    }

    /// The adapters there are, in the order of their arrival.
    pub(crate) fn adapters(&self) -> Result<KVec<Arc<Adapter>>> {
        let inner = self.inner.lock();
        let mut adapters = KVec::with_capacity(inner.adapters.len(), GFP_KERNEL)?;

        for adapter in inner.adapters.iter() {
            adapters.push(adapter.clone(), GFP_KERNEL)?;
        }
        Ok(adapters)
    }

    /// How many adapters there are.
    pub(crate) fn adapter_count(&self) -> usize {
        self.inner.lock().adapters.len()
    }

    /// The adapter users call `luid`: the first active one, if there is any.
    pub(crate) fn find_adapter(&self, luid: Luid) -> Option<Arc<Adapter>> {
        self.find(|adapter| adapter.luid() == luid && adapter.active().is_ok())
            .or_else(|| self.find(|adapter| adapter.luid() == luid))
    }

    fn find(&self, wanted: impl Fn(&Adapter) -> bool) -> Option<Arc<Adapter>> {
        self.inner
            .lock()
            .adapters
            .iter()
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

        Some(inner.global.as_ref()?.host.as_ref()?.access().clone())
    }
}

impl WorkItem for Registry {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let arrivals = this.startup.begin();

        while let Some(job) = this.next_job() {
            match job {
                Job::OpenGlobal { offer, version } => {
                    let result = Host::open(&offer, version, &this.services);

                    this.global_opened(&offer, result);
                }
                Job::Start {
                    adapter,
                    offer,
                    global,
                    host,
                } => {
                    let told = adapter.start(
                        &offer,
                        &host,
                        this.asynchronous.load(Relaxed),
                        &this.services,
                    );

                    if let Some(asynchronous) = told {
                        this.asynchronous.store(asynchronous, Relaxed);
                    }
                    // It was no user of the global channel yet when that went.
                    if adapter.uses_global_channel() && !this.has_global(&global) {
                        adapter.global_lost(false);
                    }
                }
            }
        }
        this.startup.done(arrivals);
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_registry)]
mod tests {
    use super::*;
    use crate::objects::adapter::Identity;

    #[test]
    fn adapters_with_the_same_luid() -> Result {
        let queue = Arc::new(OwnedQueue::new(c"dxgkrnl-test")?, GFP_KERNEL)?;
        let registry = Registry::new(queue.clone())?;
        let luid = Luid { a: 1, b: 2 };
        let adapter = || {
            Adapter::new(Identity {
                luid,
                vgpu: Luid::default(),
                compute_only: false,
                agreement: Agreement {
                    version: InterfaceVersion::CURRENT,
                    maps_pages: false,
                },
            })
        };
        let (first, second) = (adapter()?, adapter()?);

        registry.add_adapter(first.clone())?;
        registry.add_adapter(second.clone())?;
        assert_eq!(registry.adapter_count(), 2);
        registry.wait_started()?;
        registry.remove_adapter(&first);
        assert!(registry
            .find_adapter(luid)
            .is_some_and(|found| Arc::ptr_eq(&found, &second)));
        registry.remove_adapter(&second);
        assert!(registry.find_adapter(luid).is_none());
        // No work item is left that has the registry.
        queue.drain();
        Ok(())
    }
}
