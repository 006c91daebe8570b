// SPDX-License-Identifier: GPL-2.0

//! Maps an id that was given to the host to its entry, in constant time.
//!
//! An id consists of the number of a slot, counted from 1, in its lower half and the generation of
//! the entry in its upper half. Each entry has another generation, so that an id that the host
//! repeats, has kept for too long or has made up is not taken for the entry that has the slot now.
//! Id 0 means "no entry" and is never given out.
//!
//! Generations are counted for the table as a whole, so that they continue when a part of it is
//! freed and allocated again.
//!
//! The table neither allocates nor frees memory while it is locked: its owner passes memory in
//! ([`Table::spare_for`], [`Table::grow`]) and takes it back ([`Table::shrink`]). Slots never move:
//! the table grows by pieces, each as big as all before it, so that no insertion takes longer than
//! another, however many entries there are. A walk is done in steps ([`Table::pop`],
//! [`Table::look`]), between which the lock can be released.

use kernel::prelude::*;

/// The number of slots of the first piece, and of the second.
const FIRST_SLOTS: usize = 64;

/// The maximum number of pieces.
const PIECES: usize = 16;

/// The maximum number of slots that are examined in one step.
const STEP_SLOTS: usize = 64;

struct Slot<T> {
    /// The generation of the entry; meaningless if the slot is empty.
    generation: u32,
    /// The next empty slot of the piece, if this slot is empty.
    next_free: Option<usize>,
    content: Option<T>,
}

/// A block of consecutive slots.
struct Piece<T> {
    slots: KVVec<Slot<T>>,
    /// The first slot of the list of slots that were emptied.
    free: Option<usize>,
    used: usize,
}

impl<T> Piece<T> {
    const EMPTY: Self = Self {
        slots: KVVec::new(),
        free: None,
        used: 0,
    };
}

/// A table of at most `MAX` entries.
pub(crate) struct Table<T, const MAX: usize> {
    pieces: [Piece<T>; PIECES],
    /// The number of pieces that have memory, which are the first ones.
    count: usize,
    /// The first piece that may have an empty slot.
    lowest: usize,
    /// The generation of the next entry.
    generation: u32,
    used: usize,
}

/// Memory for a table, allocated and freed without holding its lock.
pub(crate) struct Spare<T>(KVVec<Slot<T>>);

impl<T> Spare<T> {
    /// Allocates memory for `slots` slots, charged to the memory cgroup of the current task.
    pub(crate) fn new(slots: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(slots, GFP_KERNEL_ACCOUNT)?))
    }
}

/// The result of a step of a walk through a table.
pub(crate) enum Step<T> {
    /// A matching entry.
    Found(T),
    /// No matching entry yet; there are more slots to examine.
    More,
    /// No matching entry, and no more slots.
    End,
}

/// Returns the number of slots before `piece`.
fn start_of(piece: usize) -> usize {
    match piece {
        0 => 0,
        _ => FIRST_SLOTS << (piece - 1),
    }
}

/// Returns the number of slots of `piece`.
fn length_of(piece: usize) -> usize {
    start_of(piece + 1) - start_of(piece)
}

/// Returns the piece that slot `index` is in, and its index there.
fn locate(index: usize) -> (usize, usize) {
    // CAST: A logarithm.
    let piece = (index / FIRST_SLOTS)
        .checked_ilog2()
        .map_or(0, |log| log as usize + 1);

    (piece, index - start_of(piece))
}

impl<T, const MAX: usize> Table<T, MAX> {
    /// Creates an empty table.
    pub(crate) const fn new() -> Self {
        const {
            assert!(MAX <= FIRST_SLOTS << (PIECES - 1));
        }

        Self {
            pieces: [const { Piece::EMPTY }; PIECES],
            count: 0,
            lowest: 0,
            generation: 0,
            used: 0,
        }
    }

    fn slot(&self, index: usize) -> Option<&Slot<T>> {
        let (piece, at) = locate(index);

        self.pieces.get(piece)?.slots.get(at)
    }

    /// Returns the first piece with an empty slot, if there is one.
    fn with_room(&mut self) -> Option<usize> {
        let found = (self.lowest..self.count).find(|&number| {
            self.pieces
                .get(number)
                .is_some_and(|piece| piece.free.is_some() || piece.slots.len() < length_of(number))
        });

        self.lowest = found.unwrap_or(self.count);
        found
    }

    /// Returns the number of slots to add before one more entry fits and leaves `reserve` slots
    /// empty. `None`: it fits now.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if the table must not grow further.
    pub(crate) fn spare_for(&self, reserve: usize) -> Result<Option<usize>> {
        if self.used + reserve >= MAX {
            return Err(ENOMEM);
        }
        if self.used + reserve < self.slots() {
            return Ok(None);
        }
        Ok(Some(length_of(self.count)))
    }

    /// Returns the number of slots that the table has memory for.
    fn slots(&self) -> usize {
        match self.count {
            0 => 0,
            count => start_of(count),
        }
    }

