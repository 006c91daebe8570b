// SPDX-License-Identifier: GPL-2.0

//! Waiting that a fatal signal or a time limit ends.
//!
//! [`Completion`] is an event that happens once and stays happened. [`EventCount`] is a counter one can
//! sleep on until it moves. Both may be triggered from interrupt context.
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

/// How long a thread waits, and what ends its wait.
#[derive(Clone, Copy)]
pub(crate) enum WaitMode {
    /// Until it happens or a fatal signal arrives: for threads that act for a user.
    Killable,
    /// At most so many milliseconds, whatever signals arrive: for workers and teardown.
    Timeout(u32),
    /// Until it happens, whatever signals arrive: for workers whom nobody waits for. They do not count
    /// as busy or as hung meanwhile. What they wait for is the host, and ends with its channel.
    Unbounded,
}

/// A point in time up to which to wait.
pub(crate) struct Deadline {
    mode: WaitMode,
    since: Instant<Monotonic>,
}

impl Deadline {
    /// Starts now.
    pub(crate) fn new(mode: WaitMode) -> Self {
        Self {
            mode,
            since: Instant::now(),
        }
    }

    /// Returns how long may still be waited.
    ///
    /// # Errors
    ///
    /// `ETIMEDOUT` when nothing is left.
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

/// An event that happens once, and stays happened.
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
    /// Makes a completion that has not happened.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and pinned.
            completion <- Opaque::ffi_init(|slot| unsafe {
                kernel::bindings::init_completion(slot)
            }),
        })
    }

    /// Wakes everybody who waits now or will wait later.
    pub(crate) fn complete_all(&self) {
        // SAFETY: The completion was initialised by `new` and is pinned.
        unsafe { kernel::bindings::complete_all(self.completion.get()) }
    }

    /// Waits until [`Self::complete_all`] was called.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` after a fatal signal, `ETIMEDOUT` when the time is up.
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

/// How long to sleep before memory is asked for again.
const MEMORY_SLICE: Delta = Delta::from_millis(20);

/// Sleeps for a moment, after which there may be memory again.
///
/// # Errors
///
/// `ERESTARTSYS` after a fatal signal, if `mode` is killable.
pub(crate) fn wait_for_memory(mode: WaitMode) -> Result {
    fsleep(MEMORY_SLICE);
    // SAFETY: The function has no precondition.
    if matches!(mode, WaitMode::Killable)
        && unsafe { bindings::dxgkrnl_helper_fatal_signal_pending() }
    {
        return Err(ERESTARTSYS);
    }
    Ok(())
}

/// How often [`again_for_memory`] tries: for some 5 seconds in all.
const MEMORY_TRIES: u32 = 250;

/// Does `attempt` until it fails for another reason than want of memory, which may pass, or
/// succeeds. A few seconds without memory are enough to give up. Must not be called where sleeping
/// is not allowed.
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
    /// Makes a counter; use `new_event_count!`.
    pub(crate) fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and pinned, `name` and `key` live for ever.
            head <- Opaque::ffi_init(|slot| unsafe {
                kernel::bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
            count: Atomic::new(0),
        })
    }

    /// The number to hand to [`Self::wait`].
    pub(crate) fn snapshot(&self) -> u32 {
        self.count.load(Relaxed)
    }

    /// Counts an event and wakes everybody.
    pub(crate) fn wake_all(&self) {
        self.count.fetch_add(1, Relaxed);
        // SAFETY: The wait queue was initialised by `new` and is pinned. Waking has the barrier
        // that orders it after the addition.
        unsafe { bindings::dxgkrnl_helper_wake_all(self.head.get()) }
    }

    /// Sleeps until the counter is no longer `seen`, but not longer than `slice`. Time being up is
    /// not an error: the caller looks again at what it waits for.
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
        // One jiffy more: a wait must not be cut to nothing by rounding.
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

/// Makes [`EventCount`] with a lockdep class of their own.
macro_rules! new_event_count {
    ($name:literal) => {
        $crate::linux::wait::EventCount::new($name, kernel::static_lock_class!())
    };
}
pub(crate) use new_event_count;
