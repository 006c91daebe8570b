// SPDX-License-Identifier: GPL-2.0

//! A thread group that has `/dev/dxg` open, and the objects it owns.
//!
//! All opens by one thread group share one object, which the host knows as a process. It is
//! identified by its `struct pid`, which is not reused for another process while this object holds
//! a reference.
//!
//! The object is inserted in the registry before the host knows it, and other threads that open it
//! wait for the first one ([`Process::wait_created`]): no lock is held meanwhile, and there is
//! never a second object. After the last close a worker tears it down.

mod batch;
mod end;
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
        global::CreateProcess,
        Command,
        GlobalLink,
        Sender, //
    },
    transport::Account,
    wire::{
        Handle,
        HostProcess, //
    },
};
use kernel::{
    impl_has_work,
    new_mutex,
    new_work,
    prelude::*,
    sync::{
        atomic::Atomic,
        Arc,
        Mutex,
        SetOnce, //
    },
    workqueue::Work, //
};

/// The maximum number of guest events of a process: that of waits on a device. All processes
/// together share the ids of [`HostEvents`].
///
/// [`HostEvents`]: super::host_events::HostEvents
const MAX_EVENTS: u64 = 1 << 17;

/// The adapters that a process has opened.
struct Adapters {
    handles: GuestTable<Arc<Adapter>>,
    bindings: KVec<Binding>,
    /// The number of the newest binding.
    last: u64,
}

impl Adapters {
    /// Creates an object without adapters.
    fn new() -> Self {
        Self {
            handles: GuestTable::new(),
            bindings: KVec::new(),
            last: 0,
        }
    }
}

/// The binding of a process to an adapter, which exists as long as there is a handle.
struct Binding {
    adapter: Arc<Adapter>,
    handles: usize,
    /// Distinguishes the binding from earlier and later ones of the same adapter. Devices are
    /// destroyed with their own binding.
    number: u64,
}

/// A thread group that has `/dev/dxg` open.
#[pin_data]
pub(crate) struct Process {
    group: ThreadGroup,
    cookie: u64,
    host: HostAccess,
    /// The global link, over which a request is undone that cannot be undone over its own link.
    global: GlobalLink,
    driver_data: DriverData,
    /// The process on the host. Not set before the host has created it, or if the host has refused.
    on_host: SetOnce<HostProcess>,
    /// The guest events that the process may have.
    events: Arc<Counter>,
    /// Whether the host was told that the process has ended.
    told: Atomic<bool>,
    /// The requests of the process that the host may not have completed.
    account: Arc<Account>,
    /// The memory of the process that the host may still use.
    deferred_unpin: Arc<DeferredUnpin>,
    /// The number of pinned pages of the process.
    pinned: PinCounter,
    /// The number of bytes of the host's memory that are mapped into the process.
    mapped: Arc<Counter>,
    /// Completed when the host has created the process, or has refused.
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
    /// Creates a process that the host does not know yet.
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

    /// Returns the key of the process in the registry.
    pub(crate) fn key(&self) -> usize {
        self.group.key()
    }

    /// Returns whether the caller belongs to this thread group.
    pub(crate) fn is_current(&self) -> bool {
        self.group.is_current()
    }

    /// Returns the process id in the caller's pid namespace, if there is one.
    pub(crate) fn tgid_in_current_ns(&self) -> Option<u32> {
        self.group.tgid_in_current_ns()
    }

    /// Returns the process id in the initial pid namespace.
    pub(crate) fn number(&self) -> u32 {
        self.group.number()
    }

    /// Returns whether `handle` is the host's handle of the process.
    pub(crate) fn is_called(&self, handle: u32) -> bool {
        self.on_host
            .copy()
            .is_some_and(|process| process.handle().raw() == handle)
    }

    /// Returns the sender for messages of this process.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host does not know the process: it has refused to create it, or has
    /// destroyed it with the global channel, or because it has ended.
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

    /// Creates the process on the host. Called once, by the thread that created this object.
    pub(crate) fn create(&self) -> Result {
        let command = CreateProcess {
            cookie: self.cookie,
            process_id: self.group.number(),
            name: current_name(),
        };
        // depart() waits for this entry, or has run before it and is detected below.
        let _counted = self.account.enter();
        let result = self
            .host
            .link
            .call(HostProcess::GUEST, command, WaitMode::Killable)
            .map(|process| {
                self.on_host.populate(process);
            });

        // depart() was called meanwhile.
        if self.account.is_departed() {
            self.end_on_host(WaitMode::Killable);
        }
        self.created.complete_all();
        result
    }

