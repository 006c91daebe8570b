// SPDX-License-Identifier: GPL-2.0

//! Whether adapters are being started, and who waits for that.
//!
//! Loading the module does not wait for the host. Whoever opens `/dev/dxg` right afterwards waits
//! here instead, in the first request, until everything that had arrived by then was started or could
//! not be. That wait holds no lock and can be killed.
//!
//! Who finds active adapters does not wait for one that is added to them, and not for long for one
//! that the host does not start with the others.

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

/// How long to sleep before looking again, should a change go by unseen.
const SLICE: Delta = Delta::from_millis(100);

/// After which time without a change the starts that are not over are not waited for any more, in
/// milliseconds. A GPU that has to wake up takes less.
const STALLED: i64 = 10_000;

/// What was asked of the start work, and what it has done.
#[pin_data]
pub(super) struct Startup {
    /// How many arrivals there were.
    arrivals: Atomic<u32>,
    /// How many of them the start work has dealt with.
    done: Atomic<u32>,
    /// How many starts are not over.
    starts: Atomic<u32>,
    /// There were adapters to use when everything had been started last.
    complete: Atomic<bool>,
    /// When something has changed last.
    #[pin]
    changed: Mutex<Instant<Monotonic>>,
    #[pin]
    changes: EventCount,
}

impl Startup {
    /// Makes one without arrivals.
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

    /// Counts an arrival. The start work is to be queued afterwards.
    pub(super) fn arrive(&self) {
        self.arrivals.fetch_add(1, Full);
        *self.changed.lock() = Instant::now();
    }

    /// Returns how many arrivals there were, for [`Self::done`]. Called by the start work before it
    /// looks at what there is.
    pub(super) fn begin(&self) -> u32 {
        self.arrivals.load(Acquire)
    }

    /// Notes that the start work has dealt with so many arrivals: what could be started is being
    /// started. `usable` says whether there are adapters to use now.
    pub(super) fn done(&self, arrivals: u32, usable: bool) {
        self.done.store(arrivals, Release);
        self.look(usable);
    }

    /// Counts a start. Called by the start work.
    pub(super) fn start_begins(&self) {
        self.starts.fetch_add(1, Full);
    }

    /// Notes that a start is over, whatever came of it.
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

    /// Returns whether everything that has arrived was started, or could not be.
    pub(super) fn is_idle(&self) -> bool {
        self.done.load(Acquire) == self.arrivals.load(Acquire) && self.starts.load(Acquire) == 0
    }

    /// Waits until no start is under way, whatever has arrived.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
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

    /// Whether those who can use what is there need not wait for the rest.
    fn is_enough(&self) -> bool {
        self.complete.load(Acquire) || self.changed.lock().elapsed().as_millis() >= STALLED
    }

    /// Waits until everything that has arrived was started, or could not be; or until the rest takes
    /// longer, and `is_usable` says that there are adapters to use.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
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

        // Something arrives while the start work works.
        let first = startup.begin();

        startup.arrive();
        startup.done(first, true);
        assert!(!startup.is_idle());

        // The start work has done its work, but what it has begun takes its time.
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

        // Another one, which the host does not start
        startup.arrive();
        startup.start_begins();
        startup.done(startup.begin(), true);
        assert!(!startup.is_idle());
        startup.wait(SHORT, || true)?;
        // When the others have gone it is waited for.
        assert_eq!(startup.wait(SHORT, || false), Err(ETIMEDOUT));
        startup.start_ended(false);
        startup.wait(SHORT, || false)
    }
}
