// SPDX-License-Identifier: GPL-2.0

//! Counts the users of an object that may be about to be destroyed, as `struct percpu_ref` does.
//!
//! Messages must not name an object that is being destroyed on the host. Each thread that names it
//! in one takes a [`LiveGuard`] before; the thread that destroys it kills the [`LiveRef`], and
//! waits until all guards are dropped. No lock is held meanwhile.

use crate::{
    linux::wait::WaitMode,
    transport::{
        Account,
        AccountEntry, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    },
};

/// The count of the users of one object.
pub(crate) struct LiveRef {
    killed: Atomic<u32>,
    users: Arc<Account>,
}

/// A reference of one user, until this is dropped. It may be dropped in any context.
pub(crate) struct LiveGuard {
    _entry: AccountEntry,
}

impl LiveRef {
    /// Creates a reference that is live and has no users.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            killed: Atomic::new(0),
            users: Account::new()?,
        })
    }

    /// Counts one more user.
    ///
    /// # Errors
    ///
    /// `ENODEV` after [`Self::kill`].
    pub(crate) fn tryget_live(&self) -> Result<LiveGuard> {
        let guard = LiveGuard {
            _entry: self.users.enter(),
        };

        // kill() sets the flag before drain() reads the count, and this counts before it reads the
        // flag: at least one of the two sees the other.
        if self.killed.fetch_add(0, Full) != 0 {
            return Err(ENODEV);
        }
        Ok(guard)
    }

    /// Refuses new users from now on.
    pub(crate) fn kill(&self) {
        self.killed.xchg(1, Full);
    }

    /// Waits until there are no users. Must be called after [`Self::kill`].
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended early.
    pub(crate) fn drain(&self, mode: WaitMode) -> Result {
        self.users.settle(mode)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_live_ref)]
mod tests {
    use super::*;

    #[test]
    fn killed_reference_waits_for_its_users() -> Result {
        let live = LiveRef::new()?;
        let guard = live.tryget_live()?;

        live.kill();
        assert!(live.tryget_live().is_err());
        assert_eq!(live.drain(WaitMode::Timeout(10)), Err(ETIMEDOUT));
        drop(guard);
        live.drain(WaitMode::Timeout(10))
    }
}
