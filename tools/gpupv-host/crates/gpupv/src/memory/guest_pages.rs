// SPDX-License-Identifier: GPL-2.0
//! Memory of the guest that it hands over to be an allocation.

use thiserror::Error;
use vmbus::GpadlView;

use super::page_budget::{PageBudget, PageShare};
use crate::io_space::PAGE;

/// The memory that the guest has.
pub trait GuestMemory: Send + Sync {
    /// How many pages there are.
    fn page_count(&self) -> u64;

    /// Whether there is a page with this number.
    fn has_page(&self, number: u64) -> bool;

    /// Copies out of a page. Returns whether it is there.
    fn read(&self, address: u64, into: &mut [u8]) -> bool;

    /// Copies into a page. Returns whether it is there.
    fn write(&self, address: u64, from: &[u8]) -> bool;
}

/// Pages that cannot be taken.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum HandOverError {
    /// They do not follow those that are there.
    #[error("{count} pages from page {offset} on, {present} of {wanted} are there")]
    Order {
        /// Where the new ones start.
        offset: u64,
        /// How many new ones there are.
        count: u64,
        /// How many there were.
        present: u64,
        /// How many there shall be.
        wanted: u64,
    },
    /// A GPADL of another size, or one that does not start with a page.
    #[error("a GPADL of {len} bytes, {wanted} are needed")]
    Size {
        /// Its length.
        len: u64,
        /// What is needed.
        wanted: u64,
    },
    /// There is something already.
    #[error("its memory was handed over before")]
    Twice,
    /// All that was handed over is too much together.
    #[error("{0} more pages are too many")]
    TooMany(u64),
}

/// The pages, in their order.
pub(crate) struct GuestPages {
    wanted: u64,
    read_only: bool,
    pages: Vec<u64>,
    budget: PageBudget,
    /// What `pages` takes of that; nothing if there are none.
    share: Option<PageShare>,
    /// The GPADL that they came in, if they did, and what it shows until it is taken back.
    gpadl: Option<(u32, Option<GpadlView>)>,
}

impl GuestPages {
    /// No page of `size` bytes yet.
    pub(crate) fn new(size: u64, read_only: bool, budget: &PageBudget) -> Self {
        Self {
            wanted: size / PAGE,
            read_only,
            pages: Vec::new(),
            budget: budget.clone(),
            share: None,
            gpadl: None,
        }
    }

    /// Whether the last page is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.pages.len() as u64 == self.wanted
    }

    /// Whether the host may not write.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The page with this position, if it was not lent.
    pub(super) fn page(&self, position: u64) -> Option<u64> {
        if self.gpadl.is_some() {
            return None;
        }
        self.pages.get(usize::try_from(position).ok()?).copied()
    }

    /// What the GPADL shows.
    pub(super) fn view(&self) -> Option<&GpadlView> {
        self.gpadl.as_ref()?.1.as_ref()
    }

    /// The guest gets them back, and a GPADL is no longer needed.
    pub(super) fn give_back(&mut self) {
        // With their memory.
        self.pages = Vec::new();
        self.share = None;
        self.gpadl = None;
    }

    /// The GPADL is gone.
    pub(super) fn take_back(&mut self) {
        if let Some((_, view)) = &mut self.gpadl {
            *view = None;
        }
    }

    /// The GPADL that must stay, if there is one.
    pub(crate) fn gpadl(&self) -> Option<u32> {
        self.gpadl.as_ref().map(|(id, _)| *id)
    }

    /// Takes the pages that follow.
    ///
    /// # Errors
    ///
    /// They do not follow, or are too many.
    pub(crate) fn append(&mut self, offset: u64, pages: &[u64]) -> Result<(), HandOverError> {
        let (present, count) = (self.pages.len() as u64, pages.len() as u64);
        if offset != present || count > self.wanted - present {
            return Err(HandOverError::Order {
                offset,
                count,
                present,
                wanted: self.wanted,
            });
        }
        self.charge(count)?;
        self.pages.extend_from_slice(pages);
        Ok(())
    }

    /// Takes a share of the budget for more pages.
    fn charge(&mut self, count: u64) -> Result<(), HandOverError> {
        let more = self.budget.take(count);
        let more = more.ok_or(HandOverError::TooMany(count))?;
        match &mut self.share {
            Some(share) => share.join(more),
            None => self.share = Some(more),
        }
        Ok(())
    }

    /// Takes the pages of a GPADL.
    ///
    /// # Errors
    ///
    /// The GPADL is not just as large, there are pages already, or it has too many.
    pub(crate) fn set_gpadl(&mut self, id: u32, view: &GpadlView) -> Result<(), HandOverError> {
        if !self.pages.is_empty() {
            return Err(HandOverError::Twice);
        }
        let wanted = self.wanted * PAGE;
        // A view that starts within a page touches one page more.
        if view.len() != wanted || view.pages().len() as u64 != self.wanted {
            let len = view.len();
            return Err(HandOverError::Size { len, wanted });
        }
        self.charge(self.wanted)?;
        self.pages = view.pages().to_vec();
        self.gpadl = Some((id, Some(view.clone())));
        Ok(())
    }
}
