// SPDX-License-Identifier: GPL-2.0

//! A cache of the execution state of a device.
//!
//! Programs query the state often, so the host is asked only after it has notified the driver of a
//! change. Takes no locks.

use super::host_events::StateChanges;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        Arc, //
    },
};

/// The device executes commands.
const ACTIVE: u32 = 1;
/// The device was lost by a reset.
const RESET: u32 = 2;

/// The cached execution state of a device.
pub(crate) struct ExecutionState {
    changes: Arc<StateChanges>,
    /// Upper half: the state. Lower half: the number of changes when the host was asked for it.
    known: Atomic<u64>,
    /// Nonzero after the user program has marked the device as failed.
    marked: Atomic<u32>,
}

/// The number of changes that had been counted before the host was asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked(u32);

impl ExecutionState {
    /// Creates the state of a new device, which executes commands.
    pub(super) fn new(changes: Arc<StateChanges>) -> Self {
        Self {
            changes,
            known: Atomic::new(Self::pack(ACTIVE, Asked(0))),
            marked: Atomic::new(0),
        }
    }

    /// Combines the state and the number of changes into one word.
    fn pack(state: u32, asked: Asked) -> u64 {
        u64::from(state) << 32 | u64::from(asked.0)
    }

    /// Returns the cached state. On `Err` the caller must ask the host, and pass the reply and the
    /// error value to [`Self::learn`].
    pub(crate) fn look(&self) -> Result<u32, Asked> {
        // Read before the host is asked, so that a change that its reply does not include counts as
        // new.
        let now = Asked(self.changes.count());
        let known = self.known.load(Acquire);
        // CAST: The upper half.
        let state = (known >> 32) as u32;

        if known != Self::pack(state, now) {
            return Err(now);
        }
        Ok(self.as_seen(state))
    }

    /// Caches the `state` that the host has reported, which may be one that this driver does not
    /// know. Returns the state to report to the user.
    pub(crate) fn learn(&self, asked: Asked, state: u32) -> u32 {
        self.known.store(Self::pack(state, asked), Release);
        self.as_seen(state)
    }

    /// Records that the user program has marked the device as failed, and that the host knows.
    pub(crate) fn mark(&self) {
        self.marked.xchg(1, Full);
    }

    /// Returns the state to report to the user: a state that the host reported as active before the
    /// device was marked may arrive afterwards.
    fn as_seen(&self, state: u32) -> u32 {
        if state == ACTIVE && self.marked.load(Acquire) != 0 {
            return RESET;
        }
        state
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_execution_state)]
mod tests {
    use super::*;

    #[test]
    fn asked_for_after_changes_only() -> Result {
        let changes = StateChanges::new()?;
        let state = ExecutionState::new(changes.clone());

        assert_eq!(state.look().ok(), Some(ACTIVE));
        changes.advance();

        let first = state.look().err().ok_or(EIO)?;

        // The state changes while the host is asked.
        changes.advance();
        assert_eq!(state.learn(first, 3), 3);

        let second = state.look().err().ok_or(EIO)?;

        assert_eq!(state.learn(second, 4), 4);
        assert_eq!(state.look().ok(), Some(4));
        // A reply to an earlier query does not replace a newer one.
        assert_eq!(state.learn(first, 1), 1);
        assert!(state.look().is_err());
        Ok(())
    }

    #[test]
    fn states_that_only_the_host_knows() -> Result {
        let state = ExecutionState::new(StateChanges::new()?);

        for strange in [0, 8, u32::MAX] {
            assert_eq!(state.learn(Asked(0), strange), strange);
            assert_eq!(state.look().ok(), Some(strange));
        }
        Ok(())
    }

    #[test]
    fn all_devices_look_again() -> Result {
        let changes = StateChanges::new()?;
        let states = [
            ExecutionState::new(changes.clone()),
            ExecutionState::new(changes.clone()),
        ];

        changes.advance();
        for state in &states {
            let asked = state.look().err().ok_or(EIO)?;

            assert_eq!(state.learn(asked, ACTIVE), ACTIVE);
            assert_eq!(state.look().ok(), Some(ACTIVE));
        }
        // A device that is created after a change is asked about once.
        assert!(ExecutionState::new(changes).look().is_err());
        Ok(())
    }

    #[test]
    fn marked_for_good() -> Result {
        let changes = StateChanges::new()?;
        let state = ExecutionState::new(changes.clone());

        state.mark();
        assert_eq!(state.look().ok(), Some(RESET));
        changes.advance();

        let asked = state.look().err().ok_or(EIO)?;

        assert_eq!(state.learn(asked, ACTIVE), RESET);
        assert_eq!(state.learn(asked, 6), 6);
        assert_eq!(state.look().ok(), Some(6));
        Ok(())
    }
}
