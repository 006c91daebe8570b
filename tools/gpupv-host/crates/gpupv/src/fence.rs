// SPDX-License-Identifier: GPL-2.0
//! Fences that can be watched: a 64-bit value in a page that the guest sees.
//!
//! Each value has a page of its own, unless the host shall behave otherwise: then two values of a
//! process share one.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::io_space::{IoPages, IoSpace, PAGE};

/// GPU addresses from here on belong to fences: each process has the same ones, above everything
/// that it can reserve for itself.
pub(crate) const FENCE_ADDRESSES: u64 = 1 << 47;

/// How many values a page has that is not for one alone.
const SLOTS: usize = 2;

/// A page, and which of its values are in use.
pub(crate) struct FencePage {
    page: IoPages,
    used: Mutex<[bool; SLOTS]>,
}

/// A page that may have room for one more value, as long as another one is in it.
pub(crate) type OpenPage = Weak<FencePage>;

impl FencePage {
    /// Takes a place for a value. `None` if there is none.
    fn take(&self) -> Option<usize> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = used.iter().position(|used| !used)?;
        used[slot] = true;
        Some(slot)
    }

    fn give_back(&self, slot: usize) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used[slot] = false;
    }
}

/// A value and its page.
pub(crate) struct Fence {
    value: u64,
    page: Arc<FencePage>,
    slot: usize,
}

impl Fence {
    /// Makes a fence with this value in a page of its own. `None` if the IO space is full.
    pub(crate) fn new(space: &IoSpace, value: u64) -> Option<Self> {
        let page = FencePage {
            page: space.allocate(1)?,
            used: Mutex::new([false; SLOTS]),
        };
        Self::in_page(Arc::new(page), value)
    }

    /// Makes a fence with this value in a page that others may be in, which is `open` until it is
    /// full. `None` if the IO space is full.
    pub(crate) fn beside(space: &IoSpace, value: u64, open: &mut OpenPage) -> Option<Self> {
        let found = open.upgrade().and_then(|page| Self::in_page(page, value));
        if found.is_some() {
            return found;
        }
        let fence = Self::new(space, value)?;
        *open = Arc::downgrade(&fence.page);
        Some(fence)
    }

    fn in_page(page: Arc<FencePage>, value: u64) -> Option<Self> {
        let slot = page.take()?;
        let fence = Self { value, page, slot };
        fence.page.page.store(fence.offset(), value);
        Some(fence)
    }

    /// The value. What the guest writes to the page does not count.
    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    /// Sets the value, and shows it to the guest.
    pub(crate) fn set(&mut self, value: u64) {
        self.value = value;
        self.page.page.store(self.offset(), value);
    }

    /// Where in its page the value is, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        // CAST: below SLOTS.
        8 * self.slot as u64
    }

    /// Where the guest sees the page.
    pub(crate) fn page_address(&self) -> u64 {
        self.page.page.address()
    }

    /// Where the GPU sees the value.
    pub(crate) fn gpu_address(&self) -> u64 {
        FENCE_ADDRESSES + self.page.page.index() * PAGE + self.offset()
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        // The next value in the place begins with its own number.
        self.page.give_back(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io_space::tests::space;

    #[test]
    fn two_values_share_a_page_until_both_are_gone() {
        let space = space(4);
        let mut open = OpenPage::new();
        let first = Fence::beside(&space, 1, &mut open).unwrap();
        let second = Fence::beside(&space, 2, &mut open).unwrap();
        assert_eq!(first.page_address(), second.page_address());
        assert_eq!((first.offset(), second.offset()), (0, 8));
        assert_ne!(first.gpu_address(), second.gpu_address());
        let third = Fence::beside(&space, 3, &mut open).unwrap();
        assert_ne!(third.page_address(), first.page_address());
        assert_eq!((third.offset(), space.used()), (0, 2));
        drop(third);
        assert_eq!(space.used(), 1, "the page of the first two");
        drop(first);
        assert_eq!(space.used(), 1);
        drop(second);
        assert_eq!(space.used(), 0);
        let alone = Fence::new(&space, 5).unwrap();
        let other = Fence::new(&space, 6).unwrap();
        assert_ne!(alone.page_address(), other.page_address());
    }
}
