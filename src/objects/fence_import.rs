// SPDX-License-Identifier: GPL-2.0

//! Fences on the host that follow `dma_fence`s of the guest, of any driver.
//!
//! The host knows nothing of the guest's fences. So that a context can wait for one, the driver
//! creates a monitored fence on the host for it, whose handle user programs do not know. When the
//! guest's fence signals, a worker raises the host's fence to its final value, which ends the wait
//! of the context, and another worker destroys it. A monitored fence carries no error, so a guest
//! fence that failed counts as signalled.
//!
//! Other drivers may wait for what the context does next. So the first worker cannot fail for lack
//! of memory, which is allocated before any wait begins, and it runs on a queue of its own whose
//! items wait for no teardown. If the host refuses the signal, the device is marked as failed.
//!
//! If the device is destroyed first, the host destroys the fence and all waits for it, and the
//! driver removes its callback from the guest's fence.

use super::{
    device::{
        Device,
        DeviceGuard, //
    },
    locked_id_table::LockedIdTable,
    object::Object,
    object_stats::{
        Kind,
        ObjectCount, //
    },
    process::{
        HandleSlot,
        Process, //
    },
};
use crate::{
    counter::Charge,
    linux::{
        dma_fence::{
            Fence,
            Signalling, //
        },
        fence_callback::{
            Listener,
            Subscription, //
        },
        ratelimit::pr_warn_limited,
        wait::WaitMode, //
    },
    message::{
        provided::Provided,
        signal::{
            Arrays,
            SignalSyncObject,
            Signaller, //
        },
        sync_object::{
            CreateSyncObject,
            DestroySyncObject, //
        },
    },
    transport::TEARDOWN_TIMEOUT,
    uapi::sync_object::CreateSynchronizationObject2,
    wire::Handle, //
};
use kernel::{
    impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        SetOnce, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// The maximum number of imported fences on one device.
const MAX_IMPORTS: usize = 1 << 16;

/// The id of the work item that signals the host's fence.
const WAKE: u64 = 1;

/// The id of the work item that destroys the host's fence.
const FINISH: u64 = 2;

/// The value that stands for "signalled". A monitored fence begins at 0.
pub(crate) const SIGNALLED: u64 = 1;

/// The guest's fences that contexts of a device wait for.
#[pin_data]
pub(crate) struct Imports {
    #[pin]
    all: LockedIdTable<Arc<Subscription<FenceImport>>, MAX_IMPORTS>,
}

impl Imports {
    /// Creates an empty set.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            all <- LockedIdTable::new(),
        })
    }

    /// Removes the callbacks from all guest fences, as the device is being destroyed.
    pub(crate) fn withdraw(&self) {
        let mut from = 0;

        while let Some(subscription) = self.all.pop(&mut from) {
            drop(subscription);
        }
    }
}

/// A fence on the host that follows one of the guest.
#[pin_data]
pub(crate) struct FenceImport {
    process: Arc<Process>,
    device: Arc<Device>,
    handle: Handle,
    /// The id in the device's [`Imports`].
    place: SetOnce<u64>,
    _charge: Charge,
    _counted: ObjectCount,
    /// The prepared message that signals the host's fence. `None` once it was sent.
    #[pin]
    signal: Mutex<Option<Provided>>,
    /// The prepared message that destroys the host's fence. `None` once it was sent.
    #[pin]
    destroy: Mutex<Option<Provided>>,
    #[pin]
    wake: Work<FenceImport, WAKE>,
    #[pin]
    finish: Work<FenceImport, FINISH>,
}

impl_has_work! {
    impl HasWork<Self, 1> for FenceImport { self.wake }
    impl HasWork<Self, 2> for FenceImport { self.finish }
}

/// A fence on the host that does not follow the guest's fence yet.
pub(crate) struct NewImport {
    import: Arc<FenceImport>,
    subscription: Arc<Subscription<FenceImport>>,
}

