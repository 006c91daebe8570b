// SPDX-License-Identifier: GPL-2.0

//! Memory of this virtual machine that the host may use: a GPADL.
//!
//! The pages stay pinned as long as the host has them. It gives them back when the [`Gpadl`] is
//! dropped, or when its session ends. If it cannot be told to, they stay pinned for ever: memory
//! that somebody may still write to must not be used again.
//!
//! The core waits for the host in a way that nothing ends but an answer, or the host taking the
//! channel away; then it wakes only one thread that waits for an answer about the channel, so there
//! must not be two. So an ordered work queue talks to the core, and whoever wants something of it can
//! be killed while it waits.
//!
//! Locks: `Gpadls::state`, held while the core talks to the host. Taken under `Offer::life`, never the
//! other way round. `Lease::state` is not held while anything else is done.

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

/// What the core knows of memory that the host has.
struct Established(bindings::vmbus_gpadl);

// SAFETY: The address in it is only used by the core, which does not care about threads.
unsafe impl Send for Established {}

impl Established {
    /// Takes the memory back from the host.
    ///
    /// # Errors
    ///
    /// `EIO` if the host may still have it.
    ///
    /// # Safety
    ///
    /// `channel` must be valid, and the one for which the memory was established.
    unsafe fn tear_down(&mut self, channel: *mut bindings::vmbus_channel) -> Result {
        // SAFETY: The channel is valid by the contract of this function. The core sets the flag
        // once, without a lock, hence the volatile read.
        let gone = unsafe {
            // What this returns only says whether the memory is private again.
            bindings::vmbus_teardown_gpadl(channel, &mut self.0);
            (&raw const (*channel).rescind).read_volatile()
        };

        // The core clears the handle when the host has answered. A host that has taken the channel
        // away has let go of everything on it.
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
    /// None, and none can be made.
    pub(super) fn new() -> impl PinInit<Self> {
        // INVARIANT: `open` is false.
        pin_init!(Self {
            state <- new_mutex!(State::default(), "Gpadls::state"),
        })
    }

    /// The channel is open now.
    pub(super) fn begin(&self) {
        // INVARIANT: The caller has opened it.
        self.state.lock().open = true;
    }

    /// Calls `close`, which closes the channel, and takes back what the host has.
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

        // INVARIANT: It is open no more when the lock is released.
        state.open = false;
        close();
        // SAFETY: The channel is valid by the contract of this function; by the type invariant it
        // is the right one.
        state
            .established
            .retain(|established| unsafe { established.tear_down(channel) }.is_err());
    }
}

/// What has become of a lease.
enum Phase {
    /// The host was not asked yet.
    Asked(KernelMapping),
    /// The work item talks to the core.
    Busy,
    /// The host has the memory, and calls it so.
    Held(KernelMapping, u32),
    /// Nothing more is to be done; that is how it went.
    Over(Error),
}

struct LeaseState {
    phase: Phase,
    /// Whether there is somebody who wants the host to have the memory.
    wanted: bool,
}

/// Memory that is to go to the host, or is there.
#[pin_data]
struct Lease {
    session: Arc<Session>,
    queue: Arc<OwnedQueue>,
    #[pin]
    state: Mutex<LeaseState>,
    /// Completed when the host has the memory, or will not.
    #[pin]
    settled: Completion,
    /// Completed when nothing more is to be done.
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

    /// Does what is to be done: nobody else changes a phase.
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
        // Whoever wanted it has gone meanwhile.
        if again {
            let _ = this.queue.clone().enqueue(this);
        }
    }
}

impl Lease {
    /// Lets the host use `memory`. Returns what it calls it.
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
        // What the core says of a host that has enough is not known to user libraries.
        .map_err(|error| if error == ENODEV { error } else { ENOMEM })?;

        let handle = established.0.gpadl_handle;

        // There is room: it was reserved above.
        state.established.push(established, GFP_KERNEL)?;
        Ok(handle)
    }

    /// Takes the memory back, unless the end of the session has done so.
    ///
    /// # Errors
    ///
    /// `EIO` if the host may still have it.
    fn tear_down(&self, handle: u32) -> Result {
        let mut state = self.session.gpadls.state.lock();
        let Some(index) = state.find(handle) else {
            return Ok(());
        };

        if !state.open {
            // It was tried, and may not be tried again: the channel may not exist any more.
            return Err(EIO);
        }

        let mut established = state.established.remove(index).map_err(|_| EIO)?;

        // SAFETY: `open` is true and locked, so the channel is valid. By the type invariant of
        // `Gpadls` it is the right one.
        unsafe { established.tear_down(self.session.offer.channel.as_ptr()) }
    }

    /// Takes the memory back and lets go of it.
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

/// Memory that the host may use, until this is dropped.
pub(crate) struct Gpadl {
    lease: Arc<Lease>,
    handle: u32,
    pages: usize,
}

impl Gpadl {
    /// Most pages. The protocol counts bytes with 32 bits.
    pub(crate) const MAX_PAGES: u64 = u32::MAX as u64 / PAGE_SIZE as u64;

    /// Lets the host use `memory`. Waits until the host has answered, which `queue` sees to: an ordered
    /// one, and the same for all of a session.
    ///
    /// # Errors
    ///
    /// - `ENODEV`: the session has ended, or the host has taken the channel away.
    /// - `ENOMEM`: it is more than the protocol can name, 4 GiB or more; or the host does not want
    ///   it, or there is no memory for the messages.
    /// - `ERESTARTSYS`: a fatal signal arrived. The memory comes back when the host has answered.
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

    /// What the host knows the memory by.
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// Returns how many pages it has.
    pub(crate) fn pages(&self) -> usize {
        self.pages
    }
}

impl Drop for Gpadl {
    /// Waits until the host has given the memory back or taken the channel away, or a fatal signal
    /// arrives; the memory comes back in any case.
    fn drop(&mut self) {
        self.lease.state.lock().wanted = false;
        // If it is queued it has not begun, and will see that.
        let _ = self.lease.queue.enqueue(self.lease.clone());
        let _ = self.lease.over.wait(WaitMode::Killable);
    }
}