    /// Waits until another thread has created the process on the host.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal, `ENODEV` if the host has refused.
    pub(crate) fn wait_created(&self) -> Result {
        self.created.wait(WaitMode::Killable)?;
        self.on_host().map(drop)
    }

    /// Returns the data shared with the rest of the driver.
    pub(crate) fn driver_data(&self) -> &DriverData {
        &self.driver_data
    }

    /// Returns the access to the host, which may outlive the process.
    pub(crate) fn host(&self) -> &HostAccess {
        &self.host
    }

    /// Returns the adapter and the sender with which the host is told what the process destroys on
    /// `adapter`. `None` if the host cannot be reached.
    pub(crate) fn reach(&self, adapter: &Adapter) -> Option<(Arc<Active>, Sender<'_>)> {
        Some((adapter.active().ok()?, self.on_host().ok()?))
    }

    /// Charges one guest event.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the process has too many.
    pub(crate) fn charge_event(&self) -> Result<Charge> {
        self.events.try_charge(1)
    }

    /// Registers `target` to be called when `adapter`, or the global channel, is lost.
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

    /// Registers the memory that the host may still use to be released when the adapter is closed
    /// on the host, or when the global channel is closed.
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

    /// Returns the window in which the host maps its memory.
    pub(crate) fn io_window(&self) -> &IoWindow {
        &self.host.window
    }

    /// Returns the memory of the process that the host may still use.
    pub(crate) fn deferred_unpin(&self) -> &Arc<DeferredUnpin> {
        &self.deferred_unpin
    }

    /// Returns the session of the global channel, over which GPADLs are established.
    pub(crate) fn host_session(&self) -> &Arc<Session> {
        self.host.link.channel()
    }

    /// Sends a command for the virtual machine as a whole on behalf of the process, and waits
    /// killably.
    pub(crate) fn call_host<M: Command>(&self, command: M) -> Result<M::Reply> {
        self.host
            .link
            .call(self.on_host()?, command, WaitMode::Killable)
    }

    /// Sends the command that `make` returns, retrying while memory is short: see [`Link::tell`].
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
    /// Those of [`Self::call_host`], but `ENODEV` if the adapter is lost: the host then no longer
    /// knows its objects, and may fail with any error.
    pub(crate) fn call_host_about<M: Command>(
        &self,
        adapter: &Adapter,
        command: M,
    ) -> Result<M::Reply> {
        self.call_host(command)
            .map_err(|error| adapter.active().err().unwrap_or(error))
    }

    /// Creates a new handle for `adapter`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host is lost to the process, which cannot use the adapter then; `ENOMEM`.
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

                // Cannot fail: the space was reserved above.
                adapters.bindings.push(binding, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(handle)
    }

    /// Returns the adapter behind `handle`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none.
    pub(crate) fn adapter(&self, handle: Handle) -> Result<Arc<Adapter>> {
        self.adapters
            .lock()
            .handles
            .get(handle)
            .cloned()
            .ok_or(EINVAL)
    }

    /// Closes `handle`. With the last handle of an adapter the binding ends, and its devices are
    /// destroyed; not those of a binding that another thread creates meanwhile.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such handle; those of [`Self::destroy_device`].
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

        // No further devices are published with the number of this binding.
        while let Some(device) = self.find_device(unbound.number) {
            match self.destroy_device(device, Flush::Yes) {
                // Another thread destroys it.
                Err(error) if error == EINVAL => {}
                // The caller cannot try again, as the handle is gone.
                Err(error) if error == ENOMEM => wait_for_memory(WaitMode::Killable)?,
                result => result?,
            }
        }
        Ok(())
    }

    /// Returns the handle of a device of the binding with the number `binding`.
    fn find_device(&self, binding: u64) -> Option<Handle> {
        self.objects.lock().find_root(
            |object| matches!(object, Object::Device(device) if device.binding() == binding),
        )
    }

    /// Publishes a new device, unless the process has closed its adapter meanwhile.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it has closed the adapter.
    pub(crate) fn publish_device<F: FnOnce()>(
        &self,
        pending: PendingHandles<'_, F>,
        device: Arc<Device>,
    ) -> Result {
        // If the device is not published, `pending` is dropped after the lock is released.
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

    /// Returns whether the process has a handle for `adapter`.
    pub(crate) fn is_bound_to(&self, adapter: &Arc<Adapter>) -> bool {
        self.adapters
            .lock()
            .bindings
            .iter()
            .any(|binding| Arc::ptr_eq(&binding.adapter, adapter))
    }
}
