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
    /// Whether changes are possible together. That depends on the reservations alone, and so not on
    /// changes that come before them.
    ///
    /// # Errors
    ///
    /// A range is not within a reservation, or not made of pages; or the ranges that change, or the
    /// sources of copies, are not all in one reservation.
    pub(crate) fn check<'a>(
        &self,
        changes: impl Iterator<Item = &'a Change>,
    ) -> Result<(), AddressError> {
        let (mut target, mut source) = (None, None);
        for change in changes {
            let (start, len) = match *change {
                Change::Show { start, len, .. } => (start, len),
                Change::Copy { from, to, len } => {
                    same(&mut source, self.reservation_of(from, len)?)?;
                    (to, len)
                }
            };
            same(&mut target, self.reservation_of(start, len)?)?;
        }
        Ok(())
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

    /// Where the reservation starts that a range may be changed in, which consists of pages.
    pub(super) fn reservation_of(&self, start: u64, len: u64) -> Result<u64, AddressError> {
        let pages = start % GPU_PAGE == 0 && len % GPU_PAGE == 0 && len > 0;
        let found = self.reservation(start, len).filter(|_| pages);
        found.ok_or(AddressError::Invalid)
    }
}

/// Notes the reservation that all ranges have to be in, and checks that one more is in it.
fn same(expected: &mut Option<u64>, found: u64) -> Result<(), AddressError> {
    match *expected.get_or_insert(found) == found {
        true => Ok(()),
        false => Err(AddressError::Invalid),
    }
}
