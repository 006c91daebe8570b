// SPDX-License-Identifier: GPL-2.0
//! Handles as the host gives them out: an index, and two bits that change when an index is used
//! again. Six more bits tell handles of the virtual machine from those of a process.

use std::collections::VecDeque;
use std::fmt;

/// Bits 0..6: the instance. Bits 6..30: the index. Bits 30..32: 1 to 3, never 0.
const INDEX_SHIFT: u32 = 6;
const INDEX_BITS: u32 = 24;
const UNIQUE_SHIFT: u32 = INDEX_SHIFT + INDEX_BITS;
const UNIQUE_MAX: u8 = 3;
/// Guests refuse this index and everything above.
const INDEX_LIMIT: usize = (1 << INDEX_BITS) - 1;
/// How many indices are free before one of them is used again, while there are others.
const RESERVE: usize = 1024;
/// The highest index that a table may begin with: there is room for some objects above it.
pub(crate) const FIRST_INDEX_MAX: u32 = (1 << INDEX_BITS) - (1 << 16);

/// What the lowest six bits of a handle are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instance {
    /// 0, for an object of a process.
    Local,
    /// 2, for an object that several processes may have.
    Global,
}

impl Instance {
    fn bits(self) -> u32 {
        match self {
            Self::Local => 0,
            Self::Global => 2,
        }
    }
}

/// The name of an object between guest and host. 0 names nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Handle(pub u32);

impl Handle {
    fn new(index: usize, unique: u8, instance: Instance) -> Self {
        // CAST: the index is below INDEX_LIMIT.
        let index = (index as u32) << INDEX_SHIFT;
        Self((u32::from(unique) << UNIQUE_SHIFT) | index | instance.bits())
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
    instance: Instance,
    /// Whether `unique` has come round, so that each of its values was given out before.
    wrapped: bool,
    value: Option<T>,
}

/// Objects by handle. Indices go upwards from the first one; a free one is used again when
/// 1024 others have become free after it, the one that has been free the longest first.
pub struct HandleTable<T> {
    /// The index of the first slot.
    first: usize,
    slots: Vec<Slot<T>>,
    /// Positions in `slots`, in the order in which they became free.
    free: VecDeque<usize>,
}

impl<T> Default for HandleTable<T> {
    fn default() -> Self {
        Self::starting_at(1)
    }
}

impl<T> HandleTable<T> {
    /// Makes a table whose first object gets the index `first`, which is not 0.
    pub(crate) fn starting_at(first: u32) -> Self {
        Self {
            // CAST: u32 to usize, on a 64-bit host.
            first: first.clamp(1, FIRST_INDEX_MAX) as usize,
            slots: Vec::new(),
            free: VecDeque::new(),
        }
    }

    /// Gives `value` a handle; `None` if there are no more.
    pub fn insert(&mut self, value: T) -> Option<Handle> {
        self.try_insert(value, Instance::Local).ok()
    }

    /// As [`Self::insert`], but says what the lowest bits are, and hands back a value that it has no
    /// handle for.
    ///
    /// # Errors
    ///
    /// The value.
    pub(crate) fn try_insert(&mut self, value: T, instance: Instance) -> Result<Handle, T> {
        let has_room = self.first + self.slots.len() < INDEX_LIMIT;
        let reused = match has_room && self.free.len() < RESERVE {
            true => None,
            false => self.free.pop_front(),
        };
        let position = match reused {
            Some(position) => position,
            None if has_room => {
                self.slots.push(Slot {
                    unique: 0,
                    instance,
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
        slot.instance = instance;
        slot.value = Some(value);
        Ok(Handle::new(self.first + position, slot.unique, instance))
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
        self.free.push_back(position);
        Some(value)
    }

    /// Whether `handle` names an object, or named one that is gone.
    pub fn was_given(&self, handle: Handle) -> bool {
        let Some(position) = handle.index().checked_sub(self.first) else {
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
        let name = |unique| Handle::new(self.first + position, unique, slot.instance);
        (1..=last).any(|unique| name(unique) == handle)
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
                let index = self.first + position;
                Some((Handle::new(index, slot.unique, slot.instance), value))
            })
    }

    /// Where `handle` leads, if all of its bits are right.
    fn position(&self, handle: Handle) -> Option<usize> {
        let position = handle.index().checked_sub(self.first)?;
        let slot = self.slots.get(position)?;
        let name = Handle::new(self.first + position, slot.unique, slot.instance);
        (name == handle && slot.value.is_some()).then_some(position)
    }
}
