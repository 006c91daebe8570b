// SPDX-License-Identifier: GPL-2.0

//! How much there is of something that comes and goes in parts of different size.

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

/// The sum of the [`Share`]s of it.
pub(crate) struct Amount(Atomic<u64>);

/// A part of an amount, until it is dropped. That may be done in any context.
pub(crate) struct Share {
    amount: Arc<Amount>,
    part: u64,
}

impl Amount {
    /// Nothing.
    pub(crate) fn new(flags: kernel::alloc::Flags) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(Atomic::new(0)), flags)?)
    }

    /// How much there is.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Adds `part`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, when nothing was added, if there would be more than `most`.
    pub(crate) fn take(self: &Arc<Self>, part: u64, most: u64) -> Result<Share> {
        let mut old = self.get();

        // A refusal must not get in the way of a smaller request at the same moment. So nothing is
        // added that might have to be taken back.
        loop {
            let new = old.checked_add(part).filter(|new| *new <= most);

            match self.0.cmpxchg(old, new.ok_or(ENOMEM)?, Relaxed) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        Ok(Share {
            amount: self.clone(),
            part,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.amount.0.fetch_sub(self.part, Relaxed);
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_amount)]
mod tests {
    use super::*;

    #[test]
    fn sum_of_the_shares() -> Result {
        let amount = Amount::new(GFP_KERNEL)?;
        let first = amount.take(3, 10)?;
        let second = amount.take(7, 10)?;

        assert_eq!(amount.get(), 10);
        // A refusal adds nothing.
        assert_eq!(amount.take(1, 10).err(), Some(ENOMEM));
        assert_eq!(amount.get(), 10);
        drop(first);
        assert_eq!(amount.get(), 7);
        assert_eq!(amount.take(4, 10).err(), Some(ENOMEM));
        // What was given stays given when less is allowed later.
        assert_eq!(amount.take(1, 5).err(), Some(ENOMEM));
        drop(second);
        assert_eq!(amount.get(), 0);
        Ok(())
    }

    #[test]
    fn no_more_than_a_number_holds() -> Result {
        let amount = Amount::new(GFP_KERNEL)?;
        let first = amount.take(u64::MAX, u64::MAX)?;

        assert_eq!(amount.take(1, u64::MAX).err(), Some(ENOMEM));
        drop(first);
        amount
            .take(u64::MAX, u64::MAX - 1)
            .map_or(Ok(()), |_| Err(EINVAL))
    }
}