    /// Adds memory whose size [`Self::spare_for`] has returned. Returns it if it is no longer
    /// needed; the caller must drop it after releasing the lock.
    pub(crate) fn grow(&mut self, spare: Spare<T>) -> Option<Spare<T>> {
        let wanted = length_of(self.count);

        match self.pieces.get_mut(self.count) {
            Some(piece) if spare.0.capacity() >= wanted => {
                piece.slots = spare.0;
                self.count += 1;
                None
            }
            // Another thread has grown the table first.
            _ => Some(spare),
        }
    }

    /// Returns memory that is no longer needed: the last piece, if it is empty and the rest has
    /// slots for twice as many entries as there are. `None` otherwise. The caller must drop it
    /// after releasing the lock.
    pub(crate) fn shrink(&mut self) -> Option<Spare<T>> {
        let last = self.count.checked_sub(1).filter(|last| *last > 0)?;
        let piece = self.pieces.get_mut(last)?;

        if piece.used > 0 || self.used > start_of(last) / 2 {
            return None;
        }
        self.count = last;
        Some(Spare(core::mem::replace(piece, Piece::EMPTY).slots))
    }

    /// Inserts `content` and returns its id, or returns `content` if there is no empty slot.
    pub(crate) fn insert(&mut self, content: T) -> Result<u64, T> {
        let Some(number) = self.with_room() else {
            return Err(content);
        };
        let Some(piece) = self.pieces.get_mut(number) else {
            return Err(content);
        };
        let generation = self.generation;
        let at = match piece.free {
            Some(at) => at,
            None => {
                let slot = Slot {
                    generation,
                    next_free: None,
                    content: None,
                };

                if piece.slots.push_within_capacity(slot).is_err() {
                    return Err(content);
                }
                piece.slots.len() - 1
            }
        };
        let Some(slot) = piece.slots.get_mut(at) else {
            return Err(content);
        };

        if piece.free.is_some() {
            piece.free = slot.next_free.take();
        }
        slot.generation = generation;
        slot.content = Some(content);

        let index = start_of(number) + at;

        piece.used += 1;
        self.used += 1;
        self.generation = generation.wrapping_add(1);
        Ok((u64::from(generation) << 32) | (index as u64 + 1))
    }

    /// Returns the entry with the id `id`. `None` if it does not exist or was removed.
    pub(crate) fn get(&self, id: u64) -> Option<&T> {
        // CAST: The lower half is meant.
        let index = (id as u32).checked_sub(1)? as usize;

        self.slot(index)
            // CAST: The upper half is meant.
            .filter(|slot| slot.generation == (id >> 32) as u32)?
            .content
            .as_ref()
    }

    /// Returns the entry with the id `id`, mutably. `None` if it does not exist or was removed.
    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        // CAST: The lower half is meant.
        let (piece, at) = locate((id as u32).checked_sub(1)? as usize);

