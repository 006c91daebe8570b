// SPDX-License-Identifier: GPL-2.0

//! How many requests somebody has in flight, whichever channels they travel on.
//!
//! The host keeps no order among channels. What ends a process must not overtake, on the global
//! channel, a request that a killed thread of the process has left behind on another one.

use crate::linux::waiter::{
    new_changes,
    Changes,
    Deadline,
    Patience, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc, //
    },
    time::Delta, //
};

/// How long to sleep before looking again, should a change go by unseen.
const SLICE: Delta = Delta::from_millis(100);

/// The account of one process.
#[pin_data]
pub(crate) struct Account {
    in_flight: Atomic<u32>,
    /// Whose account it is has ended.
    closed: Atomic<bool>,
    #[pin]
    changes: Changes,
}

impl Account {
    /// An account of nothing.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                in_flight: Atomic::new(0),
                closed: Atomic::new(false),
                changes <- new_changes!(c"Account::changes"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Counts one until the entry is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Entry {
        self.in_flight.fetch_add(1, Full);
        Entry(self.clone())
    }

    /// Whether no request is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_flight.fetch_add(0, Full) == 0
    }

    /// Nothing is to be sent any more in the name of whose account it is: the host may give that
    /// name to somebody else.
    pub(crate) fn close(&self) {
        self.closed.xchg(true, Full);
    }

    /// Whether it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// Waits until no request is in flight. Nobody may send meanwhile.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if patience ended first.
    pub(crate) fn settle(&self, patience: Patience) -> Result {
        let deadline = Deadline::new(patience);

        loop {
            let seen = self.changes.seen();

            if self.is_empty() {
                return Ok(());
            }
            self.changes.wait_past(seen, SLICE, deadline.rest()?)?;
        }
    }
}

/// One of those on an account. May be dropped in softirq context.
pub(crate) struct Entry(Arc<Account>);

impl Entry {
    /// The account.
    pub(super) fn account(&self) -> &Account {
        &self.0
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Full);
        self.0.changes.advance();
    }
}
