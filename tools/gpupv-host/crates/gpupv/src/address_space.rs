// SPDX-License-Identifier: GPL-2.0
//! The GPU addresses of a process on one adapter.
//!
//! The space consists of blocks that do not overlap. A block is either a mapping that the process
//! asked for directly, or a reservation. Views come and go within both. A block is freed as a whole; a
//! mapping also goes with the last allocation that it shows.

mod change;

use std::collections::BTreeMap;

pub(crate) use change::{Change, Update};

use crate::fence::FENCE_ADDRESSES;
use crate::handles::Handle;

/// The unit of all mappings.
pub(crate) const GPU_PAGE: u64 = 4096;
/// The unit of reservations.
pub(crate) const RESERVATION_UNIT: u64 = 64 << 10;
/// Nothing is placed below, so that null pointers lead nowhere.
const LOWEST: u64 = 64 << 10;
/// What is above belongs to the host.
const LIMIT: u64 = FENCE_ADDRESSES;

/// What a view shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An allocation from a byte offset on.
    Allocation(Handle, u64),
    /// Zeros.
    Zero,
    /// Nothing: an access fails.
    NoAccess,
}

impl Target {
    /// The same target, seen from so many bytes further on.
    fn advanced(self, bytes: u64) -> Self {
        match self {
            Self::Allocation(handle, offset) => Self::Allocation(handle, offset + bytes),
            Self::Zero | Self::NoAccess => self,
        }
    }

    fn is_of(self, allocation: Handle) -> bool {
        matches!(self, Self::Allocation(handle, _) if handle == allocation)
    }
}

/// What a range shows, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// What is seen.
    pub(crate) target: Target,
    /// What the GPU may do with it.
    pub(crate) protection: u64,
    /// The same, in the driver's own words.
    pub(crate) driver_protection: u64,
}

impl View {
    /// Zeros, whatever is written.
    const ZERO: Self = Self {
        target: Target::Zero,
        protection: 0,
        driver_protection: 0,
    };
}

/// Where a block may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Exactly there, whatever the limits are; 0 for anywhere within them.
    pub(crate) base: u64,
    /// Not below.
    pub(crate) minimum: u64,
    /// Ends here at the latest; 0 for no limit.
    pub(crate) maximum: u64,
}

/// Why addresses cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    /// The wish makes no sense.
    Invalid,
    /// Something is there already.
    Taken,
    /// There is no hole that is large enough.
    Full,
}

/// Views by address, with their lengths in bytes. They do not overlap.
type Views = BTreeMap<u64, (u64, View)>;

/// How a block came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// By a mapping to an address that was free.
    Mapping,
    /// By a reservation, which shows zeros where there is no view, or nothing.
    Reservation { zero: bool },
}

#[derive(Clone, Debug)]
struct Block {
    /// In bytes.
    len: u64,
    origin: Origin,
    views: Views,
}

/// The addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressSpace {
    /// By start.
    blocks: BTreeMap<u64, Block>,
}

