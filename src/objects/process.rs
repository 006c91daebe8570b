// SPDX-License-Identifier: GPL-2.0

//! A thread group that has `/dev/dxg` open, and what it owns.
//!
//! All opens by one thread group share one object, which the host knows as a process. It is
//! identified by its `struct pid`, which is not used for another process while we hold it.
//!
//! The object is entered in the registry before the host knows it, and those who come second wait
//! for the first ([`Process::wait_created`]): no lock is held meanwhile, and there is never a
//! second object. After the last close a worker tears it down.

mod batch;
mod memory;
mod removal;
mod table;
mod teardown;
mod usage;

pub(crate) use self::{
    removal::unless_no_memory,
    table::{
        HandleSlot,
        PendingHandles, //
    },
    teardown::Flush,
    usage::Usage, //
};

use super::{
    adapter::{
        Active,
        Adapter, //
    },
    deferred_unpin::DeferredUnpin,
    device::Device,
    driver_data::DriverData,
    handle_table::GuestTable,
    host::HostAccess,
    io_window::IoWindow,
    notifier_list::{
        Notifiers,
        OnLoss, //
    },
    object::Object,
    object_stats::{
        Kind as Counts,
        ObjectCount, //
    },
    object_table::ObjectTable,
    pin_counter::PinCounter, //
};
use crate::{
    counter::{
        Charge,
        Counter, //
    },
    linux::{
        channel::Session,
        pid::{
            current_name,
            ThreadGroup, //
        },
        wait::{
            wait_for_memory,
            Completion,
            WaitMode, //
        },
    },
    message::{
        global::{
            CreateProcess,
            DestroyProcess, //
        },
        Command,
        GlobalLink,
        Sender, //
    },
    transport::{
        Account,
        Settled, //
    },
    wire::{
        Handle,
        HostProcess, //
    },
};
use kernel::{
    impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        Mutex,
        SetOnce, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// Most guest events of a process: as many as there may be waits on a device. All processes together share what [`HostEvents`] can name.
///
/// [`HostEvents`]: super::host_events::HostEvents
const MAX_EVENTS: u64 = 1 << 17;

/// The adapters a process has opened.
struct Adapters {
    handles: GuestTable<Arc<Adapter>>,
    bindings: KVec<Binding>,
    /// The number of the binding that was made last.
    last: u64,
}

impl Adapters {
    /// None yet.
    fn new() -> Self {
        Self {
            handles: GuestTable::new(),
            bindings: KVec::new(),
            last: 0,
        }
    }
}

/// A process and an adapter, for as long as there is a handle.
struct Binding {
    adapter: Arc<Adapter>,
    handles: usize,
    /// Tells it from earlier and later ones of the same adapter: devices go with their own.
    number: u64,
}

/// A thread group that has `/dev/dxg` open.
#[pin_data]
pub(crate) struct Process {
    group: ThreadGroup,
    cookie: u64,
    host: HostAccess,
    /// How what it asks for is undone, where only the global channel will do.
    global: GlobalLink,
    driver_data: DriverData,
    /// Empty until the host has made the process, and for ever if it would not.
    on_host: SetOnce<HostProcess>,
    /// How many events the host may signal it.
    events: Arc<Counter>,
    /// The host was told so.
    told: Atomic<bool>,
    /// Its requests that the host may still be busy with.
    account: Arc<Account>,
    /// Its memory that the host may still use.
    deferred_unpin: Arc<DeferredUnpin>,
    /// How much of its memory is pinned.
    pinned: PinCounter,
    /// How many bytes of the host it sees.
    mapped: Arc<Counter>,
    /// Completed when it is known which.
    #[pin]
    created: Completion,
    #[pin]
    adapters: Mutex<Adapters>,
    #[pin]
    objects: Mutex<ObjectTable<Object>>,
    _counted: ObjectCount,
    #[pin]
    work: Work<Process>,
}

impl_has_work! {
    impl HasWork<Self> for Process { self.work }
}

impl Process {
    /// A process the host does not know yet.
    pub(crate) fn new(
        group: ThreadGroup,
        cookie: u64,
        host: HostAccess,
        driver_data: DriverData,
    ) -> Result<Arc<Self>> {
        let account = Account::new()?;
        let events = Counter::new(MAX_EVENTS, GFP_KERNEL_ACCOUNT)?;
        let deferred_unpin = DeferredUnpin::new(host.closed_notifiers.clone())?;
        let pinned = PinCounter::new(&driver_data)?;
        let mapped = Counter::new(Counter::UNLIMITED, GFP_KERNEL_ACCOUNT)?;
        let counted = driver_data.object_stats.count(Counts::Process);

        Arc::pin_init(
            pin_init!(Self {
                group,
                cookie,
                global: host.link.global_link(),
                host,
                driver_data,
                on_host: SetOnce::new(),
                events,
                told: Atomic::new(false),
                account,
                deferred_unpin,
                pinned,
                mapped,
                created <- Completion::new(),
                adapters <- new_mutex!(
                    Adapters::new(),
                    "Process::adapters"
                ),
                objects <- new_mutex!(ObjectTable::new(), "Process::objects"),
                _counted: counted,
                work <- new_work!("Process::work"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The number the registry finds it by.
    pub(crate) fn key(&self) -> usize {
        self.group.key()
    }

    /// Whether the caller's thread group is this one.
    pub(crate) fn is_current(&self) -> bool {
        self.group.is_current()
    }

    /// The process id as the caller sees it, if it is in the caller's pid namespace.
    pub(crate) fn tgid_in_current_ns(&self) -> Option<u32> {
        self.group.tgid_in_current_ns()
    }

    /// The process id in the initial namespace.
    pub(crate) fn number(&self) -> u32 {
        self.group.number()
    }

    /// Whether the host calls it `handle`.
    pub(crate) fn is_called(&self, handle: u32) -> bool {
        self.on_host
            .copy()
            .is_some_and(|process| process.handle().raw() == handle)
    }

    /// In whose name its messages are sent.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host does not know the process: it would not make it, or has forgotten it
    /// with the global channel, or because it has ended.
    pub(crate) fn on_host(&self) -> Result<Sender<'_>> {
        let process = self.on_host.copy().ok_or(ENODEV)?;

        if self.host.loss_notifiers.is_lost()
            || self.account.is_departed()
            || self.account.is_closed()
        {
            return Err(ENODEV);
        }

        Ok(Sender::new(process, &self.account, &self.global))
    }

    /// Makes the process on the host. Called once, by the thread that made the object.
    pub(crate) fn create(&self) -> Result {
        let command = CreateProcess {
            cookie: self.cookie,
            process_id: self.group.number(),
            name: current_name(),
        };
        // depart() waits for it, or was there before and is noticed below.
        let _counted = self.account.enter();
        let result = self
            .host
            .link
            .call(HostProcess::GUEST, command, WaitMode::Killable)
            .map(|process| {
                self.on_host.populate(process);
            });

        // All others have departed meanwhile.
        if self.account.is_departed() {
            self.end_on_host(WaitMode::Killable);
        }
        self.created.complete_all();
        result
    }

    /// Waits until another thread has made the process on the host.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal, `ENODEV` if the host would not.
    pub(crate) fn wait_created(&self) -> Result {
        self.created.wait(WaitMode::Killable)?;
        self.on_host().map(drop)
    }

    /// What it shares with the rest of the driver.
    pub(crate) fn driver_data(&self) -> &DriverData {
        &self.driver_data
    }

    /// The way to the host, for those who outlive the process.
    pub(crate) fn host(&self) -> &HostAccess {
        &self.host
    }

    /// How to tell the host about what the process destroys on `adapter`. `None` if there is
    /// nobody to be told.
    pub(crate) fn reach(&self, adapter: &Adapter) -> Option<(Arc<Active>, Sender<'_>)> {
        Some((adapter.active().ok()?, self.on_host().ok()?))
    }

    /// Charges one guest event.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if it has too many.
    pub(crate) fn charge_event(&self) -> Result<Charge> {
        self.events.try_charge(1)
    }

    /// Lets `target` be told when `adapter`, or the global channel, is lost.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn notify_on_loss(
        &self,
        adapter: &Adapter,
        target: Arc<dyn OnLoss>,
    ) -> Result<Notifiers> {
        Ok([
            adapter.loss_notifiers().enter(target.clone())?,
            self.host.loss_notifiers.enter(target)?,
        ])
    }

    /// Lets the memory that the host may still use be told when the host has done with `adapter`,
    /// or with the process.
    ///
    /// # Errors
    ///
    /// As for [`Self::notify_on_loss`].
    pub(crate) fn notify_deferred_unpin(&self, adapter: &Adapter) -> Result<Notifiers> {
        Ok([
            adapter
                .closed_notifiers()
                .enter(self.deferred_unpin.clone())?,
            self.host
                .closed_notifiers
                .enter(self.deferred_unpin.clone())?,
        ])
    }

    /// The addresses at which the host shows its memory.
    pub(crate) fn io_window(&self) -> &IoWindow {
        &self.host.window
    }

    /// Its memory that the host may still use.
    pub(crate) fn deferred_unpin(&self) -> &Arc<DeferredUnpin> {
        &self.deferred_unpin
    }

    /// The global channel, over which memory is lent.
    pub(crate) fn host_session(&self) -> &Arc<Session> {
        self.host.link.channel()
    }

    /// Sends a command for the virtual machine as a whole, in the name of the process.
    pub(crate) fn call_host<M: Command>(&self, command: M) -> Result<M::Reply> {
        self.host
            .link
            .call(self.on_host()?, command, WaitMode::Killable)
    }

    /// Sends what `make` makes, also if memory is short at the moment: see [`Link::tell`].
    ///
    /// [`Link::tell`]: crate::message::Link::tell
    pub(crate) fn tell_host<M: Command>(&self, make: impl Fn() -> M) -> Result<M::Reply> {
        self.host
            .link
            .tell(self.on_host()?, make, WaitMode::Killable)
    }

    /// Sends a command for the virtual machine as a whole, as [`Self::call_host`] does, about an
    /// object on `adapter`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the adapter is lost, too: the host then knows its objects no more, and says
    /// what it wants.
    pub(crate) fn call_host_about<M: Command>(
        &self,
        adapter: &Adapter,
        command: M,
    ) -> Result<M::Reply> {
        self.call_host(command)
            .map_err(|error| adapter.active().err().unwrap_or(error))
    }

    /// Makes a new handle for `adapter`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host is lost to the process, which can do nothing with the adapter then;
    /// `ENOMEM`.
    pub(crate) fn open_adapter(&self, adapter: &Arc<Adapter>) -> Result<Handle> {
        self.on_host()?;

        let mut adapters = self.adapters.lock();
        let known = adapters
            .bindings
            .iter()
            .position(|binding| Arc::ptr_eq(&binding.adapter, adapter));

        if known.is_none() {
            adapters.bindings.reserve(1, GFP_KERNEL_ACCOUNT)?;
        }

        let handle = adapters.handles.insert(adapter.clone())?;

        match known.and_then(|index| adapters.bindings.get_mut(index)) {
            Some(binding) => binding.handles += 1,
            None => {
                adapters.last += 1;

                let binding = Binding {
                    adapter: adapter.clone(),
                    handles: 1,
                    number: adapters.last,
                };

                // There is room: it was reserved above.
                adapters.bindings.push(binding, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(handle)
    }

    /// The adapter `handle` stands for.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it stands for none.
    pub(crate) fn adapter(&self, handle: Handle) -> Result<Arc<Adapter>> {
        self.adapters
            .lock()
            .handles
            .get(handle)
            .cloned()
            .ok_or(EINVAL)
    }

    /// Closes `handle`. With the last one of an adapter the binding ends, and its devices are
    /// destroyed; not those of a binding that another thread makes meanwhile.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it stands for no adapter; those of [`Self::destroy_device`].
    pub(crate) fn close_adapter(self: &Arc<Self>, handle: Handle) -> Result {
        let unbound = {
            let mut adapters = self.adapters.lock();
            let adapter = adapters.handles.remove(handle).ok_or(EINVAL)?;

            adapters
                .bindings
                .iter()
                .position(|binding| Arc::ptr_eq(&binding.adapter, &adapter))
                .and_then(|index| {
                    let binding = adapters.bindings.get_mut(index)?;

                    binding.handles -= 1;
                    if binding.handles > 0 {
                        return None;
                    }
                    adapters.bindings.remove(index).ok()
                })
        };

        let Some(unbound) = unbound else {
            return Ok(());
        };

        // No more are published with its number.
        while let Some(device) = self.find_device(unbound.number) {
            match self.destroy_device(device, Flush::Yes) {
                // Another thread destroys it.
                Err(error) if error == EINVAL => {}
                // Who closes the adapter cannot try again, as the handle is gone.
                Err(error) if error == ENOMEM => wait_for_memory(WaitMode::Killable)?,
                result => result?,
            }
        }
        Ok(())
    }

    /// A device of the binding with this number.
    fn find_device(&self, binding: u64) -> Option<Handle> {
        self.objects.lock().find_root(
            |object| matches!(object, Object::Device(device) if device.binding() == binding),
        )
    }

    /// Publishes a new device, unless the process has closed its adapter meanwhile.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it has.
    pub(crate) fn publish_device<F: FnOnce()>(
        &self,
        pending: PendingHandles<'_, F>,
        device: Arc<Device>,
    ) -> Result {
        // What is not published goes after the lock.
        let mut pending = Some(pending);
        let adapters = self.adapters.lock();
        let binding = adapters
            .bindings
            .iter()
            .find(|binding| Arc::ptr_eq(&binding.adapter, device.adapter()));

        let result = match (binding, pending.take_if(|_| binding.is_some())) {
            (Some(binding), Some(pending)) => {
                device.bind(binding.number);
                pending.publish([Object::Device(device)])
            }
            _ => Err(ENODEV),
        };

        drop(adapters);
        result
    }

    /// Whether it has a handle for `adapter`.
    pub(crate) fn is_bound_to(&self, adapter: &Arc<Adapter>) -> bool {
        self.adapters
            .lock()
            .bindings
            .iter()
            .any(|binding| Arc::ptr_eq(&binding.adapter, adapter))
    }
}

impl WorkItem for Process {
    type Pointer = Arc<Self>;

    /// Nobody uses the process any more: gives back what is left. When the host has answered all that
    /// was sent in its name, tells it that the process has ended.
    fn run(this: Arc<Self>) {
        if this.account.is_closed() {
            this.end_on_host(WaitMode::Unbounded);
            return;
        }

        let left = {
            let mut adapters = this.adapters.lock();

            core::mem::replace(&mut *adapters, Adapters::new())
        };

        drop(left);
        this.release_all();
        // What killed threads left behind must not reach the host after DESTROYPROCESS: it would name
        // what is somebody else's then. It is answered, or its channel is closed.
        this.account.when_settled(this.clone());
    }
}

impl Settled for Process {
    fn settled(self: Arc<Self>) {
        let teardown = self.driver_data.teardown.clone();

        self.account.close();
        // It runs at most, and is not queued.
        let _ = teardown.enqueue(self);
    }
}

impl Process {
    /// Ends it on the host while the program goes on, whose requests are answered `ENODEV` from now on:
    /// the global channel is about to be closed. Waits for what is in flight and for the host no
    /// longer than `mode` allows each time.
    pub(crate) fn depart(&self, mode: WaitMode) {
        if self.account.depart(mode).is_ok() {
            self.end_on_host(mode);
        }
    }

    /// Tells the host that the process has ended, if it knows of it. Once.
    fn end_on_host(&self, mode: WaitMode) {
        let Some(process) = self.on_host.copy() else {
            return;
        };

        if self.told.xchg(true, Full) {
            return;
        }

        let result = self.host.link.tell(process, || DestroyProcess, mode);

        match result.and_then(|status| status.into_result()) {
            Ok(_) => self.deferred_unpin.end(),
            // The channel is about to be closed, after which it hears of that.
            Err(error) if error == ENODEV => {}
            Err(_) => self.deferred_unpin.abandon(),
        }
    }
}
