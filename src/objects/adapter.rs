// SPDX-License-Identifier: GPL-2.0

//! An adapter: one PCI function and the vGPU channel that belongs to it.
//!
//! An adapter waits until its channel and the global channel have been offered, is started, is
//! active, and stops permanently when the function or the channel is removed. If the channel is
//! offered again, the registry makes another adapter. [`Active`] proves that the adapter was active
//! when it was obtained: a message sent with it reaches the host or fails with `ENODEV`.
//!
//! A worker of its own starts the adapter and waits for the host without a time limit. Stopping
//! does not wait for the host: a worker tells the host, closes the channel, and releases the memory
//! that was lent to the host. If the adapter was still being started, the worker that starts it
//! does so.
//!
//! `Adapter::state` is held for a few instructions only, never while waiting for the host.

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

/// The protocol features negotiated with the host, which hold for all PCI functions.
#[derive(Clone, Copy)]
pub(crate) struct Negotiated {
    /// The version of the protocol.
    pub(crate) version: InterfaceVersion,
    /// Whether the host can use memory of programs if it is told the page frame numbers.
    pub(crate) maps_pages: bool,
}

/// The identity of an adapter, as read from the configuration space of its PCI function.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    /// The LUID that selects the adapter's channel, and that users know the adapter by.
    pub(crate) luid: Luid,
    /// The LUID that the host knows the vGPU by.
    pub(crate) vgpu: Luid,
    /// Whether the adapter cannot render.
    pub(crate) compute_only: bool,
    /// The features negotiated for all adapters.
    pub(crate) negotiated: Negotiated,
}

/// An active adapter.
#[pin_data]
pub(crate) struct Active {
    offer: Arc<Offer>,
    /// The adapter's own channel. If the host works asynchronously, messages use the global
    /// channel.
    channel: Arc<HostTransport>,
    link: Link,
    /// The link over which the host is told to close the adapter, after `link` has been closed.
    close_link: Link,
    /// Whether `link` uses the global channel, and ends with it.
    over_global_channel: bool,
    host_adapter: Handle,
    host_luid: Luid,
    /// The notifiers called when the host no longer uses the memory it was given for the adapter.
    closed_notifiers: Arc<NotifierList>,
    driver_data: DriverData,
    /// Whether the work item tells the host that the adapter is closed.
    reachable: Atomic<bool>,
    /// Closes the adapter, on the teardown queue.
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
    /// Returns the LUID by which the host knows the adapter in messages without a handle.
    pub(crate) fn host_luid(&self) -> Luid {
        self.host_luid
    }

    /// Returns the host's handle of the adapter.
    pub(crate) fn host_adapter(&self) -> Handle {
        self.host_adapter
    }

    /// Sends `command` on behalf of `sender`, and waits killably for the reply.
    pub(crate) fn call<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
    ) -> Result<M::Reply> {
        self.call_for(sender, command, WaitMode::Killable)
    }

    /// Allocates what is needed to send `command` on behalf of `sender` later.
    pub(crate) fn prepare<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
    ) -> Result<Prepared<'_, M>> {
        self.link.prepare(sender, command)
    }

    /// Sends `command` on behalf of `sender`, and waits for the reply as long as `mode` allows.
    pub(crate) fn call_for<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
        mode: WaitMode,
    ) -> Result<M::Reply> {
        self.link.call(sender, command, mode)
    }

    /// Sends a submission. If the host works asynchronously, returns 0 without waiting for the
    /// host.
    pub(crate) fn submit<'a, M: Submission>(
        &self,
        sender: impl Into<Sender<'a>>,
        command: M,
    ) -> Result<isize> {
        // Asynchronous hosts take all submissions on the global channel, which keeps their order.
        if self.over_global_channel {
            self.link.post(sender, command, WaitMode::Killable)?;
            return Ok(0);
        }
        self.call(sender, command)
    }
}

