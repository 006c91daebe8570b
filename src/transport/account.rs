// SPDX-License-Identifier: GPL-2.0

//! The number of requests a process has in flight, on all channels.
//!
//! The host keeps no order among channels. The command on the global channel that ends a process
//! must not overtake a request on another channel that a killed thread of the process has left in
//! flight.

use crate::{
    counter::{
        Charge,
        Counter, //
    },
    linux::{
        irq_lock::{
            new_irq_lock,
            IrqLock, //
        },
        wait::{
            new_event_count,
            Deadline,
            EventCount,
            WaitMode, //
        },
    },
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

/// Longest sleep between two checks, in case a wake-up is missed.
const SLICE: Delta = Delta::from_millis(100);

/// Receiver of the notification that no request is in flight.
pub(crate) trait Settled: Send + Sync {
    /// Handles the notification. Called once, in any context; must not sleep.
    fn settled(self: Arc<Self>);
}

/// The account of one process.
#[pin_data]
pub(crate) struct Account {
    in_flight: Atomic<u32>,
    /// Set before the host is told that the process has ended, see [`Self::close`].
    closed: Atomic<bool>,
    /// Set when the process ends on the host while the program goes on, see [`Self::depart`].
    departed: Atomic<bool>,
    /// Bytes reserved for replies that may arrive after the waiter has left.
    kept: Arc<Counter>,
    /// Receiver that is notified once no request is in flight.
    #[pin]
    next: IrqLock<Option<Arc<dyn Settled>>>,
    #[pin]
    changes: EventCount,
}

impl Account {
    /// Largest number of bytes reserved for late replies: far more than the threads of a reasonable
    /// program need at a time.
    pub(crate) const MAX_KEPT: u64 = 64 << 20;

    /// Makes an account with no requests.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let kept = Counter::new(Self::MAX_KEPT, GFP_KERNEL_ACCOUNT)?;

        Arc::pin_init(
            pin_init!(Self {
                in_flight: Atomic::new(0),
                closed: Atomic::new(false),
                departed: Atomic::new(false),
                kept,
                next <- new_irq_lock!(None, c"Account::next"),
                changes <- new_event_count!(c"Account::changes"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Counts one request, until the entry is dropped. Does not check for [`Self::depart`].
    pub(crate) fn enter(self: &Arc<Self>) -> Entry {
        self.in_flight.fetch_add(1, Full);
        Entry(self.clone())
    }

    /// Counts one request.
    ///
    /// # Errors
    ///
    /// `ENODEV` after [`Self::depart`].
    pub(super) fn try_enter(self: &Arc<Self>) -> Result<Entry> {
        let entry = self.enter();

        // The request is counted before the flag is read, and depart() sets the flag before it
        // reads the count: at least one of the two sees the other.
        if self.is_departed() {
            return Err(ENODEV);
        }
        Ok(entry)
    }

    /// Refuses requests from now on, and waits until the host has answered those in flight, so that
    /// the host can be told that the process has ended.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
    pub(crate) fn depart(&self, mode: WaitMode) -> Result {
        self.departed.xchg(true, Full);
        self.settle(mode)
    }

    /// Returns whether requests are refused.
    pub(crate) fn is_departed(&self) -> bool {
        self.departed.load(Acquire)
    }

    /// Reserves `bytes` for a late reply.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the limit would be exceeded.
    pub(super) fn keep(&self, bytes: usize) -> Result<Charge> {
        // CAST: A length fits 64 bits.
        self.kept.try_charge(bytes as u64)
    }

    /// Returns whether no request is in flight.
    fn is_empty(&self) -> bool {
        self.in_flight.fetch_add(0, Full) == 0
    }

    /// Closes the account, before the host is told that the process has ended. Nothing else may be
    /// sent on behalf of the process from then on: the host may reuse its handle for another one.
    pub(crate) fn close(&self) {
        self.closed.xchg(true, Full);
    }

    /// Returns whether the account is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    /// Notifies `next` when no request is in flight: immediately, or from the drop of the last
    /// entry. New requests may only be sent by threads that hold an entry.
    pub(crate) fn when_settled(&self, next: Arc<dyn Settled>) {
        let earlier = self.next.lock().replace(next);

        // Dropped after the lock is released.
        drop(earlier);
        // The last request may have ended before `next` was set.
        if self.is_empty() {
            self.tell();
        }
    }

    fn tell(&self) {
        let next = self.next.lock().take();

        if let Some(next) = next {
            next.settled();
        }
    }

    /// Waits until no request is in flight. No request may be sent during the wait.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
    pub(crate) fn settle(&self, mode: WaitMode) -> Result {
        let deadline = Deadline::new(mode);

        loop {
            let seen = self.changes.snapshot();

            if self.is_empty() {
                return Ok(());
            }
            self.changes.wait(seen, SLICE, deadline.rest()?)?;
        }
    }
}

/// One counted request of an account. May be dropped in softirq context.
pub(crate) struct Entry(Arc<Account>);

impl Entry {
    /// Returns the account.
    pub(super) fn account(&self) -> &Account {
        &self.0
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let before = self.0.in_flight.fetch_sub(1, Full);

        self.0.changes.wake_all();
        if before == 1 {
            self.0.tell();
        }
    }
}
