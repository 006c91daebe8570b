// SPDX-License-Identifier: GPL-2.0

//! An adapter: one PCI function and the vGPU channel that belongs to it.
//!
//! It waits until its channel and the global channel are there, is started, is active, and stops
//! once and for all when the function or the channel goes. If the channel is offered again, the
//! registry makes another adapter. [`Active`] is the proof that an adapter was active a moment ago:
//! what is sent with it reaches the host or fails with `ENODEV`.
//!
//! Starting takes as long as the host takes, in a worker of its own. Stopping does not wait for the
//! host: a worker tells it, closes the channel, and lets go of what was lent. If the adapter was
//! only being started, that is the worker that starts it.
//!
//! `Adapter::state` is held for a few instructions only, never while the host is waited for.

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
mod provided;
mod show;

use super::{
    driver_data::DriverData,
    notifier_list::NotifierList, //
};
use crate::{
    linux::{
        channel::Offer,
        wait::{
            again_for_memory,
            WaitMode, //
        },
    },
    message::{
        adapter::{
            CloseAdapter,
            GetInternalAdapterInfo,
            OpenAdapter, //
        },
        Command,
        Link,
        Prepared,
        Sender,
        Submission,
        Told, //
    },
    transport::{
        HostTransport,
        TEARDOWN_TIMEOUT, //
    },
    wire::{
        Envelope,
        Handle,
        HostProcess,
        InterfaceVersion,
        Luid, //
    },
};
use core::mem;
use kernel::{
    impl_has_work, new_spinlock, new_work,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc,
        SpinLock, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// What the driver and the host have agreed on, once for all functions.
#[derive(Clone, Copy)]
pub(crate) struct Negotiated {
    /// The version of the protocol to speak.
    pub(crate) version: InterfaceVersion,
    /// The host can use memory of programs if it is told the numbers of the pages.
    pub(crate) maps_pages: bool,
}

/// What the PCI function says about an adapter.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// Says which channel belongs to it, and names it towards users.
    pub(crate) luid: Luid,
    /// Names it towards the host.
    pub(crate) vgpu: Luid,
    /// It cannot render.
    pub(crate) compute_only: bool,
    /// What holds for all adapters.
    pub(crate) negotiated: Negotiated,
}

/// An active adapter.
#[pin_data]
pub(crate) struct Active {
    offer: Arc<Offer>,
    /// The adapter's own channel. Messages may travel over the global one nevertheless.
    channel: Arc<HostTransport>,
    link: Link,
    /// For what is told when the link is closed.
    close_link: Link,
    /// The link uses the global channel, and ends with it.
    over_global_channel: bool,
    host_adapter: Handle,
    host_luid: Luid,
    /// Those who are told when the host uses nothing any more that it was given for the adapter.
    closed_notifiers: Arc<NotifierList>,
    driver_data: DriverData,
    /// The host is to be told when it ends.
    reachable: Atomic<bool>,
    /// Ends it.
    #[pin]
    work: Work<Active>,
}

impl_has_work! {
    impl HasWork<Self> for Active { self.work }
}

impl WorkItem for Active {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if this.reachable.load(Acquire) {
            this.close_on_host();
        }
        this.close();
        this.closed_notifiers.on_loss();
    }
}

impl Active {
    /// What the host calls the adapter where it needs no handle.
    pub(crate) fn host_luid(&self) -> Luid {
        self.host_luid
    }

    /// The host's handle of the adapter.
    pub(crate) fn host_adapter(&self) -> Handle {
        self.host_adapter
    }

    /// Sends `command` in the name of `sender`, and waits killably.
    pub(crate) fn call<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
    ) -> Result<M::Reply> {
        self.call_for(sender, command, WaitMode::Killable)
    }

    /// Makes everything that is needed to send `command` in the name of `sender` later.
    pub(crate) fn prepare<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
    ) -> Result<Prepared<'_, M>> {
        self.link.prepare(sender, command)
    }

    /// Sends `command` in the name of `sender`, and waits as long as `mode` allows.
    pub(crate) fn call_for<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
        mode: WaitMode,
    ) -> Result<M::Reply> {
        self.link.call(sender, command, mode)
    }

    /// Sends a submission. If the host works asynchronously it is not waited for, and the result
    /// is 0.
    pub(crate) fn submit<'a, M: Submission>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
    ) -> Result<isize> {
        // Asynchronous hosts take everything on the global channel, where it stays in order.
        if self.over_global_channel {
            self.link.post(sender, command, WaitMode::Killable)?;
            return Ok(0);
        }
        self.call(sender, command)
    }
}

