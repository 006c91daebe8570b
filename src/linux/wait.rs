// SPDX-License-Identifier: GPL-2.0

//! Waits that a fatal signal or a time limit ends.
//!
//! [`Completion`] is an event that happens at most once. [`EventCount`] is a counter of events,
//! whose next change a thread can sleep on. Both may be signalled in interrupt context.
//!
//! C headers: `include/linux/completion.h`, `include/linux/wait.h`

use super::bindings;
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        LockClassKey, //
    },
    time::{
        delay::fsleep,
        msecs_to_jiffies,
        Delta,
        Instant,
        Monotonic, //
    },
    types::Opaque, //
};

/// The limits of a wait.
#[derive(Clone, Copy)]
pub(crate) enum WaitMode {
    /// The wait ends early after a fatal signal: for threads that act for a user.
    Killable,
    /// The wait ends early after this number of milliseconds, but not for signals: for workers and
    /// teardown.
    Timeout(u32),
    /// The wait does not end early: for workers that no thread waits for. They do not count as busy
    /// or hung meanwhile. They wait for the host, and the wait ends with its channel.
    Unbounded,
}

/// The time at which a wait ends.
pub(crate) struct Deadline {
    mode: WaitMode,
    since: Instant<Monotonic>,
}

impl Deadline {
    /// Creates the deadline of a wait that begins now.
    pub(crate) fn new(mode: WaitMode) -> Self {
        Self {
            mode,
            since: Instant::now(),
        }
    }

    /// Returns the rest of the wait.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT` if the time has expired.
    pub(crate) fn rest(&self) -> Result<WaitMode> {
        let WaitMode::Timeout(limit) = self.mode else {
            return Ok(self.mode);
        };
        let gone = self.since.elapsed().as_millis();

        match u32::try_from(i64::from(limit) - gone) {
            Ok(rest) if rest > 0 => Ok(WaitMode::Timeout(rest)),
            _ => Err(ETIMEDOUT),
        }
    }
}

/// An event that happens at most once, and that any number of threads may wait for.
#[pin_data]
pub(crate) struct Completion {
    #[pin]
    completion: Opaque<kernel::bindings::completion>,
}

// SAFETY: A completion may be used from any thread.
unsafe impl Send for Completion {}
// SAFETY: All functions on a completion may be called in parallel.
unsafe impl Sync for Completion {}

impl Completion {
    /// Creates a completion that has not happened.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and pinned.
            completion <- Opaque::ffi_init(|slot| unsafe {
                kernel::bindings::init_completion(slot)
            }),
        })
    }

    /// Wakes all threads that wait now or will wait later.
    pub(crate) fn complete_all(&self) {
        // SAFETY: The completion was initialised by `new` and is pinned.
        unsafe { kernel::bindings::complete_all(self.completion.get()) }
    }

    /// Waits until [`Self::complete_all`] was called.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal, `ETIMEDOUT` after the time limit of `mode`.
    pub(crate) fn wait(&self, mode: WaitMode) -> Result {
        match mode {
            WaitMode::Killable => {
                // SAFETY: The completion was initialised by `new` and is pinned.
                let ret = unsafe {
                    kernel::bindings::wait_for_completion_killable(self.completion.get())
                };

                to_result(ret)
            }
            WaitMode::Timeout(ms) => {
                // SAFETY: The completion was initialised by `new` and is pinned.
                let rest = unsafe {
                    kernel::bindings::wait_for_completion_timeout(
                        self.completion.get(),
                        msecs_to_jiffies(ms),
                    )
                };

                if rest == 0 {
                    return Err(ETIMEDOUT);
                }
                Ok(())
            }
            WaitMode::Unbounded => {
                // SAFETY: The completion was initialised by `new` and is pinned.
                unsafe { bindings::dxgkrnl_helper_wait_for_completion_idle(self.completion.get()) };
                Ok(())
            }
        }
    }

    /// Waits until [`Self::complete_all`] was called.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after any signal.
    pub(crate) fn wait_interruptible(&self) -> Result {
        // SAFETY: The completion was initialised by `new` and is pinned.
        to_result(unsafe {
            kernel::bindings::wait_for_completion_interruptible(self.completion.get())
        })
    }
}

