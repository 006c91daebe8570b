// SPDX-License-Identifier: GPL-2.0

//! Counts messages about the start and the end of objects, so that unloading the module can see
//! whether the host answers.

use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Number of such messages that were begun, and of those that have ended.
static TOLD: [Atomic<u32>; 2] = [Atomic::new(0), Atomic::new(0)];

/// A snapshot of these counts.
#[derive(PartialEq, Eq)]
pub(crate) struct Told {
    begun: u32,
    ended: u32,
}

impl Told {
    /// Runs `tell`, which sends such a message and waits for the reply.
    pub(crate) fn count<R>(tell: impl FnOnce() -> R) -> R {
        let [begun, ended] = &TOLD;

        begun.fetch_add(1, Relaxed);

        let result = tell();

        ended.fetch_add(1, Relaxed);
        result
    }

    /// Returns the current counts.
    pub(crate) fn now() -> Self {
        let [begun, ended] = &TOLD;

        Self {
            begun: begun.load(Relaxed),
            ended: ended.load(Relaxed),
        }
    }

    /// Returns whether a message was not answered when the snapshot was taken.
    pub(crate) fn is_waiting(&self) -> bool {
        self.begun != self.ended
    }
}
