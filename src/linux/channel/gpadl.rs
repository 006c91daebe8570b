// SPDX-License-Identifier: GPL-2.0

//! GPADLs: memory of this virtual machine that the host may use.
//!
//! The pages stay pinned as long as the host may use them. A GPADL is torn down when the [`Gpadl`]
//! is dropped, or when its session ends. If the teardown fails, the pages stay pinned forever:
//! memory that the host may still write to must not be reused.
//!
//! The core waits for the host uninterruptibly, until the host replies or rescinds the channel;
//! then it wakes only one thread that waits for a reply about the channel, so there must not be
//! two. So an ordered work queue calls the core, and the threads that use it can be killed while
//! they wait.
//!
//! Locks: `Gpadls::state`, held while the core talks to the host. Taken under `Offer::life`, never
//! the other way round. No lock is taken under `Lease::state`.

use super::Session;
use crate::linux::{
    bindings,
    queue::OwnedQueue,
    ratelimit::pr_warn_limited,
    user_pages::KernelMapping,
    wait::{
        Completion,
        WaitMode, //
    },
};
use core::mem;
use kernel::{
    error::to_result,
    impl_has_work,
    new_mutex,
    new_work,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    workqueue::{
        Work,
        WorkItem, //
    }, //
};

/// The core's description of an established GPADL.
struct Established(bindings::vmbus_gpadl);

// SAFETY: The address in it is only used by the core, on any thread.
unsafe impl Send for Established {}

impl Established {
    /// Tears the GPADL down.
    ///
    /// # Errors
    ///
    /// `EIO` if the host may still use the memory.
    ///
    /// # Safety
    ///
    /// `channel` must be valid, and the one for which the GPADL was established.
    unsafe fn tear_down(&mut self, channel: *mut bindings::vmbus_channel) -> Result {
        // SAFETY: The channel is valid by the contract of this function. The core sets the flag
        // once, without a lock, hence the volatile read.
        let gone = unsafe {
            // The return value only says whether the memory is private again.
            bindings::vmbus_teardown_gpadl(channel, &mut self.0);
            (&raw const (*channel).rescind).read_volatile()
        };

        // The core clears the handle when the host has replied. A host that has rescinded the
        // channel has released all its GPADLs.
        if gone || self.0.gpadl_handle == 0 {
            return Ok(());
        }
        Err(EIO)
    }
}

#[derive(Default)]
struct State {
    open: bool,
    established: KVVec<Established>,
}

impl State {
    fn find(&self, handle: u32) -> Option<usize> {
        self.established
            .iter()
            .position(|established| established.0.gpadl_handle == handle)
    }
}

/// The GPADLs of a session.
///
/// # Invariants
///
/// While `open` is true, the channel of the session is valid and open. Each entry was established
/// for this channel.
#[pin_data]
pub(super) struct Gpadls {
    #[pin]
    state: Mutex<State>,
}

impl Gpadls {
    /// Creates an empty set of a channel that is not open.
    pub(super) fn new() -> impl PinInit<Self> {
        // INVARIANT: `open` is false.
        pin_init!(Self {
            state <- new_mutex!(State::default(), "Gpadls::state"),
        })
    }

    /// Allows GPADLs to be established, as the channel is open now.
    pub(super) fn begin(&self) {
        // INVARIANT: The caller has opened the channel.
        self.state.lock().open = true;
    }

    /// Calls `close`, which closes the channel, and tears down all GPADLs.
    ///
    /// # Safety
    ///
    /// `channel` must be the session's, and stay valid during the call.
    pub(super) unsafe fn end(
        &self,
        channel: *mut bindings::vmbus_channel,
        close: impl FnOnce(), //
    ) {
        let mut state = self.state.lock();

        // INVARIANT: The channel is not open when the lock is released.
        state.open = false;
        close();
        state.established.retain(|established| {
            // SAFETY: The channel is valid by the contract of this function; by the type invariant
            // the GPADL was established for it.
            unsafe { established.tear_down(channel) }.is_err()
        });
    }
}

/// The progress of a lease.
enum Phase {
    /// The work item has not asked the host yet.
    Asked(KernelMapping),
    /// The work item is calling the core.
    Busy,
    /// The host has the memory, under this handle.
    Held(KernelMapping, u32),
    /// The lease has ended, with this error.
    Over(Error),
}

struct LeaseState {
    phase: Phase,
    /// Whether the [`Gpadl`] exists, so that the host is to have the memory.
    wanted: bool,
}

/// The establishment and teardown of one GPADL.
#[pin_data]
struct Lease {
    session: Arc<Session>,
    queue: Arc<OwnedQueue>,
    #[pin]
    state: Mutex<LeaseState>,
    /// Completed when the host has the memory, or has refused it.
    #[pin]
    settled: Completion,
    /// Completed when the lease has ended.
    #[pin]
    over: Completion,
    #[pin]
    work: Work<Lease>,
}

impl_has_work! {
    impl HasWork<Self> for Lease { self.work }
}

impl WorkItem for Lease {
    type Pointer = Arc<Self>;

