// SPDX-License-Identifier: GPL-2.0

//! Memory of this virtual machine that the host may use: a GPADL.
//!
//! The pages stay pinned as long as the host has them. It gives them back when the [`Gpadl`] is
//! dropped, or when its session ends. If it cannot be told to, they stay pinned for ever: memory
//! that somebody may still write to must not be used again.
//!
//! Locks: `Gpadls::state`, held while the core talks to the host. When the host takes a channel
//! away the core wakes only one thread that waits for an answer about it, so there must not be
//! two. Taken under `Offer::life`, never the other way round.

use super::Session;
use crate::linux::{
    bindings,
    ratelimit::pr_warn_limited,
    user_pages::KernelMapping, //
};
use core::mem::ManuallyDrop;
use kernel::{
    error::to_result,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
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

/// Memory that the host may use, until this is dropped.
pub(crate) struct Gpadl {
    session: Arc<Session>,
    handle: u32,
    memory: ManuallyDrop<KernelMapping>,
}

impl Gpadl {
    /// Most pages. The protocol counts bytes with 32 bits.
    pub(crate) const MOST_PAGES: u64 = u32::MAX as u64 / PAGE_SIZE as u64;

    /// Lets the host use `memory`. Waits for the host, until it answers or takes the channel away.
    ///
    /// # Errors
    ///
    /// - `ENODEV`: the session has ended, or the host has taken the channel away.
    /// - `ENOMEM`: it is more than the protocol can name, 4 GiB or more; or the host does not want
    ///   it, or there is no memory for the messages.
    pub(crate) fn establish(session: &Arc<Session>, memory: KernelMapping) -> Result<Self> {
        let bytes = u32::try_from(memory.bytes()).map_err(|_| ENOMEM)?;

        let mut state = session.gpadls.state.lock();

        if !state.open {
            return Err(ENODEV);
        }
        state.established.reserve(1, GFP_KERNEL_ACCOUNT)?;

        let mut established = Established(pin_init::zeroed());

        // SAFETY:
        // - `open` is true and locked, so the channel is valid and open.
        // - The memory is mapped in the kernel, and stays so.
        to_result(unsafe {
            bindings::vmbus_establish_gpadl(
                session.offer.channel.as_ptr(),
                memory.address(),
                bytes,
                &mut established.0,
            )
        })
        // What the core says of a host that has enough is not known to user libraries.
        .map_err(|error| if error == ENODEV { error } else { ENOMEM })?;

        let handle = established.0.gpadl_handle;

        // There is room: it was reserved above.
        state.established.push(established, GFP_KERNEL_ACCOUNT)?;
        Ok(Self {
            session: session.clone(),
            handle,
            memory: ManuallyDrop::new(memory),
        })
    }

    /// What the host knows the memory by.
    pub(crate) fn handle(&self) -> u32 {
        self.handle
    }

    /// How many pages it has.
    pub(crate) fn pages(&self) -> usize {
        self.memory.bytes() / PAGE_SIZE
    }

    /// Takes the memory back, unless the end of the session has done so.
    ///
    /// # Errors
    ///
    /// `EIO` if the host may still have it.
    fn tear_down(&self) -> Result {
        let mut state = self.session.gpadls.state.lock();
        let Some(index) = state.find(self.handle) else {
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
}

impl Drop for Gpadl {
    /// Waits for the host, until it answers or takes the channel away.
    fn drop(&mut self) {
        match self.tear_down() {
            // SAFETY: `memory` is not used any more, as `self` is going away.
            Ok(()) => unsafe { ManuallyDrop::drop(&mut self.memory) },
            Err(_) => pr_warn_limited!(
                "the host may still use {} bytes of memory, which stay pinned\n",
                self.memory.bytes()
            ),
        }
    }
}
