// SPDX-License-Identifier: GPL-2.0
//! Changes of what addresses show: checked when they are asked for, made when it is their turn.

use super::{AddressError, AddressSpace, View, GPU_PAGE};
use crate::handles::Handle;
use crate::memory::MemoryId;

/// A change of a range within a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It shows something else; `None` for what reservations show by themselves.
    Show {
        start: u64,
        len: u64,
        view: Option<View>,
    },
    /// It shows what another range shows.
    Copy { from: u64, to: u64, len: u64 },
}

/// Changes that belong together.
#[derive(Debug)]
pub(crate) struct Update {
    /// The adapter, by position.
    pub(crate) adapter: usize,
    /// The changes in their order, each with the allocation that it shows and the memory behind that:
    /// by the time of the change the handle may name another one.
    pub(crate) changes: Vec<(Change, Option<(Handle, MemoryId)>)>,
}

impl AddressSpace {
    /// Whether a change is possible. That depends on the reservations alone, and so not on changes
    /// that come before it.
    ///
    /// # Errors
    ///
    /// A range is not within a reservation, or not made of pages.
    pub(crate) fn check(&self, change: &Change) -> Result<(), AddressError> {
        match *change {
            Change::Show { start, len, .. } => self.check_range(start, len),
            Change::Copy { from, to, len } => {
                self.check_range(from, len)?;
                self.check_range(to, len)
            }
        }
    }

    /// Makes a change.
    ///
    /// # Errors
    ///
    /// As [`Self::check`]. Nothing has changed then.
    pub(crate) fn change(&mut self, change: &Change) -> Result<(), AddressError> {
        match *change {
            Change::Show { start, len, view } => self.set(start, len, view),
            Change::Copy { from, to, len } => self.copy(from, to, len),
        }
    }

    /// A range that may be changed lies within one reservation and consists of pages.
    pub(super) fn check_range(&self, start: u64, len: u64) -> Result<(), AddressError> {
        let pages = start % GPU_PAGE == 0 && len % GPU_PAGE == 0 && len > 0;
        if pages && self.is_reserved(start, len) {
            Ok(())
        } else {
            Err(AddressError::Invalid)
        }
    }
}
