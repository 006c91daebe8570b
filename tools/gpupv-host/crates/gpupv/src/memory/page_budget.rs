// SPDX-License-Identifier: GPL-2.0
//! How many pages the guest may hand over, counted each time that it does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// How often the guest may hand over each of its pages on average: it cannot fill our memory.
const TIMES_MAX: u64 = 4;

/// What all lists of pages share. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct PageBudget(Arc<Counter>);

struct Counter {
    used: AtomicU64,
    limit: AtomicU64,
}

impl Default for Counter {
    fn default() -> Self {
        Self {
            used: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
        }
    }
}

impl PageBudget {
    /// Says how many pages the guest has. Without that there is no limit.
    pub(crate) fn set_guest_pages(&self, pages: u64) {
        let limit = pages.saturating_mul(TIMES_MAX);
        self.0.limit.store(limit, Ordering::Relaxed);
    }

    /// Takes a share of the budget for `count` pages, if there is as much.
    pub(super) fn take(&self, count: u64) -> Option<PageShare> {
        let limit = self.0.limit.load(Ordering::Relaxed);
        let more = |used: u64| used.checked_add(count).filter(|&sum| sum <= limit);
        let used = &self.0.used;
        used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(PageShare {
            budget: self.clone(),
            count,
        })
    }
}

/// A share of the budget, which goes back when this is dropped.
pub(super) struct PageShare {
    budget: PageBudget,
    count: u64,
}

impl PageShare {
    /// Adds another share to this one.
    pub(super) fn join(&mut self, mut other: Self) {
        self.count += std::mem::take(&mut other.count);
    }
}

impl Drop for PageShare {
    fn drop(&mut self) {
        let used = &self.budget.0.used;
        used.fetch_sub(self.count, Ordering::Relaxed);
    }
}
