// SPDX-License-Identifier: GPL-2.0

//! Objects that several processes share through file descriptors.
//!
//! The host keeps a shared object as long as a process has a handle for it, or there is an *NT
//! handle* of the virtual machine. The NT handle is created with the first descriptor and destroyed
//! with the last: by a worker, as any task may close a descriptor and must not wait for the host.

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

    /// Destroys the NT handle.
    fn run(this: Arc<Self>) {
        let destroy = || DestroyNtSharedObject {
            shared_object: this.handle,
        };

        // There is no caller to return an error to.
        let _ = this
            .host
            .link
            .tell(HostProcess::GUEST, destroy, WaitMode::Unbounded);
    }
}

enum State {
    /// There is no NT handle.
    Private,
    /// A thread asks the host for an NT handle; completed when the host has replied.
    Pending(Arc<Completion>),
    /// There is an NT handle, with this number of exports.
    Exported(Arc<NtHandle>, usize),
}

/// The NT handle of a shared object, if there is one.
#[pin_data]
pub(crate) struct Exports {
    host: HostAccess,
    teardown: Arc<OwnedQueue>,
    #[pin]
    state: Mutex<State>,
}

/// A reference to the NT handle of a shared object, which keeps the object on the host.
pub(crate) struct Export {
    exports: Arc<Exports>,
    handle: Handle,
}

impl Exports {
    /// Creates an object without an NT handle. The NT handle will be destroyed over `host`.
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

    /// Ensures that there is an NT handle for the object on `adapter` whose handle in `process` is
    /// `object`. The caller keeps the object from being destroyed.
    ///
    /// # Errors
    ///
    /// The host's error; `ENODEV` if it or the adapter is lost, `ERESTARTSYS` after a fatal signal.
    pub(crate) fn export(
        self: &Arc<Self>,
        process: &Process,
        adapter: &Adapter,
        object: Handle,
    ) -> Result<Export> {
        // An export to a lost host could not be opened.
        process.on_host()?;
        loop {
            // Allocated without the lock.
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
                // If the other thread fails, this one asks the host.
                Some(earlier) => earlier.wait(WaitMode::Killable)?,
                None => {
                    let result = self.ask(process, adapter, object);

                    turn.complete_all();
                    return result;
                }
            }
        }
    }

    /// Asks the host for an NT handle. Only one thread at a time calls this.
    fn ask(
        self: &Arc<Self>,
        process: &Process,
        adapter: &Adapter,
        object: Handle,
    ) -> Result<Export> {
        // Memory is allocated before the host creates the NT handle.
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
    /// Creates the object for the NT handle `handle`.
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
    /// Returns the NT handle.
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
            // Cannot fail: the item was never queued before.
            let _ = self.exports.teardown.enqueue(nt);
        }
    }
}

/// The data shared by all processes that have opened one sync object.
pub(crate) struct SharedSyncObject {
    /// The adapter it was created on. It may be opened on others, if the host allows that.
    pub(crate) adapter: Arc<Adapter>,
    /// Whether it is a monitored fence, whose value is in memory.
    pub(crate) monitored: bool,
    /// The handle that is the same in all processes.
    pub(crate) global: Handle,
    /// The NT handle, if there is one.
    pub(crate) exports: Arc<Exports>,
    /// The count of this object.
    pub(crate) _counted: ObjectCount,
}

/// A file descriptor of a shared sync object.
pub(crate) struct SyncObjectFile {
    /// The sync object.
    pub(crate) object: Arc<SharedSyncObject>,
    /// Keeps the object on the host.
    pub(crate) _export: Export,
}