impl AddressSpace {
    /// Reserves a range. `zero` says whether it shows zeros by itself, or nothing.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub(crate) fn reserve(
        &mut self,
        wanted: Wanted,
        len: u64,
        zero: bool,
    ) -> Result<u64, AddressError> {
        let start = self.find(wanted, len, RESERVATION_UNIT)?;
        let block = Block {
            len,
            origin: Origin::Reservation { zero },
            views: Views::new(),
        };
        self.blocks.insert(start, block);
        Ok(start)
    }

    /// Maps a view: into a block if the base lies in one, otherwise as a block of its own.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub(crate) fn map(
        &mut self,
        wanted: Wanted,
        len: u64,
        view: View,
    ) -> Result<u64, AddressError> {
        let start = self.place_of(wanted, len, &view)?;
        let block = match self.around(start, len) {
            Some((first, _)) => first,
            None => {
                let block = Block {
                    len,
                    origin: Origin::Mapping,
                    views: Views::new(),
                };
                self.blocks.insert(start, block);
                start
            }
        };
        if let Some(block) = self.blocks.get_mut(&block) {
            cut(&mut block.views, start, len);
            block.views.insert(start, (len, view));
        }
        Ok(start)
    }

    /// Where [`Self::map`] would map.
    ///
    /// # Errors
    ///
    /// See [`AddressError`].
    pub(crate) fn place_of(
        &self,
        wanted: Wanted,
        len: u64,
        view: &View,
    ) -> Result<u64, AddressError> {
        let around = match wanted.base {
            0 => None,
            base => self.around(base, len).filter(|_| len > 0),
        };
        let Some((_, origin)) = around else {
            return self.find(wanted, len, GPU_PAGE);
        };
        if wanted.base % GPU_PAGE != 0 || len % GPU_PAGE != 0 {
            return Err(AddressError::Invalid);
        }
        // Only reservations can be made to show nothing.
        let shows_memory = matches!(view.target, Target::Allocation(..));
        match origin == Origin::Mapping && !shows_memory {
            true => Err(AddressError::Taken),
            false => Ok(wanted.base),
        }
    }

    /// Whether all of a range shows `view` already.
    pub(crate) fn shows(&self, start: u64, len: u64, view: &View) -> bool {
        let seen = self.look(start);
        seen.is_some_and(|(seen, left)| seen == *view && left >= len)
    }

    /// Frees a block.
    ///
    /// # Errors
    ///
    /// There is no such block.
    pub(crate) fn free(&mut self, start: u64, len: u64) -> Result<(), AddressError> {
        let found = self.blocks.get(&start).filter(|block| block.len == len);
        if found.is_none() {
            return Err(AddressError::Invalid);
        }
        self.blocks.remove(&start);
        Ok(())
    }

    /// Changes what a range within a reservation shows; `None` for what reservations show by
    /// themselves.
    ///
    /// # Errors
    ///
    /// The range is not within a reservation, or not made of pages.
    pub(crate) fn set(
        &mut self,
        start: u64,
        len: u64,
        view: Option<View>,
    ) -> Result<(), AddressError> {
        let views = self.views_mut(start, len)?;
        cut(views, start, len);
        if let Some(view) = view {
            views.insert(start, (len, view));
        }
        Ok(())
    }

    /// Lets a range within a reservation show what another one shows.
    ///
    /// # Errors
    ///
    /// One of the ranges is not within a reservation, or not made of pages.
    pub(crate) fn copy(&mut self, from: u64, to: u64, len: u64) -> Result<(), AddressError> {
        let from_views = self.views_mut(from, len)?;
        let end = from + len;
        let mut copied = Vec::new();
        for (&start, &(view_len, view)) in from_views.range(..end) {
            let (first, last) = (start.max(from), (start + view_len).min(end));
            if first < last {
                let target = view.target.advanced(first - start);
                copied.push((first - from, last - first, View { target, ..view }));
            }
        }
        let to_views = self.views_mut(to, len)?;
        cut(to_views, to, len);
        for (offset, len, view) in copied {
            to_views.insert(to + offset, (len, view));
        }
        Ok(())
    }

    /// An allocation is gone: no address shows it any more.
    pub(crate) fn forget(&mut self, allocation: Handle) {
        self.blocks.retain(|_, block| {
            block
                .views
                .retain(|_, (_, view)| !view.target.is_of(allocation));
            block.origin != Origin::Mapping || !block.views.is_empty()
        });
    }

    /// What is seen at an address, and for how many bytes from there on. `None` for nothing.
    pub(crate) fn look(&self, address: u64) -> Option<(View, u64)> {
        let (&start, block) = self.blocks.range(..=address).next_back()?;
        let end = start + block.len;
        if address >= end {
            return None;
        }
        let views = &block.views;
        let view = views.range(..=address).next_back();
        let view = view.and_then(|(&first, &(len, view))| seen(first, len, view, address));
        if view.is_some() || block.origin != (Origin::Reservation { zero: true }) {
            return view;
        }
        let next = views.range(address..).next().map_or(end, |(&next, _)| next);
        Some((View::ZERO, next - address))
    }

    /// How many bytes of addresses are taken.
    pub(crate) fn taken(&self) -> u64 {
        self.blocks.values().map(|block| block.len).sum()
    }

    /// The block that all of a range lies in: where it starts, and how it came about.
    fn around(&self, start: u64, len: u64) -> Option<(u64, Origin)> {
        let (&first, block) = self.blocks.range(..=start).next_back()?;
        let end = start.checked_add(len)?;
        (end <= first + block.len).then_some((first, block.origin))
    }

    /// Where the reservation starts that all of a range lies in.
    fn reservation(&self, start: u64, len: u64) -> Option<u64> {
        let (first, origin) = self.around(start, len)?;
        matches!(origin, Origin::Reservation { .. }).then_some(first)
    }

    /// The views of the reservation around a range.
    fn views_mut(&mut self, start: u64, len: u64) -> Result<&mut Views, AddressError> {
        let reservation = self.reservation_of(start, len)?;
        let block = self.blocks.get_mut(&reservation);
        block
            .map(|block| &mut block.views)
            .ok_or(AddressError::Invalid)
    }

    /// Finds room for a block.
    fn find(&self, wanted: Wanted, len: u64, unit: u64) -> Result<u64, AddressError> {
        if len == 0 || len % unit != 0 {
            return Err(AddressError::Invalid);
        }
        if wanted.base != 0 {
            if wanted.base % unit != 0 || !is_usable(wanted.base, len) {
                return Err(AddressError::Invalid);
            }
            return match self.is_free(wanted.base, len) {
                true => Ok(wanted.base),
                false => Err(AddressError::Taken),
            };
        }
        let (lowest, limit) = wanted.bounds();
        let lowest = lowest.checked_next_multiple_of(unit);
        let mut start = lowest.ok_or(AddressError::Invalid)?;
        let before = self.blocks.range(..start).next_back();
        let from = before.map_or(start, |(&first, _)| first);
        for (&first, block) in self.blocks.range(from..) {
            // Rounding up may have gone past the start of a block.
            if first.checked_sub(start).is_some_and(|gap| gap >= len) {
                break;
            }
            start = start.max((first + block.len).next_multiple_of(unit));
        }
        match start.checked_add(len) {
            Some(end) if end <= limit => Ok(start),
            _ => Err(AddressError::Full),
        }
    }

    fn is_free(&self, start: u64, len: u64) -> bool {
        let before = self.blocks.range(..start + len).next_back();
        before.is_none_or(|(&first, block)| first + block.len <= start)
    }
}

