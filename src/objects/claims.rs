// SPDX-License-Identifier: GPL-2.0

//! Which memory of the host is shown to whom.
//!
//! It is the host that gives memory to processes, but the guest that lets them see it. So a page is
//! shown for one object at a time, and to several programs only if they have opened the same shared
//! one, whatever the host says.

use kernel::{
    new_mutex,
    prelude::*,
    rbtree::RBTree,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// In whose name memory is shown.
pub(crate) trait Party: Send + Unpin {
    /// Whether both may see the same.
    fn shares_with(&self, other: &Self) -> bool;
}

struct Claimed<P> {
    length: u64,
    party: P,
    /// How often.
    count: usize,
}

/// All claims. Two of them are the same, or do not overlap.
#[pin_data]
pub(crate) struct Claims<P> {
    /// By start.
    #[pin]
    all: Mutex<RBTree<u64, Claimed<P>>>,
}

/// How a wish goes with the claims there are.
enum Fit {
    /// Nobody has any of it.
    Free,
    /// A party that shares has just that.
    Same,
    /// Neither.
    Taken,
}

impl<P: Party> Claims<P> {
    /// None yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                all <- new_mutex!(RBTree::new(), "Claims::all"),
            }),
            GFP_KERNEL,
        )
    }

    /// Claims `length` bytes at `start`, whose end is a number of 64 bits, for `party`.
    ///
    /// # Errors
    ///
    /// `EBUSY` if somebody else has a part of it, `ENOMEM`.
    pub(crate) fn claim(self: &Arc<Self>, start: u64, length: u64, party: P) -> Result<Claim<P>> {
        let mut all = self.all.lock();

        match Self::fit(&all, start, length, &party) {
            Fit::Free => {
                let claimed = Claimed {
                    length,
                    party,
                    count: 1,
                };

                all.try_create_and_insert(start, claimed, GFP_KERNEL_ACCOUNT)?;
            }
            Fit::Same => {
                if let Some(claimed) = all.get_mut(&start) {
                    claimed.count += 1;
                }
            }
            Fit::Taken => return Err(EBUSY),
        }
        Ok(Claim {
            claims: self.clone(),
            start,
        })
    }

    fn fit(all: &RBTree<u64, Claimed<P>>, start: u64, length: u64, party: &P) -> Fit {
        let end = |(start, claimed): (&u64, &Claimed<P>)| start + claimed.length;
        // The one that begins there or after, and where the one before that ends.
        let (cursor, last) = (all.cursor_lower_bound(&start), all.cursor_back());
        let (next, before) = match &cursor {
            Some(cursor) => (Some(cursor.current()), cursor.peek_prev().map(end)),
            None => (None, last.as_ref().map(|last| end(last.current()))),
        };

        if before.is_some_and(|end| end > start) {
            return Fit::Taken;
        }
        match next {
            Some((first, claimed)) if *first == start => {
                if claimed.length == length && claimed.party.shares_with(party) {
                    Fit::Same
                } else {
                    Fit::Taken
                }
            }
            Some((first, _)) if *first < start + length => Fit::Taken,
            _ => Fit::Free,
        }
    }
}

/// A claim, until this is dropped. That sleeps.
pub(crate) struct Claim<P: Party> {
    claims: Arc<Claims<P>>,
    start: u64,
}

impl<P: Party> Drop for Claim<P> {
    fn drop(&mut self) {
        let mut all = self.claims.all.lock();
        let last = all.get_mut(&self.start).is_some_and(|claimed| {
            claimed.count -= 1;
            claimed.count == 0
        });
        let gone = last.then(|| all.remove_node(&self.start)).flatten();

        // Who is in it may be the last to know a shared object.
        drop(all);
        drop(gone);
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_claims)]
mod tests {
    use super::*;
    use crate::random::Random;
    use core::ops::Range;

    /// Numbers share with themselves, but 0 with nobody.
    impl Party for u32 {
        fn shares_with(&self, other: &Self) -> bool {
            self == other && *self != 0
        }
    }

    #[test]
    fn neighbours_and_strangers() -> Result {
        let claims = Claims::new()?;
        let _low = claims.claim(0x1000, 0x1000, 0u32)?;
        let _high = claims.claim(0x4000, 0x2000, 7)?;

        for (start, length) in [
            (0x1000, 0x1000),
            (0, 0x2000),
            (0x1800, 0x1000),
            (0x1000, 0x800),
            (0x3000, 0x2000),
            (0x4000, 0x2000),
            (0x4000, 0x1000),
            (0x4000, 0x3000),
            (0x5000, 0x1000),
            (0, 0x10_0000),
        ] {
            for party in [0, 6] {
                assert_eq!(claims.claim(start, length, party).err(), Some(EBUSY));
            }
        }
        for (start, length) in [(0, 0x1000), (0x2000, 0x2000), (0x6000, 0x1000)] {
            claims.claim(start, length, 0)?;
        }
        Ok(())
    }

    #[test]
    fn shared_until_the_last_has_gone() -> Result {
        let claims = Claims::new()?;
        let first = claims.claim(0x1000, 0x1000, 7u32)?;
        let second = claims.claim(0x1000, 0x1000, 7)?;

        // Those who share see all of it, or nothing.
        assert!(claims.claim(0x1000, 0x2000, 7).is_err());
        assert!(claims.claim(0, 0x2000, 7).is_err());
        drop(first);
        assert!(claims.claim(0x1000, 0x1000, 8).is_err());
        drop(second);
        claims.claim(0x1000, 0x1000, 8)?;
        // That one has gone at once.
        claims.claim(0, 0x10_0000, 0).map(drop)
    }

    #[test]
    fn random_claims_against_a_model() -> Result {
        const PAGES: usize = 64;

        let claims = Claims::new()?;
        let mut random = Random::new(5);
        let mut held = KVec::new();
        let mut model = [false; PAGES];

        for _ in 0..2_000 {
            let victim = random.index(held.len()).filter(|_| random.below(3) == 0);

            if let Some(victim) = victim {
                let (pages, claim): (Range<usize>, _) = held.remove(victim).map_err(|_| EIO)?;

                drop(claim);
                model[pages].fill(false);
                continue;
            }

            let start = random.index(PAGES).ok_or(EIO)?;
            let length = 1 + random.index(6).ok_or(EIO)?;
            let pages = start..(start + length).min(PAGES);
            let free = !model[pages.clone()].contains(&true);
            // CAST: They are small.
            let claim = claims.claim(pages.start as u64, pages.len() as u64, 0u32);

            assert_eq!(claim.is_ok(), free);
            if let Ok(claim) = claim {
                model[pages.clone()].fill(true);
                held.push((pages, claim), GFP_KERNEL)?;
            }
        }
        Ok(())
    }
}
