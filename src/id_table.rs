// SPDX-License-Identifier: GPL-2.0

//! From an id that was given to the host to what it stands for, in constant time.
//!
//! An id is the number of a slot, counted from 1, in its lower half and the slot's generation in
//! its upper half. The generation moves on whenever the slot is emptied, so that an id the host
//! repeats, has kept for too long or has made up is not taken for what now has the slot. Id 0
//! means "nothing" and is never given out.
//!
//! The table does not allocate while it is locked: its owner brings memory ([`Table::spare_for`],
//! [`Table::grow`]). Slots never move: the table grows by pieces, each as big as all before it, so
//! that no insertion takes longer than another, however many entries there are.

use kernel::prelude::*;

/// Slots of the first piece, and of the second.
const FIRST_SLOTS: usize = 64;

/// Most pieces.
const PIECES: usize = 16;

struct Slot<T> {
    generation: u32,
    /// If the slot is empty: the next empty one.
    next_free: Option<usize>,
    content: Option<T>,
}

/// A table of at most `MAX` entries.
pub(crate) struct Table<T, const MAX: usize> {
    pieces: [KVVec<Slot<T>>; PIECES],
    /// How many slots there are, empty ones included.
    slots: usize,
    free: Option<usize>,
    used: usize,
}

/// Memory for a table, allocated without holding its lock.
pub(crate) struct Spare<T>(KVVec<Slot<T>>);

impl<T> Spare<T> {
    /// Allocates memory for `slots` slots, which counts as that of whoever lets the table grow.
    pub(crate) fn new(slots: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(slots, GFP_KERNEL_ACCOUNT)?))
    }
}

/// How many slots are before `piece`.
fn start_of(piece: usize) -> usize {
    match piece {
        0 => 0,
        _ => FIRST_SLOTS << (piece - 1),
    }
}

/// In which piece slot `index` is, and where there.
fn locate(index: usize) -> (usize, usize) {
    // CAST: A logarithm.
    let piece = (index / FIRST_SLOTS)
        .checked_ilog2()
        .map_or(0, |log| log as usize + 1);

    (piece, index - start_of(piece))
}

impl<T, const MAX: usize> Table<T, MAX> {
    /// An empty table.
    pub(crate) const fn new() -> Self {
        const {
            assert!(MAX <= FIRST_SLOTS << (PIECES - 1));
        }

        Self {
            pieces: [const { KVVec::new() }; PIECES],
            slots: 0,
            free: None,
            used: 0,
        }
    }

    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        let (piece, at) = locate(index);

        self.pieces.get(piece)?.get(at)
    }

    fn slot_mut(&mut self, index: usize) -> Option<&mut Slot<T>> {
        let (piece, at) = locate(index);

        self.pieces.get_mut(piece)?.get_mut(at)
    }

    /// How many slots to bring before one more entry fits. `None`: it fits now.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the table must not grow any more.
    pub(crate) fn spare_for(&self) -> Result<Option<usize>> {
        if self.free.is_some() {
            return Ok(None);
        }
        if self.slots >= MAX {
            return Err(ENOMEM);
        }

        let (piece, at) = locate(self.slots);

        if self
            .pieces
            .get(piece)
            .is_some_and(|piece| piece.capacity() > at)
        {
            return Ok(None);
        }
        Ok(Some(start_of(piece + 1) - start_of(piece)))
    }

    /// Takes memory that was asked for. Returns it if it is not needed any more, to be dropped when
    /// the lock is not held.
    pub(crate) fn grow(&mut self, spare: Spare<T>) -> Option<Spare<T>> {
        let (piece, at) = locate(self.slots);
        let wanted = start_of(piece + 1) - start_of(piece);

        match self.pieces.get_mut(piece) {
            Some(piece) if at == 0 && piece.capacity() == 0 && spare.0.capacity() >= wanted => {
                *piece = spare.0;
                None
            }
            // Somebody else was faster.
            _ => Some(spare),
        }
    }

    /// Puts `content` into a slot and returns its id, or gives it back if there is no room.
    pub(crate) fn insert(&mut self, content: T) -> Result<u64, T> {
        let index = match self.free {
            Some(index) => index,
            None => {
                let index = self.slots;
                let (piece, _) = locate(index);
                let slot = Slot {
                    generation: 0,
                    next_free: None,
                    content: None,
                };

                if !self
                    .pieces
                    .get_mut(piece)
                    .is_some_and(|piece| piece.push_within_capacity(slot).is_ok())
                {
                    return Err(content);
                }
                self.slots += 1;
                index
            }
        };
        let was_free = self.free.is_some();
        let Some(slot) = self.slot_mut(index) else {
            return Err(content);
        };
        let id = (u64::from(slot.generation) << 32) | (index as u64 + 1);
        let next = slot.next_free.take();

        slot.content = Some(content);
        if was_free {
            self.free = next;
        }
        self.used += 1;
        Ok(id)
    }

    /// What `id` stands for. `None` if it is nothing, or not any more.
    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        // CAST: The lower half is meant.
        let index = (id as u32).checked_sub(1)? as usize;

        self.slot(index)
            // CAST: The upper half is meant.
            .filter(|slot| slot.generation == (id >> 32) as u32)?
            .content
            .as_ref()
    }

    /// Empties slot `index` if what is in it is wanted.
    fn take(&mut self, index: usize, wanted: impl FnOnce(&Slot<T>, &T) -> bool) -> Option<T> {
        let free = self.free;
        let slot = self.slot_mut(index)?;

        if !wanted(slot, slot.content.as_ref()?) {
            return None;
        }

        let content = slot.content.take()?;

        slot.generation = slot.generation.wrapping_add(1);
        slot.next_free = free;
        self.free = Some(index);
        self.used -= 1;
        Some(content)
    }

    /// Takes out what `id` stands for. `None` if it is nothing, or not any more.
    pub(crate) fn remove(&mut self, id: u64) -> Option<T> {
        // CAST: The lower half is meant.
        let index = (id as u32).checked_sub(1)? as usize;

        // CAST: The upper half is meant.
        self.take(index, |slot, _| slot.generation == (id >> 32) as u32)
    }

    /// Takes out the next entry that is wanted, beginning with slot `from`. `None` if there is
    /// none.
    pub(crate) fn pop(&mut self, from: &mut usize, wanted: impl Fn(&T) -> bool) -> Option<T> {
        while *from < self.slots {
            let index = *from;

            *from += 1;
            if let Some(content) = self.take(index, |_, content| wanted(content)) {
                return Some(content);
            }
        }
        None
    }

    /// How many entries there are.
    #[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
    pub(crate) fn len(&self) -> usize {
        self.used
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_ids)]
mod tests {
    use super::*;
    use crate::random::Random;

