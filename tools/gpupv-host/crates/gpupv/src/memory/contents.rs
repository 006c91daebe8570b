// SPDX-License-Identifier: GPL-2.0
//! What the CPU of the guest sees of memory: pages of the IO space while it is locked, and longer, as
//! long as nobody needs the room.

use super::{Memories, Memory, MemoryId};
use crate::io_space::{IoPages, IoSpace, PAGE};

/// How many bytes are kept out of the guest's sight at most: a guest that locks one allocation after
/// the other must not fill our memory.
const HIDDEN_MAX: u64 = 1 << 30;

/// Memory that cannot be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockError {
    /// There is no such memory of the host's.
    NotOurs,
    /// The IO space is full.
    NoRoom,
}

/// Where the bytes are.
#[derive(Default)]
pub(super) enum Place {
    /// Nobody has seen them yet: they are zero.
    #[default]
    Nowhere,
    /// In the IO space.
    Shown(IoPages),
    /// Out of the guest's sight.
    Hidden(Vec<u8>),
}

/// The bytes of memory.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) place: Place,
    locks: u64,
    last_unlocked: u64,
}

impl Contents {
    /// Forgets the bytes; not while somebody looks at them.
    pub(super) fn discard(&mut self) {
        if self.locks == 0 {
            self.place = Place::Nowhere;
        }
    }

    /// Whether the guest looks at them.
    pub(super) fn is_locked(&self) -> bool {
        self.locks > 0
    }

    /// How many bytes are out of the guest's sight.
    fn hidden(&self) -> u64 {
        match &self.place {
            Place::Hidden(bytes) => bytes.len() as u64,
            Place::Nowhere | Place::Shown(_) => 0,
        }
    }

    /// Moves the bytes out of the IO space.
    fn hide(&mut self) {
        if let Place::Shown(pages) = &self.place {
            let mut bytes = vec![0; pages.len()];
            pages.read(0, &mut bytes);
            self.place = Place::Hidden(bytes);
        }
    }
}

impl Memories {
    /// Shows memory to the guest. Returns where.
    ///
    /// # Errors
    ///
    /// See [`LockError`].
    pub(crate) fn lock(&mut self, id: MemoryId, space: &IoSpace) -> Result<u64, LockError> {
        let memory = self.all.get(&id).filter(|memory| memory.guest.is_none());
        let memory = memory.ok_or(LockError::NotOurs)?;
        if !matches!(memory.contents.place, Place::Shown(_)) {
            let count = memory.info.size / PAGE;
            let pages = self.find_pages(space, count).ok_or(LockError::NoRoom)?;
            self.show(id, pages);
        }
        let contents = &mut self.get_mut(id).ok_or(LockError::NotOurs)?.contents;
        let Place::Shown(pages) = &contents.place else {
            return Err(LockError::NotOurs);
        };
        contents.locks += 1;
        Ok(pages.address())
    }

    /// The guest no longer looks at memory.
    pub(crate) fn unlock(&mut self, id: MemoryId) {
        self.clock += 1;
        let now = self.clock;
        if let Some(memory) = self.all.get_mut(&id) {
            memory.contents.locks = memory.contents.locks.saturating_sub(1);
            memory.contents.last_unlocked = now;
        }
    }

    /// Takes memory that the guest no longer looks at out of the IO space, if there is room for it
    /// elsewhere.
    pub(crate) fn hide_unlocked(&mut self, id: MemoryId) {
        let hidden = self.hidden();
        let fits = |memory: &Memory| {
            let contents = &memory.contents;
            !contents.is_locked()
                && matches!(contents.place, Place::Shown(_))
                && hidden + memory.info.size <= HIDDEN_MAX
        };
        if self.get(id).is_some_and(fits) {
            self.gates.wait();
            if let Some(memory) = self.get_mut(id) {
                memory.contents.hide();
            }
        }
    }

    /// How many bytes are out of the guest's sight.
    fn hidden(&self) -> u64 {
        let contents = self.all.values().map(|memory| &memory.contents);
        contents.map(Contents::hidden).sum()
    }

    /// Puts the bytes of memory into pages.
    fn show(&mut self, id: MemoryId, pages: IoPages) {
        let Some(memory) = self.all.get_mut(&id) else {
            return;
        };
        if let Place::Hidden(bytes) = &memory.contents.place {
            pages.write(0, bytes);
        }
        memory.contents.place = Place::Shown(pages);
    }

    /// Finds pages, and hides what is not locked until there are enough: the longest unused first.
    fn find_pages(&mut self, space: &IoSpace, count: u64) -> Option<IoPages> {
        let mut hidden = self.hidden();
        loop {
            if let Some(pages) = space.allocate(count) {
                return Some(pages);
            }
            let unlocked = self.all.values_mut().filter(|memory| {
                memory.contents.locks == 0 && matches!(memory.contents.place, Place::Shown(_))
            });
            let oldest = unlocked.min_by_key(|memory| memory.contents.last_unlocked)?;
            hidden += oldest.info.size;
            if hidden > HIDDEN_MAX {
                return None;
            }
            self.gates.wait();
            oldest.contents.hide();
        }
    }
}