impl Active {
    /// Sends the command that `make` returns on behalf of `sender`, retrying while memory is short:
    /// see [`Link::tell`].
    pub(crate) fn tell<'a, M: Command>(
        &self,
        sender: impl Into<Sender<'a>>,
        make: impl Fn() -> M,
        mode: WaitMode,
    ) -> Result<M::Reply> {
        self.link.tell(sender, make, mode)
    }

    /// Queues the work item that closes the adapter. It tells the host if the host is `reachable`.
    /// Called once.
    fn end(self: Arc<Self>, reachable: bool) {
        let teardown = self.driver_data.teardown.clone();

        self.reachable.store(reachable, Release);
        // Cannot fail: the item was never queued before.
        let _ = teardown.enqueue(self);
    }

    /// Tells the host to close the adapter.
    fn close_on_host(&self) {
        close_on_host(&self.close_link, self.host_adapter);
    }

    /// Closes the adapter's channel and reports it through `on_closed`.
    fn close(&self) {
        self.channel.close();
        (self.driver_data.on_closed)(&self.offer);
    }
}

/// Makes a link for messages in `envelope`: over the global channel, which is that of `host`, if
/// the host works asynchronously, else over the adapter's own `channel`. Without an extended header
/// the host cannot tell adapters apart on the global channel.
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

/// Tells the host over `link` to close `host_adapter`.
fn close_on_host(link: &Link, host_adapter: Handle) {
    // If the host does not reply, it closes the adapter with the channel.
    let _ = link.tell(
        HostProcess::GUEST,
        || CloseAdapter { host_adapter },
        TEARDOWN_TIMEOUT,
    );
}

enum State {
    /// The adapter's channel or the global channel has not been offered yet.
    Waiting,
    /// A worker waits for the host to open the adapter.
    Starting {
        offer: Arc<Offer>,
        /// The adapter's own channel and the link that the worker uses, once the channel is open.
        talk: Option<(Arc<HostTransport>, Link)>,
    },
    /// The adapter can be used.
    Active(Arc<Active>),
    /// The adapter has stopped. It never leaves this state.
    Stopped,
}

/// The result of an attempt to start an adapter.
pub(crate) struct Started {
    /// Whether the host works asynchronously, if it has reported that.
    pub(crate) asynchronous: Option<bool>,
    /// Whether the adapter has become active. If not, its channel is closed.
    pub(crate) active: bool,
}

/// An adapter, in any state.
#[pin_data]
pub(crate) struct Adapter {
    identity: Identity,
    loss_notifiers: Arc<NotifierList>,
    closed_notifiers: Arc<NotifierList>,
    #[pin]
    state: SpinLock<State>,
}

impl Adapter {
    /// Creates an adapter that waits for its channel.
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

    /// Returns the LUID that users know the adapter by.
    pub(crate) fn luid(&self) -> Luid {
        self.identity.luid
    }

    /// Returns whether the adapter cannot render.
    pub(crate) fn compute_only(&self) -> bool {
        self.identity.compute_only
    }

    /// Returns the version of the protocol that the adapter uses.
    pub(crate) fn version(&self) -> InterfaceVersion {
        self.identity.negotiated.version
    }

    /// Returns whether the host takes page frame numbers for memory of a program.
    pub(crate) fn maps_pages(&self) -> bool {
        self.identity.negotiated.maps_pages
    }

    /// Returns the notifiers called when the adapter stops, before the host is told.
    pub(crate) fn loss_notifiers(&self) -> &Arc<NotifierList> {
        &self.loss_notifiers
    }

    /// Returns the notifiers called when the adapter is closed on the host too, which then no
    /// longer uses the memory it was given for the adapter.
    pub(crate) fn closed_notifiers(&self) -> &Arc<NotifierList> {
        &self.closed_notifiers
    }

    /// Returns the proof that the adapter is active.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the adapter is not active.
    pub(crate) fn active(&self) -> Result<Arc<Active>> {
        match &*self.state.lock() {
            State::Active(active) => Ok(active.clone()),
            _ => Err(ENODEV),
        }
    }

