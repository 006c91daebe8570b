// SPDX-License-Identifier: GPL-2.0

//! Turns running times into utilization: how much of the time between two looks an engine worked.

use dxg::Luid;
use std::{
    cell::Cell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Whose running time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// The adapter, as two numbers.
    luid: (u32, u32),
    physical_adapter: u16,
    engine: u16,
    /// `None` for everybody.
    process: Option<u32>,
}

impl Subject {
    /// An engine, for everybody or for one process.
    pub(crate) fn new(
        luid: Luid,
        physical_adapter: u16,
        engine: u16,
        process: Option<u32>,
    ) -> Self {
        Self {
            luid: (luid.b, luid.a),
            physical_adapter,
            engine,
            process,
        }
    }
}

/// What time it is.
pub(crate) enum Clock {
    /// The system's.
    System(Instant),
    /// One that goes on by so much with each look at it, for tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    Steps(Duration, Cell<u32>),
}

impl Clock {
    fn now(&self) -> Duration {
        match self {
            Self::System(start) => start.elapsed(),
            Self::Steps(step, count) => {
                count.set(count.get() + 1);
                *step * count.get()
            }
        }
    }
}

/// A running time, and when it was that.
#[derive(Clone, Copy)]
struct Sample {
    at: Duration,
    running: Duration,
}

/// Remembers the running times of the last look.
pub(crate) struct Sampler {
    clock: Clock,
    now: Duration,
    before: BTreeMap<Subject, Sample>,
    current: BTreeMap<Subject, Sample>,
}

impl Sampler {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            now: Duration::ZERO,
            before: BTreeMap::new(),
            current: BTreeMap::new(),
        }
    }

    /// A look begins. What was not seen in the last one is forgotten.
    pub(crate) fn begin(&mut self) {
        self.before = std::mem::take(&mut self.current);
        self.now = self.clock.now();
    }

    /// The questions to another adapter begin: they have a time of their own.
    pub(crate) fn next_adapter(&mut self) {
        if let Clock::System(_) = self.clock {
            self.now = self.clock.now();
        }
    }

    /// Notes a running time. Returns the share of the time since the last look in percent, if there
    /// was one.
    pub(crate) fn note(&mut self, subject: Subject, running: Duration) -> Option<f64> {
        let sample = Sample {
            at: self.now,
            running,
        };
        self.current.insert(subject, sample);
        let before = self.before.get(&subject)?;
        let elapsed = self
            .now
            .checked_sub(before.at)
            .filter(|time| !time.is_zero())?;
        // A time that went back is that of an adapter that was started anew.
        let worked = running.checked_sub(before.running)?;
        let share = 100.0 * worked.as_secs_f64() / elapsed.as_secs_f64();
        // The host looked at its clock a moment before or after we did.
        Some((share.min(100.0) * 10.0).round() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn subject(process: Option<u32>) -> Subject {
        Subject::new(Luid { a: 1, b: 0 }, 0, 3, process)
    }

    fn sampler() -> Sampler {
        Sampler::new(Clock::Steps(SECOND, Cell::new(0)))
    }

    #[test]
    fn the_first_look_knows_no_share_and_later_ones_do() {
        let mut sampler = sampler();
        let mut look = |running: f64| {
            sampler.begin();
            sampler.note(subject(None), Duration::from_secs_f64(running))
        };
        assert_eq!(look(5.0), None);
        assert_eq!(look(5.5), Some(50.0));
        assert_eq!(look(5.5), Some(0.0));
        assert_eq!(look(7.5), Some(100.0), "never more");
        assert_eq!(look(1.0), None, "it began anew");
        assert_eq!(look(1.001), Some(0.1));
    }

    #[test]
    fn subjects_are_told_apart_and_forgotten() {
        let mut sampler = sampler();
        sampler.begin();
        sampler.note(subject(None), SECOND);
        sampler.note(subject(Some(7)), Duration::ZERO);
        sampler.begin();
        assert_eq!(sampler.note(subject(None), 2 * SECOND), Some(100.0));
        assert_eq!(sampler.note(subject(Some(8)), SECOND), None);
        sampler.begin();
        // Process 7 was not seen in the last look.
        assert_eq!(sampler.note(subject(Some(7)), SECOND), None);
    }
}
