// SPDX-License-Identifier: GPL-2.0

//! Handles whose numbers the guest chooses: those of adapters.
//!
//! Some calls take an adapter or an object of the host in the same field, and user-mode drivers
//! pass both. The host counts its indices up from 1; so the indices of this table are the highest
//! ones, [`FIRST_INDEX`] and following, and a handle is unambiguous.
//!
//! An index is reused only after many others, and in a new generation, so that a stale handle is
//! detected. Takes no locks; the table must be protected by a sleeping lock. Handles whose numbers
//! the host chooses are in `object_table`.

use crate::wire::Handle;
use kernel::prelude::*;

/// The number of slots by which a guest table grows.
const GROWTH: u32 = 1024;

/// A guest table grows when no more slots than this are free. So at least as many other handles are
/// created before an index is reused.
const RESERVE: u32 = 128;

/// The maximum number of slots of a guest table, a multiple of [`GROWTH`]. A program that has so
/// many adapter handles open leaks them.
const GUEST_SLOTS: u32 = 63 * GROWTH;

/// The index of the first slot.
const FIRST_INDEX: u32 = 0xFF_0000;

static_assert!(FIRST_INDEX + GUEST_SLOTS < Handle::INDEX_LIMIT);

/// The last generation. 0 is not a valid generation.
const LAST_UNIQUE: u8 = 3;

enum Content<T> {
    /// An empty slot, with the slot to be used after this one.
    Free(Option<u32>),
    /// A slot in use.
    Used(T),
}

struct Slot<T> {
    unique: u8,
    content: Content<T>,
}

/// Returns the handle of the slot `index` in its generation `unique`.
fn handle_of(index: u32, unique: u8) -> Handle {
    Handle::new(FIRST_INDEX + index, unique)
}

/// Returns the slot of `handle`, which may be beyond the end of the table. `None` if the index is
/// not one of this table's.
fn slot_of(handle: Handle) -> Option<u32> {
    handle.index().checked_sub(FIRST_INDEX)
}

/// A table of handles that the guest creates.
pub(crate) struct GuestTable<T> {
    slots: KVVec<Slot<T>>,
    /// The list of empty slots: the one to be used next and the one freed last.
    free: Option<(u32, u32)>,
    free_count: u32,
}

impl<T> GuestTable<T> {
    /// Creates an empty table.
    pub(crate) const fn new() -> Self {
        Self {
            slots: KVVec::new(),
            free: None,
            free_count: 0,
        }
    }

    fn slot(&self, index: u32) -> Option<&Slot<T>> {
        // CAST: The index is below 2^24.
        self.slots.get(index as usize)
    }

    fn slot_mut(&mut self, index: u32) -> Option<&mut Slot<T>> {
        // CAST: The index is below 2^24.
        self.slots.get_mut(index as usize)
    }

    /// Appends a slot to the list of empty slots.
    fn append_free(&mut self, index: u32) {
        self.free = Some(match self.free {
            None => (index, index),
            Some((first, last)) => {
                if let Some(slot) = self.slot_mut(last) {
                    slot.content = Content::Free(Some(index));
                }
                (first, index)
            }
        });
        self.free_count += 1;
    }

    /// Adds [`GROWTH`] empty slots.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory, or the table is as large as it may be.
    fn grow(&mut self) -> Result {
        let start = u32::try_from(self.slots.len())?;
        let end = start + GROWTH;

        if end > GUEST_SLOTS {
            return Err(ENOMEM);
        }
        // CAST: 1024 fits.
        self.slots.reserve(GROWTH as usize, GFP_KERNEL_ACCOUNT)?;
        for index in start..end {
            let slot = Slot {
                unique: 1,
                content: Content::Free(None),
            };

            self.slots.push(slot, GFP_KERNEL_ACCOUNT)?;
            self.append_free(index);
        }
        Ok(())
    }

    /// Creates a handle for `object`.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory, or too many handles exist.
    pub(crate) fn insert(&mut self, object: T) -> Result<Handle> {
        if self.free_count <= RESERVE {
            self.grow()?;
        }

        let (index, last) = self.free.ok_or(ENOMEM)?;
        let slot = self.slot_mut(index).ok_or(ENOMEM)?;
        let Content::Free(next) = slot.content else {
            return Err(ENOMEM);
        };
        let handle = handle_of(index, slot.unique);

        slot.content = Content::Used(object);
        self.free = next.map(|next| (next, last));
        self.free_count -= 1;
        Ok(handle)
    }

