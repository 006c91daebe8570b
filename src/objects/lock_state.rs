// SPDX-License-Identifier: GPL-2.0

//! The CPU mapping of an allocation in the program that locks it: the number of locks, and the
//! address.
//!
//! The first lock asks the host to map the memory, the last unlock asks it to unmap it; the host is
//! told nothing in between. The thread that asks holds the [`MapGuard`], and others wait for the
//! outcome. No lock is held while the host is asked.
//!
//! `LockState::state` is held while the memory is mapped into and unmapped from the program, so
//! that a destroyed allocation is not mapped after [`LockState::close`] has returned.

use super::io_mapping::IoMapping;
use crate::linux::wait::{
    new_event_count,
    EventCount,
    WaitMode, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex,
    time::Delta, //
};

/// The interval at which the state is read again, in case a wake-up is missed.
const SLICE: Delta = Delta::from_millis(100);

enum State {
    /// The memory is not mapped.
    Hidden,
    /// The memory is not mapped, and a thread that holds the [`MapGuard`] asks the host.
    Asking,
    /// The memory is mapped, and locked `locks` times.
    Shown { view: IoMapping, locks: u32 },
    /// Memory of the program, which is always visible at `address`. Locks have no effect and are
    /// not counted.
    Own { address: u64 },
    /// The allocation is destroyed.
    Gone,
}

/// The CPU mapping of one allocation.
#[pin_data]
pub(crate) struct LockState {
    #[pin]
    state: Mutex<State>,
    #[pin]
    changes: EventCount,
}

/// The result of [`LockState::lock`].
pub(crate) enum Locked<'a> {
    /// The memory is mapped at this address.
    At(u64),
    /// The caller has to ask the host to map the memory.
    Ask(MapGuard<'a>),
}

impl LockState {
    /// Creates the state for memory of the GPU, or for memory of the program at the address `own`.
    pub(crate) fn new(own: Option<u64>) -> impl PinInit<Self> {
        let state = match own {
            Some(address) => State::Own { address },
            None => State::Hidden,
        };

        pin_init!(Self {
            state <- new_mutex!(state, "LockState::state"),
            changes <- new_event_count!(c"LockState::changes"),
        })
    }

    /// Counts a lock if the memory is mapped; otherwise returns the guard to ask the host with.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the allocation is destroyed or locked too often, `ERESTARTSYS` after a fatal
    /// signal.
    pub(crate) fn lock(&self) -> Result<Locked<'_>> {
        loop {
            let seen = self.changes.snapshot();

            match &mut *self.state.lock() {
                State::Shown { view, locks } => {
                    *locks = locks.checked_add(1).ok_or(EINVAL)?;
                    return Ok(Locked::At(view.address()));
                }
                State::Own { address } => return Ok(Locked::At(*address)),
                state @ State::Hidden => {
                    *state = State::Asking;
                    return Ok(Locked::Ask(MapGuard { view: self }));
                }
                State::Asking => {}
                State::Gone => return Err(EINVAL),
            }
            self.changes.wait(seen, SLICE, WaitMode::Killable)?;
        }
    }

    /// Removes a lock. If it was the last one, unmaps the memory and returns what `prepare` has
    /// returned, with which the caller must tell the host. Memory of the program may be unlocked
    /// any number of times, as in the reference.
    ///
    /// # Errors
    ///
    /// `EINVAL` if memory of the GPU is not locked; the errors of `prepare`, when nothing was done.
    pub(crate) fn unlock<G>(
        &self,
        prepare: impl FnOnce() -> Result<G>,
    ) -> Result<Option<(G, MapGuard<'_>)>> {
        let mut state = self.state.lock();

        match &mut *state {
            State::Shown { locks: 1, .. } => {
                let prepared = prepare()?;

                // Dropping the old state unmaps the memory.
                *state = State::Asking;
                Ok(Some((prepared, MapGuard { view: self })))
            }
            State::Shown { locks, .. } => {
                *locks = locks.checked_sub(1).ok_or(EINVAL)?;
                Ok(None)
            }
            State::Own { .. } => Ok(None),
            State::Hidden | State::Asking | State::Gone => Err(EINVAL),
        }
    }

    /// Unmaps the memory and prevents further mappings, as the allocation is about to be destroyed.
    pub(crate) fn close(&self) {
        *self.state.lock() = State::Gone;
        self.changes.wake_all();
    }
}

/// The exclusive right to ask the host to map or unmap the memory of an allocation.
pub(crate) struct MapGuard<'a> {
    view: &'a LockState,
}

impl MapGuard<'_> {
    /// Returns whether the allocation still exists.
    pub(crate) fn matters(&self) -> bool {
        matches!(*self.view.state.lock(), State::Asking)
    }

    /// Maps the memory into the program with `map`, and counts the first lock, after the host has
    /// mapped it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the allocation was destroyed meanwhile; the errors of `map`.
    pub(crate) fn show(&self, map: impl FnOnce() -> Result<IoMapping>) -> Result<u64> {
        let mut state = self.view.state.lock();

        if !matches!(*state, State::Asking) {
            return Err(EINVAL);
        }

        let view = map()?;
        let address = view.address();

        *state = State::Shown { view, locks: 1 };
        Ok(address)
    }
}

impl Drop for MapGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.view.state.lock();

        if matches!(*state, State::Asking) {
            *state = State::Hidden;
        }
        drop(state);
        self.view.changes.wake_all();
    }
}
