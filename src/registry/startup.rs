// SPDX-License-Identifier: GPL-2.0

//! Whether adapters are being started.
//!
//! Loading the module does not wait for the host. Whoever opens `/dev/dxg` right afterwards waits
//! here instead, in the first request, until the starter has dealt with everything that had arrived
//! by then. That wait holds no lock and can be killed.

use crate::linux::waiter::{
    new_changes,
    Changes,
    Deadline,
    Patience, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Release, //
    },
    time::Delta, //
};

/// How long to sleep before looking again, should a change go by unseen.
const SLICE: Delta = Delta::from_millis(100);

/// What was asked of the starter, and what it has done.
#[pin_data]
pub(super) struct Startup {
    /// How many arrivals there were.
    arrivals: Atomic<u32>,
    /// How many of them the starter has dealt with.
    done: Atomic<u32>,
    #[pin]
    changes: Changes,
}

impl Startup {
    /// Makes one without arrivals.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            arrivals: Atomic::new(0),
            done: Atomic::new(0),
            changes <- new_changes!(c"Startup::changes"),
        })
    }

    /// Counts an arrival. The starter is to be queued afterwards.
    pub(super) fn arrive(&self) {
        self.arrivals.fetch_add(1, Full);
    }

    /// Returns how many arrivals there were, for [`Self::done`]. Called by the starter before it
    /// looks at what there is.
    pub(super) fn begin(&self) -> u32 {
        self.arrivals.load(Acquire)
    }

    /// Notes that the starter has dealt with so many arrivals.
    pub(super) fn done(&self, arrivals: u32) {
        self.done.store(arrivals, Release);
        self.changes.advance();
    }

    /// Returns whether the starter has dealt with all arrivals.
    pub(super) fn is_idle(&self) -> bool {
        self.done.load(Acquire) == self.arrivals.load(Acquire)
    }

    /// Waits until the starter has dealt with all arrivals.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if patience ended first.
    pub(super) fn wait(&self, patience: Patience) -> Result {
        let deadline = Deadline::new(patience);

        loop {
            let seen = self.changes.seen();

            if self.is_idle() {
                return Ok(());
            }
            self.changes.wait_past(seen, SLICE, deadline.rest()?)?;
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_startup)]
mod tests {
    use super::*;
    use kernel::sync::Arc;

    const SHORT: Patience = Patience::Limited(20);

    #[test]
    fn idle_when_all_is_done() -> Result {
        let startup = Arc::pin_init(Startup::new(), GFP_KERNEL)?;

        assert!(startup.is_idle());
        startup.wait(SHORT)?;
        startup.arrive();
        assert_eq!(startup.wait(SHORT), Err(ETIMEDOUT));

        // Something arrives while the starter works.
        let first = startup.begin();

        startup.arrive();
        startup.done(first);
        assert!(!startup.is_idle());
        startup.done(startup.begin());
        startup.wait(SHORT)
    }
}