impl Active {
    /// Sends what `make` makes in the name of `sender`, also if memory is short at the moment: see
    /// [`Link::tell`].
    pub(crate) fn tell<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        make: impl Fn() -> M,
        mode: WaitMode,
    ) -> Result<M::Reply> {
        self.link.tell(sender, make, mode)
    }

    /// Ends it, by a worker. The host is told if it is `reachable`. Called once.
    fn end(self: Arc<Self>, reachable: bool) {
        let teardown = self.driver_data.teardown.clone();

        self.reachable.store(reachable, Release);
        // It was never queued before.
        let _ = teardown.enqueue(self);
    }

    /// Tells the host that the adapter is used no more.
    fn close_on_host(&self) {
        close_on_host(&self.close_link, self.host_adapter);
    }

    /// Closes its channel.
    fn close(&self) {
        self.channel.close();
        (self.driver_data.on_closed)(&self.offer);
    }
}

/// Makes a link for messages in `envelope`: over the global channel, that of `host`, if the host
/// works asynchronously, else over the adapter's own `channel`. Without an extended header the host
/// could not tell adapters apart on the global one.
fn link_for(
    channel: &Arc<HostTransport>,
    host: &Link,
    envelope: Envelope,
    asynchronous: bool,
) -> Result<Link> {
    if asynchronous && envelope.version.is_extended() {
        host.with_envelope(envelope)
    } else {
        Link::new(channel.clone(), envelope)
    }
}

/// Tells the host over `link` that `host_adapter` is used no more.
fn close_on_host(link: &Link, host_adapter: Handle) {
    // The host closes the adapter with the channel if it does not answer.
    let _ = link.tell(
        HostProcess::GUEST,
        || CloseAdapter { host_adapter },
        TEARDOWN_TIMEOUT,
    );
}

enum State {
    /// Something is still missing.
    Waiting,
    /// A worker talks to the host.
    Starting {
        offer: Arc<Offer>,
        /// The adapter's own channel and the link that the worker uses, once the channel is open.
        talk: Option<(Arc<HostTransport>, Link)>,
    },
    Active(Arc<Active>),
    /// For ever.
    Stopped,
}

/// How an attempt to start an adapter has ended.
pub(crate) struct Started {
    /// Whether the host works asynchronously, if it has told.
    pub(crate) asynchronous: Option<bool>,
    /// Whether the adapter has become active. If not, its channel is closed.
    pub(crate) active: bool,
}

/// An adapter.
#[pin_data]
pub(crate) struct Adapter {
    identity: Identity,
    loss_notifiers: Arc<NotifierList>,
    closed_notifiers: Arc<NotifierList>,
    #[pin]
    state: SpinLock<State>,
}

impl Adapter {
    /// An adapter that waits for its channel.
    pub(crate) fn new(identity: Identity) -> Result<Arc<Self>> {
        let loss_notifiers = NotifierList::new()?;
        let closed_notifiers = NotifierList::new()?;

        Arc::pin_init(
            pin_init!(Self {
                identity,
                loss_notifiers,
                closed_notifiers,
                state <- new_spinlock!(State::Waiting, "Adapter::state"),
            }),
            GFP_KERNEL,
        )
    }

    /// What users call it.
    pub(crate) fn luid(&self) -> Luid {
        self.identity.luid
    }

    /// Whether it cannot render.
    pub(crate) fn compute_only(&self) -> bool {
        self.identity.compute_only
    }

    /// The version of the protocol it speaks.
    pub(crate) fn version(&self) -> InterfaceVersion {
        self.identity.negotiated.version
    }

    /// Whether the host wants the numbers of pages, when memory of a program is handed over.
    pub(crate) fn maps_pages(&self) -> bool {
        self.identity.negotiated.maps_pages
    }

