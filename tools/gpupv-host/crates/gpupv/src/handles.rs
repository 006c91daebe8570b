// SPDX-License-Identifier: GPL-2.0
//! Handles as the host gives them out: an index, and two bits that change when an index is used
//! again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;

/// Bits 0..6: always 0 here. Bits 6..30: the index. Bits 30..32: 1 to 3, never 0.
const INDEX_SHIFT: u32 = 6;
const INDEX_BITS: u32 = 24;
const UNIQUE_SHIFT: u32 = INDEX_SHIFT + INDEX_BITS;
const UNIQUE_MAX: u8 = 3;
/// Guests refuse this index and everything above.
const INDEX_LIMIT: usize = (1 << INDEX_BITS) - 1;

/// The name of an object between guest and host. 0 names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

impl Handle {
    fn new(index: usize, unique: u8) -> Self {
        // CAST: the index is below INDEX_LIMIT.
        Self((u32::from(unique) << UNIQUE_SHIFT) | ((index as u32) << INDEX_SHIFT))
    }

    fn index(self) -> usize {
        // CAST: 24 bits.
        ((self.0 >> INDEX_SHIFT) & ((1 << INDEX_BITS) - 1)) as usize
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

struct Slot<T> {
    unique: u8,
    /// Whether `unique` has come round, so that each of its values was given out before.
    wrapped: bool,
    value: Option<T>,
}

/// Objects by handle. Indices start at 1 and stay dense: the lowest free one is used next.
pub struct HandleTable<T> {
    slots: Vec<Slot<T>>,
    free: BinaryHeap<Reverse<usize>>,
}

impl<T> Default for HandleTable<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: BinaryHeap::new(),
        }
    }
}

impl<T> HandleTable<T> {
    /// Gives `value` a handle; `None` if there are no more.
    pub fn insert(&mut self, value: T) -> Option<Handle> {
        self.try_insert(value).ok()
    }

    /// As [`Self::insert`], but hands back a value that it has no handle for.
    ///
    /// # Errors
    ///
    /// The value.
    pub fn try_insert(&mut self, value: T) -> Result<Handle, T> {
        let position = match self.free.pop() {
            Some(Reverse(position)) => position,
            None if self.slots.len() + 1 < INDEX_LIMIT => {
                self.slots.push(Slot {
                    unique: 0,
                    wrapped: false,
                    value: None,
                });
                self.slots.len() - 1
            }
            None => return Err(value),
        };
        let slot = &mut self.slots[position];
        slot.wrapped |= slot.unique == UNIQUE_MAX;
        slot.unique = slot.unique % UNIQUE_MAX + 1;
        slot.value = Some(value);
        Ok(Handle::new(position + 1, slot.unique))
    }

    /// The object that `handle` names.
    pub fn get(&self, handle: Handle) -> Option<&T> {
        self.slots[self.position(handle)?].value.as_ref()
    }

    /// The object that `handle` names.
    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let position = self.position(handle)?;
        self.slots[position].value.as_mut()
    }

    /// Takes the object out; the handle names nothing any more.
    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let position = self.position(handle)?;
        let value = self.slots[position].value.take()?;
        self.free.push(Reverse(position));
        Some(value)
    }

    /// Whether `handle` names an object, or named one that is gone.
    pub fn was_given(&self, handle: Handle) -> bool {
        let Some(position) = handle.index().checked_sub(1) else {
            return false;
        };
        let Some(slot) = self.slots.get(position) else {
            return false;
        };
        let last = if slot.wrapped {
            UNIQUE_MAX
        } else {
            slot.unique
        };
        (1..=last).any(|unique| Handle::new(position + 1, unique) == handle)
    }

    /// Whether `handle` named another object before the one that it names now.
    pub fn is_reused(&self, handle: Handle) -> bool {
        self.position(handle)
            .is_some_and(|position| self.slots[position].wrapped)
    }

    /// All objects, by index.
    pub fn iter(&self) -> impl Iterator<Item = (Handle, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(position, slot)| {
                let value = slot.value.as_ref()?;
                Some((Handle::new(position + 1, slot.unique), value))
            })
    }

    /// Where `handle` leads, if all of its bits are right.
    fn position(&self, handle: Handle) -> Option<usize> {
        let position = handle.index().checked_sub(1)?;
        let slot = self.slots.get(position)?;
        (Handle::new(position + 1, slot.unique) == handle && slot.value.is_some())
            .then_some(position)
    }
}