/// The time to sleep before an allocation is tried again.
const MEMORY_SLICE: Delta = Delta::from_millis(20);

/// Sleeps for a short time, after which an allocation may succeed.
///
/// # Errors
///
/// `ERESTARTSYS` after a fatal signal, if `mode` is killable.
pub(crate) fn wait_for_memory(mode: WaitMode) -> Result {
    fsleep(MEMORY_SLICE);
    if !matches!(mode, WaitMode::Killable) {
        return Ok(());
    }
    // SAFETY: The function has no precondition.
    if unsafe { bindings::dxgkrnl_helper_fatal_signal_pending() } {
        return Err(ERESTARTSYS);
    }
    Ok(())
}

/// The number of attempts of [`again_for_memory`], which take some 5 seconds in total.
const MEMORY_TRIES: u32 = 250;

/// Calls `attempt` until it succeeds, or fails with another error than `ENOMEM`. Gives up after a
/// few seconds without memory. Must be called in a context that may sleep.
pub(crate) fn again_for_memory<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..MEMORY_TRIES {
        match attempt() {
            Err(error) if error == ENOMEM => wait_for_memory(WaitMode::Unbounded)?,
            result => return result,
        }
    }
    attempt()
}

/// A counter of events that threads can sleep on.
#[pin_data]
pub(crate) struct EventCount {
    #[pin]
    head: Opaque<kernel::bindings::wait_queue_head>,
    count: Atomic<u32>,
}

// SAFETY: A wait queue may be used from any thread.
unsafe impl Send for EventCount {}
// SAFETY: All functions on a wait queue may be called in parallel.
unsafe impl Sync for EventCount {}

impl EventCount {
    /// Creates a counter; use `new_event_count!`.
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and pinned, `name` and `key` are static.
            head <- Opaque::ffi_init(|slot| unsafe {
                kernel::bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
            count: Atomic::new(0),
        })
    }

    /// Returns the current value, for [`Self::wait`].
    pub(crate) fn snapshot(&self) -> u32 {
        self.count.load(Relaxed)
    }

    /// Counts an event and wakes all waiting threads.
    pub(crate) fn wake_all(&self) {
        self.count.fetch_add(1, Relaxed);
        // SAFETY: The wait queue was initialised by `new` and is pinned. Waking has the barrier
        // that orders it after the addition.
        unsafe { bindings::dxgkrnl_helper_wake_all(self.head.get()) }
    }

    /// Sleeps until the counter is no longer `seen`, but not longer than `slice`. Returns without
    /// an error when the time has expired: the caller must check its condition again.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal, if `mode` is killable.
    pub(crate) fn wait(&self, seen: u32, slice: Delta, mode: WaitMode) -> Result {
        let ms = match mode {
            WaitMode::Killable | WaitMode::Unbounded => slice.as_millis(),
            WaitMode::Timeout(rest) => slice.as_millis().min(i64::from(rest)),
        };
        let ms = u32::try_from(ms).unwrap_or(u32::MAX);
        // One more jiffy, so that a wait is not rounded down to nothing.
        let jiffies = isize::try_from(msecs_to_jiffies(ms))
            .unwrap_or(isize::MAX - 1)
            .saturating_add(1);

        // SAFETY: The wait queue was initialised by `new` and is pinned; the counter lives as
        // long and is only changed atomically.
        let ret = unsafe {
            bindings::dxgkrnl_helper_wait_change(
                self.head.get(),
                self.count.as_ptr(),
                seen,
                jiffies,
                matches!(mode, WaitMode::Killable),
            )
        };

        if ret < 0 {
            return Err(ERESTARTSYS);
        }
        Ok(())
    }
}

/// Creates an [`EventCount`] with a lockdep class of its own.
macro_rules! new_event_count {
    ($name:literal) => {
        $crate::linux::wait::EventCount::new($name, kernel::static_lock_class!())
    };
}
pub(crate) use new_event_count;
