// SPDX-License-Identifier: GPL-2.0
//! How a machine comes to its end: the first reason wins, everybody hears of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Why the machine stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The guest went to sleep state 5.
    PowerOff,
    /// The guest wrote its exit status to the test port.
    TestExit(u8),
    /// The guest asked for a reset.
    Reset,
    /// A virtual CPU met a triple fault.
    TripleFault {
        /// Which one.
        vcpu: u32,
        /// What its registers were.
        registers: String,
    },
    /// The guest reported a crash through the crash registers.
    GuestPanic {
        /// The five crash parameters.
        parameters: [u64; 5],
    },
    /// KVM gave up on a virtual CPU.
    VcpuError {
        /// Which one.
        vcpu: u32,
        /// What KVM said.
        message: String,
    },
    /// The user asked for it.
    Interrupted,
    /// The guest ran longer than it was allowed to.
    TimedOut,
}

/// How long a guest that has crashed may go on, to print why and to reset.
const CRASH_GRACE: Duration = Duration::from_secs(20);

/// The end of a machine, shared by all of its threads.
#[derive(Debug, Default)]
pub struct Stop {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    reason: Option<StopReason>,
    crash: Option<Crash>,
}

#[derive(Clone, Copy, Debug)]
struct Crash {
    parameters: [u64; 5],
    at: Instant,
}

impl From<Crash> for StopReason {
    fn from(crash: Crash) -> Self {
        StopReason::GuestPanic {
            parameters: crash.parameters,
        }
    }
}

impl Stop {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the machine. Only the first reason counts, except that whatever a guest does after it
    /// crashed is the crash.
    pub fn request(&self, reason: StopReason) {
        let mut state = self.state();
        if state.reason.is_none() {
            state.reason = Some(state.crash.map_or(reason, StopReason::from));
            self.changed.notify_all();
        }
    }

    /// The guest reported a crash. It may go on for a while: it has more to say on its console.
    pub fn crashed(&self, parameters: [u64; 5]) {
        self.state().crash.get_or_insert(Crash {
            parameters,
            at: Instant::now(),
        });
        self.changed.notify_all();
    }

    /// Has the machine been stopped?
    pub fn is_requested(&self) -> bool {
        self.state().reason.is_some()
    }

    /// Waits for the end.
    pub fn wait(&self) -> StopReason {
        let mut state = self.state();
        loop {
            if let Some(reason) = &state.reason {
                return reason.clone();
            }
            state = match state.crash {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(crash) => {
                    let left = (crash.at + CRASH_GRACE).saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        state.reason = Some(crash.into());
                        continue;
                    }
                    self.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_first_reason_wins_and_wakes_the_waiter() {
        let stop = Arc::new(Stop::default());
        let waiter = std::thread::spawn({
            let stop = stop.clone();
            move || stop.wait()
        });
        assert!(!stop.is_requested());
        stop.request(StopReason::Reset);
        stop.request(StopReason::PowerOff);
        assert_eq!(waiter.join().unwrap(), StopReason::Reset);
        assert!(stop.is_requested());
    }

    #[test]
    fn a_reset_after_a_crash_is_the_crash() {
        let stop = Stop::default();
        stop.crashed([1, 2, 3, 4, 5]);
        stop.crashed([0; 5]);
        assert!(!stop.is_requested(), "the guest may go on for a while");
        stop.request(StopReason::Reset);
        assert_eq!(
            stop.wait(),
            StopReason::GuestPanic {
                parameters: [1, 2, 3, 4, 5]
            }
        );
    }

    #[test]
    fn a_guest_that_stays_after_its_crash_is_stopped() {
        let stop = Stop::default();
        let long_ago = Instant::now().checked_sub(CRASH_GRACE).unwrap();
        stop.state().crash = Some(Crash {
            parameters: [7; 5],
            at: long_ago,
        });
        assert_eq!(stop.wait(), StopReason::GuestPanic { parameters: [7; 5] });
        assert!(stop.is_requested(), "so that the virtual CPUs see it");
    }
}
