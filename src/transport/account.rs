// SPDX-License-Identifier: GPL-2.0

//! How many requests somebody has in flight, whichever channels they travel on.
//!
//! The host keeps no order among channels. What ends a process must not overtake, on the global
//! channel, a request that a killed thread of the process has left behind on another one.

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

/// How long to sleep before looking again, should a change go by unseen.
const SLICE: Delta = Delta::from_millis(100);

/// What goes on when no request is in flight any more.
pub(crate) trait Settled: Send + Sync {
    /// Called once, in any context; must not sleep.
    fn settled(self: Arc<Self>);
}

/// The account of one process.
#[pin_data]
pub(crate) struct Account {
    in_flight: Atomic<u32>,
    /// Whose account it is has ended.
    closed: Atomic<bool>,
    /// Whose account it is ends on the host, whatever the program does: see [`Self::depart`].
    departed: Atomic<bool>,
    /// Bytes that are kept for replies which may come when nobody waits for them any more.
    kept: Arc<Counter>,
    /// Whom to tell when no request is in flight any more.
    #[pin]
    next: IrqLock<Option<Arc<dyn Settled>>>,
    #[pin]
    changes: EventCount,
}

impl Account {
    /// Most bytes that are kept for replies: far more than the threads of a sensible program ask for at
    /// a time.
    pub(crate) const MAX_KEPT: u64 = 64 << 20;

    /// An account of nothing.
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

    /// Counts one until the entry is dropped.
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

        // Counted before it looks, as depart() sets the flag before it counts: one of the two host_events.
        if self.is_departed() {
            return Err(ENODEV);
        }
        Ok(entry)
    }

    /// Refuses requests from now on, and waits until the host has answered those in flight, so that it
    /// can be told that whose account it is has ended.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
    pub(crate) fn depart(&self, mode: WaitMode) -> Result {
        self.departed.xchg(true, Full);
        self.settle(mode)
    }

    /// Whether requests are refused.
    pub(crate) fn is_departed(&self) -> bool {
        self.departed.load(Acquire)
    }

    /// Counts `bytes` that are kept for a reply.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if that is too much.
    pub(super) fn keep(&self, bytes: usize) -> Result<Charge> {
        // CAST: A length fits 64 bits.
        self.kept.try_charge(bytes as u64)
    }

    /// Whether no request is in flight.
    fn is_empty(&self) -> bool {
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

    /// Tells `next` when no request is in flight: at once, or later. Nobody may send any more but those
    /// who are counted.
    pub(crate) fn when_settled(&self, next: Arc<dyn Settled>) {
        let earlier = self.next.lock().replace(next);

        // Not under the lock.
        drop(earlier);
        // Who left last may have looked before it was there.
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

    /// Waits until no request is in flight. Nobody may send meanwhile.
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
        let before = self.0.in_flight.fetch_sub(1, Full);

        self.0.changes.wake_all();
        if before == 1 {
            self.0.tell();
        }
    }
}
