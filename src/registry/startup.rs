// SPDX-License-Identifier: GPL-2.0

//! Tracks the starts of adapters, and lets threads wait for them.
//!
//! Loading the module does not wait for the host. A program that opens `/dev/dxg` right afterwards
//! waits in its first request instead, until everything that had arrived by then was started or
//! failed to start. That wait holds no lock and can be killed.
//!
//! If there are active adapters, a thread does not wait for one that is added to them, and only for
//! a limited time for one that the host does not start with the others.

use crate::linux::wait::{
    new_event_count,
    Deadline,
    EventCount,
    WaitMode, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Mutex, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
};

/// The interval at which the state is read again, in case a wake-up is missed.
const SLICE: Delta = Delta::from_millis(100);

/// The time without a change after which running starts are no longer waited for, in milliseconds.
/// A GPU that has to wake up takes less.
const STALLED: i64 = 10_000;

/// The arrivals of functions and channels, and the progress of starting them.
#[pin_data]
pub(super) struct Startup {
    /// The number of arrivals.
    arrivals: Atomic<u32>,
    /// The number of arrivals that the start work has handled.
    done: Atomic<u32>,
    /// The number of running starts.
    starts: Atomic<u32>,
    /// Whether there were usable adapters when all starts had ended last.
    complete: Atomic<bool>,
    /// The time of the last change.
    #[pin]
    changed: Mutex<Instant<Monotonic>>,
    #[pin]
    changes: EventCount,
}

impl Startup {
    /// Creates an object without arrivals.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            arrivals: Atomic::new(0),
            done: Atomic::new(0),
            starts: Atomic::new(0),
            complete: Atomic::new(false),
            changed <- new_mutex!(Instant::now(), "Startup::changed"),
            changes <- new_event_count!(c"Startup::changes"),
        })
    }

    /// Counts an arrival. The caller queues the start work afterwards.
    pub(super) fn arrive(&self) {
        self.arrivals.fetch_add(1, Full);
        *self.changed.lock() = Instant::now();
    }

    /// Returns the number of arrivals, for [`Self::done`]. Called by the start work before it
    /// determines what can be started.
    pub(super) fn begin(&self) -> u32 {
        self.arrivals.load(Acquire)
    }

    /// Records that the start work has handled `arrivals`: everything that could be started is
    /// being started. `usable` says whether there are usable adapters now.
    pub(super) fn done(&self, arrivals: u32, usable: bool) {
        self.done.store(arrivals, Release);
        self.look(usable);
    }

    /// Counts a running start. Called by the start work.
    pub(super) fn start_begins(&self) {
        self.starts.fetch_add(1, Full);
    }

    /// Uncounts a running start, successful or not.
    pub(super) fn start_ended(&self, usable: bool) {
        self.starts.fetch_sub(1, Full);
        self.look(usable);
    }

    fn look(&self, usable: bool) {
        *self.changed.lock() = Instant::now();
        if self.is_idle() {
            self.complete.store(usable, Release);
        }
        self.changes.wake_all();
    }

    /// Returns whether everything that has arrived was started, or failed to start.
    pub(super) fn is_idle(&self) -> bool {
        self.done.load(Acquire) == self.arrivals.load(Acquire) && self.starts.load(Acquire) == 0
    }

    /// Waits until no start is running.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended early.
    pub(super) fn wait_over(&self, mode: WaitMode) -> Result {
        let deadline = Deadline::new(mode);

        loop {
            let seen = self.changes.snapshot();

            if self.starts.load(Acquire) == 0 {
                return Ok(());
            }
            self.changes.wait(seen, SLICE, deadline.rest()?)?;
        }
    }

    /// Returns whether threads that can use the adapters that are active need not wait for the
    /// rest.
    fn is_enough(&self) -> bool {
        self.complete.load(Acquire) || self.changed.lock().elapsed().as_millis() >= STALLED
    }

    /// Waits until everything that has arrived was started, or failed to start; or until the rest
    /// takes longer, and `is_usable` returns that there are usable adapters.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended early.
    pub(super) fn wait(&self, mode: WaitMode, is_usable: impl Fn() -> bool) -> Result {
        let deadline = Deadline::new(mode);

        loop {
            let seen = self.changes.snapshot();

            if self.is_idle() || self.is_enough() && is_usable() {
                return Ok(());
            }
            self.changes.wait(seen, SLICE, deadline.rest()?)?;
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_startup)]
mod tests {
    use super::*;
    use kernel::sync::Arc;

    const SHORT: WaitMode = WaitMode::Timeout(20);

    #[test]
    fn idle_when_all_is_done() -> Result {
        let startup = Arc::pin_init(Startup::new(), GFP_KERNEL)?;

        assert!(startup.is_idle());
        startup.wait(SHORT, || false)?;
        startup.arrive();
        assert_eq!(startup.wait(SHORT, || true), Err(ETIMEDOUT));

        // A function or channel arrives while the start work runs.
        let first = startup.begin();

        startup.arrive();
        startup.done(first, true);
        assert!(!startup.is_idle());

        // The start work is done, but the start that it has begun is still running.
        startup.start_begins();
        startup.done(startup.begin(), true);
        assert_eq!(startup.wait(SHORT, || true), Err(ETIMEDOUT));
        startup.start_ended(true);
        startup.wait(SHORT, || false)
    }

    #[test]
    fn what_is_added_is_not_waited_for() -> Result {
        let startup = Arc::pin_init(Startup::new(), GFP_KERNEL)?;

        startup.arrive();
        startup.start_begins();
        startup.done(startup.begin(), false);
        startup.start_ended(true);
        assert!(startup.is_idle());

        // Another adapter, which the host does not start
        startup.arrive();
        startup.start_begins();
        startup.done(startup.begin(), true);
        assert!(!startup.is_idle());
        startup.wait(SHORT, || true)?;
        // Without usable adapters it is waited for.
        assert_eq!(startup.wait(SHORT, || false), Err(ETIMEDOUT));
        startup.start_ended(false);
        startup.wait(SHORT, || false)
    }
}