    /// Returns the object of `handle`. `None` if the handle does not exist or was removed.
    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        let index = slot_of(handle)?;
        let slot = self.slot(index)?;

        match &slot.content {
            Content::Used(object) if handle_of(index, slot.unique) == handle => Some(object),
            _ => None,
        }
    }

    /// Removes `handle` and returns its object.
    pub(crate) fn remove(&mut self, handle: Handle) -> Option<T> {
        self.get(handle)?;

        let index = slot_of(handle)?;
        let slot = self.slot_mut(index)?;
        let content = core::mem::replace(&mut slot.content, Content::Free(None));

        slot.unique = if slot.unique == LAST_UNIQUE {
            1
        } else {
            slot.unique + 1
        };
        self.append_free(index);
        match content {
            Content::Used(object) => Some(object),
            Content::Free(_) => None,
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_handles)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn first_handles() -> Result {
        let mut table = GuestTable::new();

        assert_eq!(table.insert('a')?.raw(), 0x7FC0_0000);
        assert_eq!(table.insert('b')?.raw(), 0x7FC0_0040);
        assert_eq!(table.insert('c')?.raw(), 0x7FC0_0080);
        assert_eq!(table.get(Handle::from_raw(0x7FC0_0040)), Some(&'b'));
        for other in [
            // The next slot, another generation, another instance, and handles as the host creates
            // them.
            0x7FC0_00C0,
            0xBFC0_0040,
            0x7FC0_0043,
            0x4000_0040,
            0x4000_0000,
            0,
        ] {
            assert_eq!(table.get(Handle::from_raw(other)), None);
            assert_eq!(table.remove(Handle::from_raw(other)), None);
        }
        Ok(())
    }

    #[test]
    fn numbers_come_back_late_and_in_a_new_generation() -> Result {
        let mut table = GuestTable::new();
        let first = table.insert(0u32)?;
        let mut expected = [2, 3, 1, 2].into_iter();

        for _ in 0..4 {
            assert_eq!(table.remove(first).is_some(), expected.len() == 4);

            let mut others = 0;
            let again = loop {
                let handle = table.insert(1)?;

                if handle.index() == first.index() {
                    break handle;
                }
                others += 1;
                table.remove(handle);
            };

            assert!(others >= RESERVE);
            assert_eq!(Some(again.unique()), expected.next());
            table.remove(again);
        }
        Ok(())
    }

    #[test]
    fn guest_table_agrees_with_a_list() -> Result {
        let mut table = GuestTable::new();
        let mut model: KVVec<(Handle, u32)> = KVVec::new();
        let mut stale: KVVec<Handle> = KVVec::new();
        let mut random = Random::new(42);

        for step in 0..4_000u32 {
            if random.below(5) < 3 && model.len() < 1200 {
                let handle = table.insert(step)?;

                assert!(!handle.is_none());
                assert!(model.iter().all(|(known, _)| *known != handle));
                // After two more generations a handle may be equal to an earlier one.
                stale.retain(|old| *old != handle);
                model.push((handle, step), GFP_KERNEL)?;
            } else if let Some(index) = random.index(model.len()) {
                let last = model.len() - 1;

                model.as_mut_slice().swap(index, last);

                let (handle, object) = model.pop().ok_or(EIO)?;

                assert_eq!(table.remove(handle), Some(object));
                stale.push(handle, GFP_KERNEL)?;
            }
            if let Some(index) = random.index(model.len()) {
                let (handle, object) = model[index];

                assert_eq!(table.get(handle), Some(&object));
            }
            if let Some(index) = random.index(stale.len()) {
                assert_eq!(table.get(stale[index]), None);
                assert_eq!(table.remove(stale[index]), None);
            }
        }
        Ok(())
    }

    #[test]
    fn guest_table_is_bounded() -> Result {
        let mut table = GuestTable::new();
        let mut made = 0;

        while table.insert(()).is_ok() {
            made += 1;
        }
        assert_eq!(made, GUEST_SLOTS - RESERVE);
        Ok(())
    }
}
