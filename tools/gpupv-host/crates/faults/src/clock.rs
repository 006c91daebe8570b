// SPDX-License-Identifier: GPL-2.0
//! What happens later: at a time, or when the plan is no longer in force.
//!
//! One thread does it all, so nothing that waits keeps anything else from going on. What waits is
//! bounded; what would be too much is not taken.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::lock;

/// How many bytes and how many jobs may wait.
const BYTES_MAX: usize = 64 << 20;
const JOBS_MAX: usize = 1 << 16;

/// Something to do later. It must not wait for anything.
pub(crate) struct Job {
    /// How many bytes it keeps.
    pub(crate) bytes: usize,
    /// Does it.
    pub(crate) run: Box<dyn FnOnce() + Send>,
}

/// When a job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// After this time, or with the end of the plan.
    After(Duration),
    /// With the end of the plan.
    PlanEnds,
}

impl Due {
    pub(crate) fn after_ms(ms: u64) -> Self {
        Self::After(Duration::from_millis(ms))
    }
}

/// A job, and the time at which it is due, if there is one.
struct Waiting {
    due: Option<Instant>,
    job: Job,
}

#[derive(Default)]
struct State {
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    /// What is due.
    ready: VecDeque<Job>,
    next: u64,
    /// How many bytes all of them keep.
    bytes: usize,
    /// Counts the plans. A job of an earlier one is late.
    plan: u64,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

/// The clock and its thread.
pub(crate) struct Clock {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Clock {
    /// Starts a clock.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        let thread = Builder::new()
            .name("faults".to_owned())
            .spawn(move || own.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes a job of the plan with the number `plan`, or of any. Gives it back if that plan is no
    /// longer in force, or too much waits already.
    pub(crate) fn take(&self, plan: Option<u64>, due: Due, job: Job) -> Result<(), Job> {
        let mut state = lock(&self.shared.state);
        let full = state.bytes + job.bytes > BYTES_MAX || state.waiting.len() >= JOBS_MAX;
        let late = plan.is_some_and(|plan| plan != state.plan);
        if late || state.stopped || full {
            return Err(job);
        }
        let due = match due {
            Due::After(time) => Some(Instant::now() + time),
            Due::PlanEnds => None,
        };
        state.bytes += job.bytes;
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, Waiting { due, job });
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Makes everything due that waits, in the order in which it came. `plan` is in force from now on.
    pub(crate) fn end_plan(&self, plan: u64) {
        let mut state = lock(&self.shared.state);
        state.plan = plan;
        let waiting = std::mem::take(&mut state.waiting);
        state.ready.extend(waiting.into_values().map(|w| w.job));
        self.shared.wake.notify_one();
    }

    /// Drops what waits, and ends the thread. Later calls do nothing.
    pub(crate) fn stop(&self) {
        let mut state = lock(&self.shared.state);
        state.stopped = true;
        let dropped = (
            std::mem::take(&mut state.waiting),
            std::mem::take(&mut state.ready),
        );
        state.bytes = 0;
        drop(state);
        drop(dropped);
        self.shared.wake.notify_one();
        let Some(thread) = lock(&self.thread).take() else {
            return;
        };
        // A job may be the last that knows of the clock. Its thread cannot wait for itself, and ends.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            log::error!("the thread of faults panicked");
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn run(&self) {
        let mut state = lock(&self.state);
        while !state.stopped {
            let next = state.collect_due(Instant::now());
            if let Some(job) = state.ready.pop_front() {
                state.bytes -= job.bytes;
                drop(state);
                (job.run)();
                state = lock(&self.state);
                continue;
            }
            state = match next {
                None => self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(next) => {
                    let time = next.saturating_duration_since(Instant::now());
                    let waited = self.wake.wait_timeout(state, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl State {
    /// Moves what is due at `now`. Returns when the next one is.
    fn collect_due(&mut self, now: Instant) -> Option<Instant> {
        let is_due = |w: &Waiting| w.due.is_some_and(|due| due <= now);
        let due = self.waiting.iter().filter(|(_, waiting)| is_due(waiting));
        let mut due: Vec<_> = due
            .map(|(&number, waiting)| (waiting.due, number))
            .collect();
        due.sort_unstable();
        let jobs = due
            .iter()
            .filter_map(|(_, number)| self.waiting.remove(number));
        self.ready.extend(jobs.map(|waiting| waiting.job));
        self.waiting
            .values()
            .filter_map(|waiting| waiting.due)
            .min()
    }
}