    /// Who is to be told when it stops, before the host is.
    pub(crate) fn loss_notifiers(&self) -> &Arc<NotifierList> {
        &self.loss_notifiers
    }

    /// Who is to be told when it has stopped on the host as well, which then uses nothing any more
    /// that it was given for the adapter.
    pub(crate) fn closed_notifiers(&self) -> &Arc<NotifierList> {
        &self.closed_notifiers
    }

    /// The proof that it is active.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is not.
    pub(crate) fn active(&self) -> Result<Arc<Active>> {
        match &*self.state.lock() {
            State::Active(active) => Ok(active.clone()),
            _ => Err(ENODEV),
        }
    }

    /// Whether it still waits for being started.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.state.lock(), State::Waiting)
    }

    /// Whether it has stopped, or could not be started.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.state.lock(), State::Stopped)
    }

    /// Whether it needs the host: it is active, or about to be.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(
            *self.state.lock(),
            State::Starting { .. } | State::Active(_)
        )
    }

    /// Decides that it is to be started, with the channel of `offer`. Whoever gets `true` calls
    /// [`Self::start`] then.
    pub(crate) fn claim(&self, offer: &Arc<Offer>) -> bool {
        let starting = State::Starting {
            offer: offer.clone(),
            talk: None,
        };

        self.exchange(starting, |state| matches!(state, State::Waiting))
            .is_some()
    }

    /// Starts the adapter, which was claimed for the channel of `offer`. Waits for the host as long as
    /// it takes. `asynchronous` says whether the host works asynchronously as far as other adapters
    /// have been told.
    pub(crate) fn start(
        &self,
        offer: &Arc<Offer>,
        host: &Link,
        asynchronous: bool,
        driver_data: &DriverData,
    ) -> Started {
        let result = again_for_memory(|| self.open(offer, host, asynchronous, driver_data));
        let told = result
            .as_ref()
            .ok()
            .map(|active| active.over_global_channel);
        let result = result.and_then(|active| {
            let state = State::Active(active.clone());

            match self.exchange(state, |state| matches!(state, State::Starting { .. })) {
                Some(_) => Ok(()),
                None => {
                    // It was stopped meanwhile, which was left to us.
                    if !offer.is_rescinded() {
                        active.close_on_host();
                    }
                    active.channel.close();
                    Err(ENODEV)
                }
            }
        });

        match result {
            Ok(()) => pr_debug!(
                "adapter {:08x}:{:08x} is active\n",
                self.identity.luid.b,
                self.identity.luid.a
            ),
            Err(error) => {
                self.exchange(State::Stopped, |_| true);
                pr_warn!(
                    "adapter {:08x}:{:08x} could not be started: {}\n",
                    self.identity.luid.b,
                    self.identity.luid.a,
                    error.to_errno()
                );
            }
        }
        Started {
            asynchronous: told,
            active: result.is_ok(),
        }
    }

    /// Opens the channel and asks the host what the adapter is. On failure the channel is closed.
    fn open(
        &self,
        offer: &Arc<Offer>,
        host: &Link,
        asynchronous: bool,
        driver_data: &DriverData,
    ) -> Result<Arc<Active>> {
        let channel = Told::count(|| {
            HostTransport::open(offer, None, driver_data.on_broken, driver_data.queues())
        })?;

        self.talk(offer, &channel, host, asynchronous, driver_data)
            .inspect_err(|_| channel.close())
    }

    /// Asks the host what the adapter is. An asynchronous host wants that, too, over the global
    /// channel, as soon as it has told the driver so with an earlier adapter.
    fn talk(
        &self,
        offer: &Arc<Offer>,
        channel: &Arc<HostTransport>,
        host: &Link,
        asynchronous: bool,
        driver_data: &DriverData,
    ) -> Result<Arc<Active>> {
        let mut envelope = Envelope {
            version: self.version(),
            vgpu: self.identity.vgpu,
        };
        let link = link_for(channel, host, envelope, asynchronous)?;
        let close_link = link.in_new_endpoint()?;
        let starting = State::Starting {
            offer: offer.clone(),
            talk: Some((channel.clone(), link.clone())),
        };

        // None: it was stopped meanwhile.
        self.exchange(starting, |state| matches!(state, State::Starting { .. }))
            .ok_or(ENODEV)?;

        let open = OpenAdapter {
            version: envelope.version,
        };
        let host_adapter =
            Told::count(|| link.call(HostProcess::GUEST, open, WaitMode::Unbounded))?;
        let mut activate = || {
            // Stopped meanwhile: then there is nothing more to ask.
            if self.is_stopped() {
                return Err(ENODEV);
            }

            let info = Told::count(|| {
                link.call(
                    HostProcess::GUEST,
                    GetInternalAdapterInfo,
                    WaitMode::Unbounded,
                )
            })?;

            if let Some(vgpu) = info.vgpu_luid {
                envelope.vgpu = vgpu;
            }

            let link = link_for(channel, host, envelope, info.over_global_channel)?;
            let close_link = link.in_new_endpoint()?;

            // The reply decides, for the life of this adapter, how all later messages travel.
            Arc::pin_init(
                pin_init!(Active {
                    offer: offer.clone(),
                    channel: channel.clone(),
                    link,
                    close_link,
                    over_global_channel: info.over_global_channel,
                    host_adapter,
                    host_luid: info.host_luid,
                    closed_notifiers: self.closed_notifiers.clone(),
                    driver_data: driver_data.clone(),
                    reachable: Atomic::new(false),
                    work <- new_work!("Active::work"),
                }),
                GFP_KERNEL,
            )
        };

        activate().inspect_err(|_| {
            if !offer.is_rescinded() {
                close_on_host(&close_link, host_adapter);
            }
        })
    }

    /// The PCI function goes away: stops, and has the host told.
    pub(crate) fn stop(&self) {
        self.end(true);
    }

    /// The driver loses the channel of `offer`. If it is this adapter's, it stops. The host is
    /// told, unless it was the host that took the channel away.
    pub(crate) fn channel_lost(&self, offer: &Arc<Offer>) {
        if self.uses(offer) {
            self.end(!offer.is_rescinded());
        }
    }

    /// The host has broken the channel of `offer`. If it is this adapter's, it stops.
    pub(crate) fn channel_broken(&self, offer: &Arc<Offer>) {
        if self.uses(offer) {
            self.end(false);
        }
    }

    /// Whether the channel of `offer` is the one it is started over, or was.
    pub(crate) fn uses(&self, offer: &Arc<Offer>) -> bool {
        match &*self.state.lock() {
            State::Starting { offer: own, .. } => Arc::ptr_eq(own, offer),
            State::Active(active) => Arc::ptr_eq(&active.offer, offer),
            State::Waiting | State::Stopped => false,
        }
    }

    /// Whether it is active, and its messages travel over the global channel.
    pub(crate) fn uses_global_channel(&self) -> bool {
        self.active().is_ok_and(|active| active.over_global_channel)
    }

    /// The driver loses the global channel, without which the adapter is cut off: it stops. The
    /// host is told if it is still `reachable`.
    pub(crate) fn global_lost(&self, reachable: bool) {
        self.end(reachable);
    }

    fn end(&self, reachable: bool) {
        let before = self.exchange(State::Stopped, |_| true);

        match &before {
            // Nothing is sent from now on but that the adapter is closed. On the global channel nobody
            // else would wake those who wait, either.
            Some(State::Active(active)) => active.link.leave(),
            // The worker that starts it finds out when the host answers, and has it close what it has
            // opened. A host that does not listen any more will not answer.
            Some(State::Starting {
                talk: Some((_, link)),
                ..
            }) if !reachable => link.leave(),
            _ => {}
        }
        // Nobody may see what the host, once it knows, uses for something else.
        self.loss_notifiers.on_loss();
        if let Some(State::Active(active)) = before {
            active.end(reachable);
        }
    }

    /// Replaces the state by `new` if `wanted` agrees, and returns the old one.
    fn exchange(&self, new: State, wanted: impl FnOnce(&State) -> bool) -> Option<State> {
        // Dropped after the lock is released, whichever of the two it is.
        let mut other = new;
        let mut state = self.state.lock();

        if !wanted(&state) {
            return None;
        }
        mem::swap(&mut *state, &mut other);
        drop(state);
        Some(other)
    }
}
