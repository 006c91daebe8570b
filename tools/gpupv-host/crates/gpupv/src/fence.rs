// SPDX-License-Identifier: GPL-2.0
//! Fences that can be watched: a 64-bit value at the start of a page that the guest sees.
//!
//! Guests map whole pages, so each value has one of its own.

use crate::io_space::{IoPages, IoSpace, PAGE};

/// GPU addresses from here on belong to fences: each process has the same ones, above everything
/// that it can reserve for itself.
pub(crate) const FENCE_ADDRESSES: u64 = 1 << 47;

/// A value and its page.
pub(crate) struct Fence {
    value: u64,
    page: IoPages,
}

impl Fence {
    /// A fence with this value. `None` if the IO space is full.
    pub(crate) fn new(space: &IoSpace, value: u64) -> Option<Self> {
        let page = space.allocate(1)?;
        page.store(0, value);
        Some(Self { value, page })
    }

    /// The value. What the guest writes to the page does not count.
    pub(crate) fn value(&self) -> u64 {
        self.value
    }

    /// Sets the value, and shows it to the guest.
    pub(crate) fn set(&mut self, value: u64) {
        self.value = value;
        self.page.store(0, value);
    }

    /// Where the guest sees the value.
    pub(crate) fn guest_address(&self) -> u64 {
        self.page.address()
    }

    /// Where the GPU sees the value.
    pub(crate) fn gpu_address(&self) -> u64 {
        FENCE_ADDRESSES + self.page.index() * PAGE
    }
}
