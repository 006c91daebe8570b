// SPDX-License-Identifier: GPL-2.0

//! Objects that several processes share, by way of file descriptors.
//!
//! The host keeps a shared object as long as a process has a handle for it, or there is an *NT
//! handle* of the virtual machine. That one is made with the first descriptor and destroyed with
//! the last: by a worker, as descriptors are closed by whoever and must not wait for the host.

use super::{
    adapter::Adapter,
    driver_data::DriverData,
    host::HostAccess,
    object_stats::ObjectCount,
    process::Process, //
};
use crate::{
    linux::{
        queue::OwnedQueue,
        wait::{
            Completion,
            WaitMode, //
        },
    },
    message::share::{
        CreateNtSharedObject,
        DestroyNtSharedObject, //
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
        Arc,
        Mutex,
        UniqueArc, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// An NT handle of the host.
#[pin_data]
struct NtHandle {
    host: HostAccess,
    handle: Handle,
    #[pin]
    work: Work<NtHandle>,
}

impl_has_work! {
    impl HasWork<Self> for NtHandle { self.work }
}

impl WorkItem for NtHandle {
    type Pointer = Arc<Self>;

    /// Nobody needs it any more.
    fn run(this: Arc<Self>) {
        let destroy = || DestroyNtSharedObject {
            shared_object: this.handle,
        };

        // Nobody is left to be told.
        let _ = this
            .host
            .link
            .tell(HostProcess::GUEST, destroy, WaitMode::Unbounded);
    }
}

enum State {
    /// There is no NT handle.
    Private,
    /// Somebody asks the host for one; completed when that is over.
    Pending(Arc<Completion>),
    /// There is one, and so many exports.
    Exported(Arc<NtHandle>, usize),
}

/// Whether a shared object has an NT handle, and which.
#[pin_data]
pub(crate) struct Exports {
    host: HostAccess,
    teardown: Arc<OwnedQueue>,
    #[pin]
    state: Mutex<State>,
}

/// Keeps the NT handle of a shared object, and so the object itself.
pub(crate) struct Export {
    exports: Arc<Exports>,
    handle: Handle,
}

impl Exports {
    /// None yet. The NT handle will be given back over `host`.
    pub(crate) fn new(host: &HostAccess, driver_data: &DriverData) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                host: host.clone(),
                teardown: driver_data.teardown.clone(),
                state <- new_mutex!(State::Private, "Exports::state"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Makes sure that there is an NT handle of what `process` calls `object`, on `adapter`. The
    /// caller keeps it from being destroyed.
    ///
    /// # Errors
    ///
    /// What the host says; `ENODEV` if it or the adapter is lost, `ERESTARTSYS` after a fatal
    /// signal.
    pub(crate) fn export(
        self: &Arc<Self>,
        process: &Process,
        adapter: &Adapter,
        object: Handle,
    ) -> Result<Export> {
        // Nobody could open what a lost host has exported.
        process.on_host()?;
        loop {
            // Made here, because of the lock.
            let turn = Arc::pin_init(Completion::new(), GFP_KERNEL_ACCOUNT)?;
            let earlier = {
                let mut state = self.state.lock();

                match &mut *state {
                    State::Exported(nt, exports) => {
                        *exports += 1;
                        return Ok(Export {
                            exports: self.clone(),
                            handle: nt.handle,
                        });
                    }
                    State::Pending(earlier) => Some(earlier.clone()),
                    State::Private => {
                        *state = State::Pending(turn.clone());
                        None
                    }
                }
            };

            match earlier {
                // If that one fails it is our turn.
                Some(earlier) => earlier.wait(WaitMode::Killable)?,
                None => {
                    let result = self.ask(process, adapter, object);

                    turn.complete_all();
                    return result;
                }
            }
        }
    }

    /// Asks the host, when it is our turn.
    fn ask(
        self: &Arc<Self>,
        process: &Process,
        adapter: &Adapter,
        object: Handle,
    ) -> Result<Export> {
        // Memory is found before there is anything to lose.
        let nt = UniqueArc::<NtHandle>::new_uninit(GFP_KERNEL_ACCOUNT)
            .map_err(Error::from)
            .and_then(|room| {
                let handle = process.call_host_about(adapter, CreateNtSharedObject { object })?;
                let nt = NtHandle::new(&self.host, handle);

                Ok::<Arc<NtHandle>, Error>(room.pin_init_with(nt)?.into())
            });
        let mut state = self.state.lock();

        match nt {
            Ok(nt) => {
                let handle = nt.handle;

                *state = State::Exported(nt, 1);
                Ok(Export {
                    exports: self.clone(),
                    handle,
                })
            }
            Err(error) => {
                *state = State::Private;
                Err(error)
            }
        }
    }
}

impl NtHandle {
    /// The NT handle `handle`.
    fn new(host: &HostAccess, handle: Handle) -> impl PinInit<Self, Error> {
        let host = host.clone();

        try_pin_init!(Self {
            host,
            handle,
            work <- new_work!("NtHandle::work"),
        }? Error)
    }
}

impl Export {
    /// The NT handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let last = {
            let mut state = self.exports.state.lock();

            match &mut *state {
                State::Exported(_, exports) if *exports > 1 => {
                    *exports -= 1;
                    State::Private
                }
                state => core::mem::replace(state, State::Private),
            }
        };

        if let State::Exported(nt, _) = last {
            // It was never queued before.
            let _ = self.exports.teardown.enqueue(nt);
        }
    }
}

/// What all processes share that have opened one sync object.
pub(crate) struct SharedSyncObject {
    /// The adapter it was made on. Others may open it, if the host lets them.
    pub(crate) adapter: Arc<Adapter>,
    /// Whether its value is in memory.
    pub(crate) monitored: bool,
    /// Its handle in all processes.
    pub(crate) global: Handle,
    /// Its NT handle.
    pub(crate) exports: Arc<Exports>,
    /// That it is there.
    pub(crate) _counted: ObjectCount,
}

/// What a descriptor of a shared sync object stands for.
pub(crate) struct SyncObjectFile {
    /// The object.
    pub(crate) object: Arc<SharedSyncObject>,
    /// Keeps it on the host.
    pub(crate) _export: Export,
}