    /// Establishes or tears down the GPADL, as `wanted` says. Only this function changes the phase.
    fn run(this: Arc<Self>) {
        let (phase, wanted) = {
            let mut state = this.state.lock();

            (mem::replace(&mut state.phase, Phase::Busy), state.wanted)
        };
        let next = match phase {
            Phase::Asked(memory) if wanted => match this.establish(&memory) {
                Ok(handle) => Phase::Held(memory, handle),
                Err(error) => Phase::Over(error),
            },
            Phase::Asked(_) => Phase::Over(ENODEV),
            Phase::Held(memory, handle) if !wanted => {
                this.end(memory, handle);
                Phase::Over(ENODEV)
            }
            other => other,
        };
        let is_over = matches!(next, Phase::Over(_));
        let again = {
            let mut state = this.state.lock();

            state.phase = next;
            !is_over && !state.wanted
        };

        this.settled.complete_all();
        if is_over {
            this.over.complete_all();
        }
        // The `Gpadl` was dropped meanwhile.
        if again {
            let _ = this.queue.clone().enqueue(this);
        }
    }
}

impl Lease {
    /// Establishes a GPADL of `memory`. Returns its handle.
    fn establish(&self, memory: &KernelMapping) -> Result<u32> {
        let bytes = u32::try_from(memory.bytes()).map_err(|_| ENOMEM)?;
        let mut state = self.session.gpadls.state.lock();

        if !state.open {
            return Err(ENODEV);
        }
        state.established.reserve(1, GFP_KERNEL)?;

        let mut established = Established(pin_init::zeroed());

        // SAFETY:
        // - `open` is true and locked, so the channel is valid and open.
        // - The memory is mapped in the kernel, and stays so.
        to_result(unsafe {
            bindings::vmbus_establish_gpadl(
                self.session.offer.channel.as_ptr(),
                memory.address(),
                bytes,
                &mut established.0,
            )
        })
        // User libraries do not know the core's errors for a host that has refused.
        .map_err(|error| if error == ENODEV { error } else { ENOMEM })?;

        let handle = established.0.gpadl_handle;

        // Cannot fail: the space was reserved above.
        state.established.push(established, GFP_KERNEL)?;
        Ok(handle)
    }

    /// Tears the GPADL down, unless the end of the session has done so.
    ///
    /// # Errors
    ///
    /// `EIO` if the host may still use the memory.
    fn tear_down(&self, handle: u32) -> Result {
        let mut state = self.session.gpadls.state.lock();
        let Some(index) = state.find(handle) else {
            return Ok(());
        };

        if !state.open {
            // The teardown at the end of the session has failed, and the channel may not exist now.
            return Err(EIO);
        }

        let mut established = state.established.remove(index).map_err(|_| EIO)?;

        // SAFETY: `open` is true and locked, so the channel is valid. By the type invariant of
        // `Gpadls` the GPADL was established for it.
        unsafe { established.tear_down(self.session.offer.channel.as_ptr()) }
    }

    /// Tears the GPADL down and releases the memory, or leaks it if the teardown fails.
    fn end(&self, memory: KernelMapping, handle: u32) {
        if self.tear_down(handle).is_err() {
            pr_warn_limited!(
                "the host may still use {} bytes of memory, which stay pinned\n",
                memory.bytes()
            );
            mem::forget(memory);
        }
    }
}

/// A GPADL, which is torn down when this is dropped.
pub(crate) struct Gpadl {
    lease: Arc<Lease>,
    handle: u32,
    pages: usize,
}

impl Gpadl {
    /// The maximum number of pages. The protocol counts bytes with 32 bits.
    pub(crate) const MAX_PAGES: u64 = u32::MAX as u64 / PAGE_SIZE as u64;

    /// Establishes a GPADL of `memory`, and waits until the host has replied. The work is done on
    /// `queue`, which must be ordered and the same for all GPADLs of a session.
    ///
    /// # Errors
    ///
    /// - `ENODEV`: the session has ended, or the host has rescinded the channel.
    /// - `ENOMEM`: the memory has 4 GiB or more, which the protocol cannot express; or the host
    ///   refuses it, or there is no memory for the messages.
    /// - `ERESTARTSYS`: a fatal signal arrived. The GPADL is torn down when the host has replied.
    pub(crate) fn establish(
        session: &Arc<Session>,
        memory: KernelMapping,
        queue: &Arc<OwnedQueue>,
    ) -> Result<Self> {
        let pages = memory.bytes() / PAGE_SIZE;
        let state = LeaseState {
            phase: Phase::Asked(memory),
            wanted: true,
        };
        let mut gpadl = Self {
            lease: Arc::pin_init(
                pin_init!(Lease {
                    session: session.clone(),
                    queue: queue.clone(),
                    state <- new_mutex!(state, "Lease::state"),
                    settled <- Completion::new(),
                    over <- Completion::new(),
                    work <- new_work!("Lease::work"),
                }),
                GFP_KERNEL_ACCOUNT,
            )?,
            handle: 0,
            pages,
        };
        let lease = gpadl.lease.clone();

        let _ = queue.enqueue(lease.clone());
        lease.settled.wait(WaitMode::Killable)?;
        match &lease.state.lock().phase {
            Phase::Held(_, handle) => gpadl.handle = *handle,
            Phase::Over(error) => return Err(*error),
            _ => return Err(EIO),
        }
        Ok(gpadl)
    }

    /// Returns the host's handle of the GPADL.
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// Returns the number of pages.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }
}

impl Drop for Gpadl {
    /// Waits until the GPADL is torn down or the host has rescinded the channel, or until a fatal
    /// signal arrives; a worker completes the teardown in any case.
    fn drop(&mut self) {
        self.lease.state.lock().wanted = false;
        // If the item is queued already it has not begun, and will see the change.
        let _ = self.lease.queue.enqueue(self.lease.clone());
        let _ = self.lease.over.wait(WaitMode::Killable);
    }
}