impl Wanted {
    /// The lowest address and the limit.
    fn bounds(&self) -> (u64, u64) {
        let limit = match self.maximum {
            0 => LIMIT,
            maximum => maximum.min(LIMIT),
        };
        (self.minimum.max(LOWEST), limit)
    }
}

/// Whether processes may have a range at all.
fn is_usable(start: u64, len: u64) -> bool {
    let end = start.checked_add(len);
    start >= LOWEST && end.is_some_and(|end| end <= LIMIT)
}

/// What a view shows from an address on.
fn seen(start: u64, len: u64, view: View, address: u64) -> Option<(View, u64)> {
    let past = address - start;
    let left = len.checked_sub(past).filter(|left| *left > 0)?;
    let target = view.target.advanced(past);
    Some((View { target, ..view }, left))
}

/// Takes a range out of views that may cover more.
fn cut(views: &mut Views, start: u64, len: u64) {
    let end = start + len;
    let over: Vec<(u64, u64, View)> = views
        .range(..end)
        .rev()
        .map(|(&first, &(len, view))| (first, len, view))
        .take_while(|(first, len, _)| first + len > start)
        .collect();
    for (first, len, view) in over {
        views.remove(&first);
        if first < start {
            views.insert(first, (start - first, view));
        }
        let last = first + len;
        if last > end {
            let target = view.target.advanced(end - first);
            views.insert(end, (last - end, View { target, ..view }));
        }
    }
}

#[cfg(test)]
mod tests;
