// SPDX-License-Identifier: GPL-2.0

//! Counts what the host is told of as things begin and end, so that unloading can see whether it
//! answers.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// How often the host was told of something, and how often that has ended.
static TOLD: [Atomic<u32>; 2] = [Atomic::new(0), Atomic::new(0)];

/// What the host has been told of so far.
#[derive(PartialEq, Eq)]
pub(crate) struct Told {
    begun: u32,
    ended: u32,
}

impl Told {
    /// Does `tell`, which tells the host of something and waits for its answer.
    pub(crate) fn count<R>(tell: impl FnOnce() -> R) -> R {
        let [begun, ended] = &TOLD;

        begun.fetch_add(1, Relaxed);

        let result = tell();

        ended.fetch_add(1, Relaxed);
        result
    }

    /// Returns the state of this moment.
    pub(crate) fn now() -> Self {
        let [begun, ended] = &TOLD;

        Self {
            begun: begun.load(Relaxed),
            ended: ended.load(Relaxed),
        }
    }

    /// Whether the host has not answered something that it was told.
    pub(crate) fn is_waiting(&self) -> bool {
        self.begun != self.ended
    }
}
