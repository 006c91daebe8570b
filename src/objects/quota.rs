// SPDX-License-Identifier: GPL-2.0

//! How much of something that all share one process may have at a time.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// A number of permits.
pub(crate) struct Quota {
    most: u32,
    given: Atomic<u32>,
}

/// A permit, given back when it is dropped. That may be done in any context.
pub(crate) struct Permit(Arc<Quota>);

impl Quota {
    /// A quota of `most` permits.
    pub(crate) fn new(most: u32) -> Result<Arc<Self>> {
        let quota = Self {
            most,
            given: Atomic::new(0),
        };

        Ok(Arc::new(quota, GFP_KERNEL_ACCOUNT)?)
    }

    /// Takes a permit.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if all are given: user libraries know no limit of another kind.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Permit> {
        let permit = Permit(self.clone());

        // The counter cannot wrap: there are fewer threads than numbers left.
        if self.given.fetch_add(1, Relaxed) >= self.most {
            return Err(ENOMEM);
        }
        Ok(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.given.fetch_sub(1, Relaxed);
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_quota)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_there_are() -> Result {
        let quota = Quota::new(2)?;
        let first = quota.take()?;
        let second = quota.take()?;

        // A refusal takes nothing.
        for _ in 0..5 {
            assert_eq!(quota.take().err(), Some(ENOMEM));
        }
        drop(first);
        let third = quota.take()?;

        assert_eq!(quota.take().err(), Some(ENOMEM));
        drop((second, third));
        quota.take().map(drop)
    }
}