    /// Returns whether the adapter has not been started yet.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.state.lock(), State::Waiting)
    }

    /// Returns whether the adapter has stopped or could not be started.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.state.lock(), State::Stopped)
    }

    /// Returns whether the adapter needs the host: it is active or being started.
    pub(crate) fn is_alive(&self) -> bool {
        matches!(
            *self.state.lock(),
            State::Starting { .. } | State::Active(_)
        )
    }

    /// Claims the adapter for being started with the channel of `offer`. The caller that gets
    /// `true` must call [`Self::start`].
    pub(crate) fn claim(&self, offer: &Arc<Offer>) -> bool {
        let starting = State::Starting {
            offer: offer.clone(),
            talk: None,
        };

        self.exchange(starting, |state| matches!(state, State::Waiting))
            .is_some()
    }

    /// Starts the adapter, which was claimed for the channel of `offer`. Waits for the host without
    /// a time limit. `asynchronous` says whether the host has reported, for any earlier adapter,
    /// that it works asynchronously.
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
                    // The adapter was stopped meanwhile, which leaves closing it to this worker.
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

    /// Opens the channel and queries the adapter from the host. Closes the channel on failure.
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

    /// Queries the adapter from the host. An asynchronous host expects the query on the global
    /// channel too, once it has reported with an earlier adapter that it works asynchronously.
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

        // `None`: the adapter was stopped meanwhile.
        self.exchange(starting, |state| matches!(state, State::Starting { .. }))
            .ok_or(ENODEV)?;

        let open = OpenAdapter {
            version: envelope.version,
        };
        let host_adapter =
            Told::count(|| link.call(HostProcess::GUEST, open, WaitMode::Unbounded))?;
        let mut activate = || {
            // If the adapter was stopped meanwhile, no further query is sent.
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

            // The reply decides, for the lifetime of this adapter, which channel later messages
            // use.
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

    /// Stops the adapter because its PCI function is removed. The host is told.
    pub(crate) fn stop(&self) {
        self.end(true);
    }

    /// Stops the adapter if the lost channel, that of `offer`, is its own. The host is told unless
    /// it rescinded the channel itself.
    pub(crate) fn channel_lost(&self, offer: &Arc<Offer>) {
        if self.uses(offer) {
            self.end(!offer.is_rescinded());
        }
    }

    /// Stops the adapter if the channel of `offer`, which the host has broken, is its own. The host
    /// is not told.
    pub(crate) fn channel_broken(&self, offer: &Arc<Offer>) {
        if self.uses(offer) {
            self.end(false);
        }
    }

    /// Returns whether the adapter is being started or is active over the channel of `offer`.
    pub(crate) fn uses(&self, offer: &Arc<Offer>) -> bool {
        match &*self.state.lock() {
            State::Starting { offer: own, .. } => Arc::ptr_eq(own, offer),
            State::Active(active) => Arc::ptr_eq(&active.offer, offer),
            State::Waiting | State::Stopped => false,
        }
    }

    /// Returns whether the adapter is active and its messages use the global channel.
    pub(crate) fn uses_global_channel(&self) -> bool {
        self.active().is_ok_and(|active| active.over_global_channel)
    }

    /// Stops the adapter because the global channel is lost. The host is told if it is still
    /// `reachable`.
    pub(crate) fn global_lost(&self, reachable: bool) {
        self.end(reachable);
    }

    /// Stops the adapter, calls its loss notifiers, and lets a worker close it if it was active.
    fn end(&self, reachable: bool) {
        let before = self.exchange(State::Stopped, |_| true);

        match &before {
            // From now on only CloseAdapter is sent. On the global channel, nothing else would wake
            // the threads that wait for a reply.
            Some(State::Active(active)) => active.link.leave(),
            // The worker that starts the adapter notices when the host replies, and closes what it
            // has opened. A host that is not reachable will not reply, so its wait ends here.
            Some(State::Starting {
                talk: Some((_, link)),
                ..
            }) if !reachable => link.leave(),
            _ => {}
        }
        // Mappings must be revoked before the host is told and reuses the memory.
        self.loss_notifiers.on_loss();
        if let Some(State::Active(active)) = before {
            active.end(reachable);
        }
    }

    /// Replaces the state by `new` if `wanted` returns `true`, and returns the old state.
    fn exchange(&self, new: State, wanted: impl FnOnce(&State) -> bool) -> Option<State> {
        // Either the old or the new state is dropped, after the lock is released.
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
