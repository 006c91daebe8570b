// SPDX-License-Identifier: GPL-2.0

//! A counter with a limit, to which users charge what they take, as with `struct page_counter`.

use kernel::{
    alloc::Flags,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// The sum of its [`Charge`]s, in a unit that its creator chooses.
pub(crate) struct Counter {
    usage: Atomic<u64>,
    /// The limit of the sum.
    max: u64,
}

/// The amount that one user has charged, until this is dropped. It may be dropped in any context.
pub(crate) struct Charge {
    counter: Arc<Counter>,
    count: u64,
}

impl Counter {
    /// The limit of a counter without a limit.
    pub(crate) const UNLIMITED: u64 = u64::MAX;

    /// Creates a counter to which at most `max` may be charged.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(max: u64, flags: Flags) -> Result<Arc<Self>> {
        let counter = Self {
            usage: Atomic::new(0),
            max,
        };

        Ok(Arc::new(counter, flags)?)
    }

    /// Returns the sum of the charges.
    pub(crate) fn usage(&self) -> u64 {
        self.usage.load(Relaxed)
    }

    /// Charges `count`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, when nothing was charged, if the sum would exceed the limit: user libraries expect
    /// this error for any limit.
    pub(crate) fn try_charge(self: &Arc<Self>, count: u64) -> Result<Charge> {
        self.try_charge_below(count, self.max)
    }

    /// Charges `count` if the sum does not exceed `max` then, which replaces the counter's own
    /// limit.
    ///
    /// # Errors
    ///
    /// As for [`Self::try_charge`].
    pub(crate) fn try_charge_below(self: &Arc<Self>, count: u64, max: u64) -> Result<Charge> {
        let mut old = self.usage();

        // A refused request must not make a smaller request fail at the same moment. So nothing is
        // added that might have to be subtracted again.
        loop {
            let new = old.checked_add(count).filter(|new| *new <= max);

            match self.usage.cmpxchg(old, new.ok_or(ENOMEM)?, Relaxed) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        Ok(Charge {
            counter: self.clone(),
            count,
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.counter.usage.fetch_sub(self.count, Relaxed);
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_counter)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_the_sum_of_the_charges() -> Result {
        let counter = Counter::new(10, GFP_KERNEL)?;
        let first = counter.try_charge(3)?;
        let second = counter.try_charge(7)?;

        assert_eq!(counter.usage(), 10);
        // A refused charge changes nothing, however often it is tried.
        for _ in 0..5 {
            assert_eq!(counter.try_charge(1).err(), Some(ENOMEM));
        }
        assert_eq!(counter.usage(), 10);
        drop(first);
        assert_eq!(counter.usage(), 7);
        assert_eq!(counter.try_charge(4).err(), Some(ENOMEM));
        // Charges remain when the limit is lowered later.
        assert_eq!(counter.try_charge_below(1, 5).err(), Some(ENOMEM));
        drop(second);
        assert_eq!(counter.usage(), 0);
        counter.try_charge(10).map(drop)
    }

    #[test]
    fn sum_does_not_overflow() -> Result {
        let counter = Counter::new(Counter::UNLIMITED, GFP_KERNEL)?;
        let first = counter.try_charge(u64::MAX)?;

        assert_eq!(counter.try_charge(1).err(), Some(ENOMEM));
        drop(first);
        counter
            .try_charge_below(u64::MAX, u64::MAX - 1)
            .map_or(Ok(()), |_| Err(EINVAL))
    }
}
