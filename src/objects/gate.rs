// SPDX-License-Identifier: GPL-2.0

//! Who is inside, and the end of it.
//!
//! What is about to be destroyed on the host must not be named in messages any more. Whoever
//! names it in one passes its gate first; the destroyer closes the gate and waits until everybody
//! has left. No lock is held meanwhile.

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

/// A gate.
pub(crate) struct Gate {
    closed: Atomic<u32>,
    inside: Arc<Account>,
}

/// Somebody is inside until this is dropped.
pub(crate) struct Pass {
    _entry: AccountEntry,
}

impl Gate {
    /// An open gate.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            closed: Atomic::new(0),
            inside: Account::new()?,
        })
    }

    /// Goes inside.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the gate is closed.
    pub(crate) fn enter(&self) -> Result<Pass> {
        let pass = Pass {
            _entry: self.inside.enter(),
        };

        // Whoever closes the gate closes it first and counts then; this is the other order, so
        // one of the two sees the other.
        if self.closed.fetch_add(0, Full) != 0 {
            return Err(ENODEV);
        }
        Ok(pass)
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&self) {
        self.closed.xchg(1, Full);
    }

    /// Waits until nobody is inside.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` or `ETIMEDOUT` if the wait ended first.
    pub(crate) fn settle(&self, mode: WaitMode) -> Result {
        self.inside.settle(mode)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_gate)]
mod tests {
    use super::*;

    #[test]
    fn closed_gate_waits_for_those_inside() -> Result {
        let gate = Gate::new()?;
        let pass = gate.enter()?;

        gate.close();
        assert!(gate.enter().is_err());
        assert_eq!(gate.settle(WaitMode::Timeout(10)), Err(ETIMEDOUT));
        drop(pass);
        gate.settle(WaitMode::Timeout(10))
    }
}
