// SPDX-License-Identifier: GPL-2.0

//! The view a program has of an allocation: how often it was locked, and where it is.
//!
//! The first lock asks the host to show the memory, the last unlock lets it go; the host hears of
//! nothing in between. Whoever asks has the [`MapGuard`], and others wait for the outcome. No lock is
//! held while the host is asked.
//!
//! `LockState::state` is held while the memory is mapped and unmapped, so that an allocation that is
//! destroyed is mapped no more when [`LockState::close`] returns.

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

/// How long to sleep before looking again, should a change go by unseen.
const SLICE: Delta = Delta::from_millis(100);

enum State {
    /// Not mapped.
    Hidden,
    /// Not mapped. Somebody asks the host.
    Asking,
    /// Mapped.
    Shown { view: IoMapping, locks: u32 },
    /// Memory of the program, which it always sees at `address`: locks mean nothing, and are not
    /// counted.
    Own { address: u64 },
    /// The allocation is destroyed.
    Gone,
}

/// The view of one allocation.
#[pin_data]
pub(crate) struct LockState {
    #[pin]
    state: Mutex<State>,
    #[pin]
    changes: EventCount,
}

/// What locking comes to.
pub(crate) enum Locked<'a> {
    /// The memory is at this address.
    At(u64),
    /// The host has to be asked to show it.
    Ask(MapGuard<'a>),
}

impl LockState {
    /// A view of the memory of the GPU; or of memory of the program, at the address `own`.
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

    /// Counts a lock, if the program sees the memory; else it is the caller's turn to ask the host.
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

    /// Takes a lock back. If it was the last one the memory is unmapped, and it is the caller's
    /// turn to tell the host, with what `prepare` has returned. Of memory of the program, which no
    /// lock has to show, any number may be taken back, as in the reference.
    ///
    /// # Errors
    ///
    /// `EINVAL` if memory of the GPU is not locked; what `prepare` says, when nothing was done.
    pub(crate) fn unlock<G>(
        &self,
        prepare: impl FnOnce() -> Result<G>,
    ) -> Result<Option<(G, MapGuard<'_>)>> {
        let mut state = self.state.lock();

        match &mut *state {
            State::Shown { locks: 1, .. } => {
                let prepared = prepare()?;

                // The old state unmaps the memory.
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

    /// The allocation is about to be destroyed: unmaps it, and lets nobody map it any more.
    pub(crate) fn close(&self) {
        *self.state.lock() = State::Gone;
        self.changes.wake_all();
    }
}

/// The right to ask the host about the memory of an allocation.
pub(crate) struct MapGuard<'a> {
    view: &'a LockState,
}

impl MapGuard<'_> {
    /// Whether the allocation is still there.
    pub(crate) fn matters(&self) -> bool {
        matches!(*self.view.state.lock(), State::Asking)
    }

    /// The host shows the memory: `map` shows it to the program, which has locked it once then.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the allocation was destroyed meanwhile; what `map` says.
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