impl NewImport {
    /// Creates a fence on the host, for work on `device`, to follow `fence`.
    ///
    /// # Errors
    ///
    /// The host's error; `ENOMEM`, also if there are too many events or imported fences.
    pub(crate) fn new(process: &Arc<Process>, device: &DeviceGuard, fence: Fence) -> Result<Self> {
        let charge = process.charge_event()?;
        let made = device.active().call(
            process.on_host()?,
            CreateSyncObject {
                request: CreateSynchronizationObject2::private_fence(device.handle()),
            },
        )?;
        let slot = HandleSlot {
            handle: made.handle,
            parent: Some(device.handle()),
        };
        let pending = process.reserve_handles(&[slot], || {
            let _ = process.call_host(DestroySyncObject::from(made.handle));
        })?;
        let sender = process.on_host()?;
        let signal = device.active().provide(
            sender,
            SignalSyncObject {
                signaller: Signaller::Cpu(device.handle()),
                flags: 0,
                object_count: 1,
                with_values: true,
                fence_value: 0,
                arrays: |arrays: Arrays<'_>| {
                    made.handle.write_to(arrays.objects).map_err(|_| EINVAL)?;
                    SIGNALLED.write_to(arrays.values).map_err(|_| EINVAL)
                },
            },
        )?;
        let destroy =
            process
                .host()
                .link
                .provide(sender, DestroySyncObject::from(made.handle), true)?;
        let import = Arc::pin_init(
            pin_init!(FenceImport {
                process: process.clone(),
                device: device.device().clone(),
                handle: made.handle,
                place: SetOnce::new(),
                _charge: charge,
                _counted: process.driver_data().object_stats.count(Kind::SyncObject),
                signal <- new_mutex!(Some(signal), "FenceImport::signal"),
                destroy <- new_mutex!(Some(destroy), "FenceImport::destroy"),
                wake <- new_work!("FenceImport::wake"),
                finish <- new_work!("FenceImport::finish"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        let subscription = Subscription::new(fence, import.clone())?;
        let subscription = Arc::new(subscription, GFP_KERNEL_ACCOUNT)?;
        let imports = &device.imports().all;
        let id = imports.insert(subscription.clone())?;

        import.place.populate(id);
        pending
            .publish([Object::FenceImport])
            .inspect_err(|_| drop(imports.remove(id)))?;
        Ok(Self {
            import,
            subscription,
        })
    }

    /// Returns the host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.import.handle
    }

    /// Begins to follow the guest's fence, as a context waits for the host's fence now.
    pub(crate) fn follow(self) {
        if !self.subscription.arm() {
            self.end();
        }
    }

    /// Signals and destroys the host's fence, as no context waits for it or the wait is over
    /// already.
    pub(crate) fn end(self) {
        FenceImport::signalled(&self.import);
    }
}

impl Listener for FenceImport {
    fn signalled(this: &Arc<Self>) {
        // Cannot fail: the item was never queued before.
        let _ = this
            .process
            .driver_data()
            .wakes
            .enqueue::<Arc<Self>, WAKE>(this.clone());
    }
}

impl WorkItem<WAKE> for FenceImport {
    type Pointer = Arc<Self>;

    /// Signals the host's fence after the guest's fence has signalled.
    fn run(this: Arc<Self>) {
        this.wake();
        // No thread waits for the rest.
        let _ = this
            .process
            .driver_data()
            .queue
            .enqueue::<Arc<Self>, FINISH>(this.clone());
    }
}

impl WorkItem<FINISH> for FenceImport {
    type Pointer = Arc<Self>;

    /// Removes the entry of the device and destroys the host's fence, whose waits have ended.
    fn run(this: Arc<Self>) {
        if let Some(place) = this.place.copy() {
            drop(this.device.imports().all.remove(place));
        }
        this.finish();
    }
}

impl FenceImport {
    /// Ends the waits for the host's fence by raising it to its value. If the host refuses that,
    /// the waits would never end, so the device is marked as failed.
    fn wake(&self) {
        // Otherwise the host has destroyed the fence, or the signal was sent before.
        let (Ok(device), Ok(sender), Some(signal)) = (
            self.device.enter(),
            self.process.on_host(),
            self.signal.lock().take(),
        ) else {
            return;
        };
        let result = {
            // Waits for what the context does next depend on this signal.
            let _section = Signalling::begin();

            device
                .active()
                .submit_provided(sender, signal, WaitMode::Unbounded)
        };

        match result {
            Err(error) if error != ENODEV && error != ETIMEDOUT => {
                pr_warn_limited!(
                    "host refuses to signal a fence ({}), the device {:#x} fails\n",
                    error.to_errno(),
                    device.handle().raw()
                );
                device.fail(sender);
            }
            _ => {}
        }
    }

    /// Destroys the host's fence.
    fn finish(&self) {
        // Otherwise the host has destroyed the fence.
        let (Ok(_device), Ok(sender), Some(destroy)) = (
            self.device.enter(),
            self.process.on_host(),
            self.destroy.lock().take(),
        ) else {
            return;
        };

        self.process.forget(self.handle);
        // There is no caller to return an error to.
        let _ = self
            .process
            .host()
            .link
            .send_provided(sender, destroy, TEARDOWN_TIMEOUT);
    }
}