        self.pieces
            .get_mut(piece)?
            .slots
            .get_mut(at)
            // CAST: The upper half is meant.
            .filter(|slot| slot.generation == (id >> 32) as u32)?
            .content
            .as_mut()
    }

    /// Removes the entry of slot `index` if `wanted` returns `true`.
    fn take(&mut self, index: usize, wanted: impl FnOnce(&Slot<T>, &T) -> bool) -> Option<T> {
        let (number, at) = locate(index);
        let piece = self.pieces.get_mut(number)?;
        let slot = piece.slots.get_mut(at)?;

        if !wanted(slot, slot.content.as_ref()?) {
            return None;
        }

        let content = slot.content.take()?;

        slot.next_free = piece.free.replace(at);
        piece.used -= 1;
        self.used -= 1;
        self.lowest = self.lowest.min(number);
        Some(content)
    }

    /// Removes and returns the entry with the id `id`. `None` if it does not exist or was removed.
    pub(crate) fn remove(&mut self, id: u64) -> Option<T> {
        // CAST: The lower half is meant.
        let index = (id as u32).checked_sub(1)? as usize;

        // CAST: The upper half is meant.
        self.take(index, |slot, _| slot.generation == (id >> 32) as u32)
    }

    /// Examines some slots from `from` on, advances `from` past them, and finds the first entry for
    /// which `wanted` returns `true`.
    fn seek(&self, from: &mut usize, wanted: impl Fn(&T) -> bool) -> Step<usize> {
        for _ in 0..STEP_SLOTS {
            let index = *from;
            let (number, at) = locate(index);
            let Some(piece) = self.pieces.get(number).filter(|_| number < self.count) else {
                return Step::End;
            };

            // Slots from `slots.len()` on were never used, and a piece without entries is skipped.
            if piece.used == 0 || at >= piece.slots.len() {
                *from = start_of(number + 1);
                continue;
            }
            *from += 1;
            if self.content_of(index).is_some_and(&wanted) {
                return Step::Found(index);
            }
        }
        Step::More
    }

    fn content_of(&self, index: usize) -> Option<&T> {
        self.slot(index)?.content.as_ref()
    }

    /// Takes a [step](Self::seek) to the next entry that `wanted` selects, and removes it.
    pub(crate) fn pop(&mut self, from: &mut usize, wanted: impl Fn(&T) -> bool) -> Step<T> {
        match self.seek(from, wanted) {
            Step::Found(index) => self
                .take(index, |_, _| true)
                .map_or(Step::More, Step::Found),
            Step::More => Step::More,
            Step::End => Step::End,
        }
    }

    /// Takes a [step](Self::seek) to the next entry, and returns what `look` returns for it.
    pub(crate) fn look<R>(&self, from: &mut usize, look: impl FnOnce(&T) -> R) -> Step<R> {
        match self.seek(from, |_| true) {
            Step::Found(index) => self
                .content_of(index)
                .map_or(Step::More, |content| Step::Found(look(content))),
            Step::More => Step::More,
            Step::End => Step::End,
        }
    }

    /// Returns the number of entries.
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
        if let Some(slots) = table.spare_for(0)? {
            drop(table.grow(Spare::new(slots)?));
        }
        table.insert(content).map_err(|_| EIO)
    }

    fn pop_all(table: &mut Table<u32>, wanted: impl Fn(&u32) -> bool) -> Result<KVVec<u32>> {
        let mut all = KVVec::new();
        let mut from = 0;

        loop {
            match table.pop(&mut from, &wanted) {
                Step::Found(content) => all.push(content, GFP_KERNEL)?,
                Step::More => {}
                Step::End => return Ok(all),
            }
        }
    }

    /// Frees all memory that is not needed.
    fn shrink(table: &mut Table<u32>) {
        while table.shrink().is_some() {}
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

        let mut left = 0;

        // Even ones first, then the rest.
        for content in pop_all(&mut table, |content| content % 2 == 0)?.iter() {
            assert_eq!(content % 2, 0);
            assert!(model.iter().any(|(_, known)| known == content));
            left += 1;
        }
        assert_eq!(
            left,
            model.iter().filter(|(_, known)| known % 2 == 0).count()
        );
        for content in pop_all(&mut table, |_| true)?.iter() {
            assert!(model.iter().any(|(_, known)| known == content));
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
    fn shrinks_when_it_is_empty() -> Result {
        let mut table = Table::new();
        let mut ids = KVVec::new();

        for content in 0..1000 {
            ids.push(insert(&mut table, content)?, GFP_KERNEL)?;
        }
        shrink(&mut table);
        assert_eq!(table.slots(), 1024);
        // The pieces of the last entries stay.
        for id in &ids[..900] {
            table.remove(*id).ok_or(EIO)?;
        }
        shrink(&mut table);
        assert_eq!(table.slots(), 1024);
        for id in &ids[900..] {
            table.remove(*id).ok_or(EIO)?;
        }
        shrink(&mut table);
        assert_eq!(table.slots(), FIRST_SLOTS);

        // Ids given out before find no entry in the new pieces.
        for content in 0..1000 {
            insert(&mut table, content)?;
        }
        for id in &ids {
            assert_eq!(table.remove(*id), None);
        }
        assert_eq!(table.len(), 1000);
        Ok(())
    }

    /// Adding and removing one entry does not allocate and free memory each time.
    #[test]
    fn shrinks_late() -> Result {
        let mut table = Table::new();
        let mut ids = KVVec::new();

        for content in 0..513 {
            ids.push(insert(&mut table, content)?, GFP_KERNEL)?;
        }
        assert_eq!(table.slots(), 1024);
        while let Some(id) = ids.pop() {
            table.remove(id).ok_or(EIO)?;
            shrink(&mut table);
            assert!(table.slots() >= FIRST_SLOTS.max(2 * table.len()));
            assert!((table.slots() == 1024) == (table.len() > 256));
            if ids.len() < 256 {
                return Ok(());
            }
        }
        Err(EIO)
    }

    /// A step examines few slots, however many entries there were.
    #[test]
    fn steps_are_bounded() -> Result {
        let mut table = Table::new();
        let mut ids = KVVec::new();
        let (mut from, mut steps) = (0, 0);

        for content in 0..1000 {
            ids.push(insert(&mut table, content)?, GFP_KERNEL)?;
        }
        for id in &ids[..999] {
            table.remove(*id).ok_or(EIO)?;
        }
        let found = loop {
            match table.pop(&mut from, |_| true) {
                Step::Found(content) => break content,
                Step::More => steps += 1,
                Step::End => return Err(EIO),
            }
        };
        assert_eq!(found, 999);
        // Pieces without entries are skipped.
        assert_eq!(steps, (999 - 512) / STEP_SLOTS);
        assert!(matches!(table.pop(&mut from, |_| true), Step::End));
        Ok(())
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