    const MAX: usize = 1 << 10;

    type Table<T> = super::Table<T, MAX>;

    fn insert(table: &mut Table<u32>, content: u32) -> Result<u64> {
        if let Some(slots) = table.spare_for()? {
            drop(table.grow(Spare::new(slots)?));
        }
        table.insert(content).map_err(|_| EIO)
    }

    #[test]
    fn ids_are_not_zero_and_not_repeated() -> Result {
        let mut table = Table::new();
        let first = insert(&mut table, 1)?;

        assert_ne!(first, 0);
        assert_eq!(table.remove(first), Some(1));
        assert_eq!(table.remove(first), None);

        let second = insert(&mut table, 2)?;

        // The slot is the same one, the id is not.
        assert_eq!(first as u32, second as u32);
        assert_ne!(first, second);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.remove(second), Some(2));
        Ok(())
    }

    #[test]
    fn invented_ids_are_refused() -> Result {
        let mut table = Table::new();

        assert_eq!(table.remove(0), None);
        assert_eq!(table.remove(1), None);

        let id = insert(&mut table, 7)?;

        for wrong in [
            0,
            id + 1,
            id - 1,
            id | 1 << 32,
            u64::MAX,
            u64::from(u32::MAX),
        ] {
            assert_eq!(table.remove(wrong), None);
        }
        assert_eq!(table.len(), 1);
        assert_eq!(table.remove(id), Some(7));
        Ok(())
    }

    #[test]
    fn agrees_with_a_list() -> Result {
        let mut table = Table::new();
        let mut model: KVVec<(u64, u32)> = KVVec::new();
        let mut stale: KVVec<u64> = KVVec::new();
        let mut random = Random::new(0x1234_5678);

        for step in 0..4_000u32 {
            if random.below(5) < 3 && model.len() < 400 {
                let id = insert(&mut table, step)?;

                assert!(model.iter().all(|(known, _)| *known != id));
                model.push((id, step), GFP_KERNEL)?;
            } else if let Some(index) = random.index(model.len()) {
                let last = model.len() - 1;

                model.as_mut_slice().swap(index, last);

                let (id, content) = model.pop().ok_or(EIO)?;

                assert_eq!(table.get(id), Some(&content));
                assert_eq!(table.remove(id), Some(content));
                stale.push(id, GFP_KERNEL)?;
            }
            if let Some(index) = random.index(stale.len()) {
                assert_eq!(table.get(stale[index]), None);
                assert_eq!(table.remove(stale[index]), None);
            }
            assert_eq!(table.len(), model.len());
        }

        let mut from = 0;
        let mut left = 0;

        // Even ones first, then the rest.
        while let Some(content) = table.pop(&mut from, |content| content % 2 == 0) {
            assert_eq!(content % 2, 0);
            assert!(model.iter().any(|(_, known)| *known == content));
            left += 1;
        }
        assert_eq!(
            left,
            model.iter().filter(|(_, known)| known % 2 == 0).count()
        );
        from = 0;
        while let Some(content) = table.pop(&mut from, |_| true) {
            assert!(model.iter().any(|(_, known)| *known == content));
            left += 1;
        }
        assert_eq!(left, model.len());
        assert_eq!(table.len(), 0);
        Ok(())
    }

    #[test]
    fn slots_follow_each_other() {
        let mut next = (0, 0);

        for index in 0..100_000 {
            let (piece, at) = locate(index);

            assert_eq!((piece, at), next);
            assert_eq!(start_of(piece) + at, index);
            next = if index + 1 == start_of(piece + 1) {
                (piece + 1, 0)
            } else {
                (piece, at + 1)
            };
        }
    }

    #[test]
    fn is_bounded() -> Result {
        let mut table = Table::new();

        for content in 0..MAX {
            insert(&mut table, u32::try_from(content)?)?;
        }
        assert_eq!(insert(&mut table, 0).map_err(|e| e.to_errno()), Err(-12));
        Ok(())
    }
}
