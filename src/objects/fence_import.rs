// SPDX-License-Identifier: GPL-2.0

//! Fences on the host that follow fences of the guest, of whichever driver.
//!
//! The host knows nothing of the guest's fences. So that a context can wait for one, it gets a
//! monitored fence of its own on the host, which only the driver knows. When the guest's fence
//! signals, a worker brings the host's to its value: who waits for it goes on. Another one destroys
//! it. A monitored fence carries no error, and so a fence that failed is one that is over.
//!
//! Other drivers may wait for what the context does next. So the first worker cannot fail for want
//! of memory, which was found before anybody waited, and it has a queue of its own where nobody
//! waits for the end of something. If the host refuses to let the context go on, its device fails.
//!
//! If the device goes first, the host's fence and all waits for it go with it, and nobody listens
//! to the guest's any more.

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

/// Most of them on one device.
const MAX_IMPORTS: usize = 1 << 16;

/// The work item that lets go of those who wait.
const WAKE: u64 = 1;

/// The work item that destroys the host's fence.
const FINISH: u64 = 2;

/// The value that stands for "signalled". A monitored fence begins at 0.
pub(crate) const SIGNALLED: u64 = 1;

/// The fences of the guest that contexts of a device wait for.
#[pin_data]
pub(crate) struct Imports {
    #[pin]
    all: LockedIdTable<Arc<Subscription<FenceImport>>, MAX_IMPORTS>,
}

impl Imports {
    /// None yet.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            all <- LockedIdTable::new(),
        })
    }

    /// The device is going: nobody waits for them any more.
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
    /// Its id among those of the device.
    place: SetOnce<u64>,
    _charge: Charge,
    _counted: ObjectCount,
    /// Brings it to its value, unless that was done.
    #[pin]
    signal: Mutex<Option<Provided>>,
    /// Destroys it, unless that was done.
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

/// A fence on the host that does not follow yet.
pub(crate) struct NewImport {
    import: Arc<FenceImport>,
    subscription: Arc<Subscription<FenceImport>>,
}

impl NewImport {
    /// Makes a fence on the host, for work on `device`, to follow `fence`.
    ///
    /// # Errors
    ///
    /// What the host says; `ENOMEM`, also if there are too many.
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

    /// The host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.import.handle
    }

    /// Somebody waits: it follows from now on.
    pub(crate) fn follow(self) {
        if !self.subscription.arm() {
            self.end();
        }
    }

    /// Nobody waits, or the wait is over already.
    pub(crate) fn end(self) {
        FenceImport::signalled(&self.import);
    }
}

impl Listener for FenceImport {
    fn signalled(this: &Arc<Self>) {
        // It was never queued before.
        let _ = this
            .process
            .driver_data()
            .wakes
            .enqueue::<Arc<Self>, WAKE>(this.clone());
    }
}

impl WorkItem<WAKE> for FenceImport {
    type Pointer = Arc<Self>;

    /// The guest's fence has signalled.
    fn run(this: Arc<Self>) {
        this.wake();
        // What is left to be done nobody waits for.
        let _ = this
            .process
            .driver_data()
            .queue
            .enqueue::<Arc<Self>, FINISH>(this.clone());
    }
}

impl WorkItem<FINISH> for FenceImport {
    type Pointer = Arc<Self>;

    /// Those who waited have been let go.
    fn run(this: Arc<Self>) {
        if let Some(place) = this.place.copy() {
            drop(this.device.imports().all.remove(place));
        }
        this.finish();
    }
}

impl FenceImport {
    /// Lets go of those who wait: brings the host's fence to its value. If the host refuses that
    /// they would wait for ever, and so the device fails.
    fn wake(&self) {
        // Else the host has forgotten it, or never was told.
        let (Ok(device), Ok(sender), Some(signal)) = (
            self.device.enter(),
            self.process.on_host(),
            self.signal.lock().take(),
        ) else {
            return;
        };
        let result = {
            // Whoever waits for what the context does next waits for this as well.
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
        // Else the host has forgotten it.
        let (Ok(_device), Ok(sender), Some(destroy)) = (
            self.device.enter(),
            self.process.on_host(),
            self.destroy.lock().take(),
        ) else {
            return;
        };

        self.process.forget(self.handle);
        // Nobody is left to be told.
        let _ = self
            .process
            .host()
            .link
            .send_provided(sender, destroy, TEARDOWN_TIMEOUT);
    }
}
