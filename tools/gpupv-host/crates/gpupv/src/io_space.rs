// SPDX-License-Identifier: GPL-2.0
//! The IO space: memory of the host inside the guest's address space.
//!
//! The guest says where it has room, and all of that room but its last page is backed at once: pages
//! are then given out and taken back without a word to the machine. Guests that compare strictly
//! cannot map the last page, so nothing is ever put there.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::behaviour::PageReuse;
use crate::gpu::Bytes;

/// The size of a page of the guest.
pub(crate) const PAGE: u64 = 4096;

/// Memory that host and guest see. Accesses beyond its end are a mistake of the caller.
pub trait WindowMemory: Send + Sync {
    /// Copies out.
    fn read(&self, offset: u64, into: &mut [u8]);

    /// Copies in.
    fn write(&self, offset: u64, from: &[u8]);

    /// Stores an aligned word. A guest that reads at the same time sees the old or the new one.
    fn store(&self, offset: u64, value: u64);

    /// Makes whole pages zero.
    fn clear(&self, offset: u64, len: u64);
}

/// Where in the guest's address space such memory can be.
pub trait GuestWindow: Send {
    /// Shows the guest `len` bytes of zeroed memory at `address`, until the memory is dropped.
    ///
    /// # Errors
    ///
    /// The machine has no room for it there.
    fn map(&self, address: u64, len: u64) -> io::Result<Box<dyn WindowMemory>>;
}

struct Inner {
    start: u64,
    memory: Box<dyn WindowMemory>,
    free: Mutex<FreePages>,
}

impl Inner {
    fn free(&self) -> MutexGuard<'_, FreePages> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The IO space of a guest.
#[derive(Clone)]
pub(crate) struct IoSpace {
    inner: Arc<Inner>,
}

impl IoSpace {
    /// Backs the `len` bytes at `start`, but for the last page.
    ///
    /// # Errors
    ///
    /// The machine cannot have memory there.
    pub(crate) fn new(
        window: &dyn GuestWindow,
        start: u64,
        len: u64,
        reuse: PageReuse,
    ) -> io::Result<Self> {
        let pages = (len / PAGE).saturating_sub(1);
        Ok(Self {
            inner: Arc::new(Inner {
                start,
                memory: window.map(start, pages * PAGE)?,
                free: Mutex::new(FreePages::new(pages, reuse)),
            }),
        })
    }

    /// Takes `count` pages in a row, all zero. `None` if there are no such pages.
    pub(crate) fn allocate(&self, count: u64) -> Option<IoPages> {
        let first = self.inner.free().take(count)?;
        Some(IoPages {
            inner: Arc::clone(&self.inner),
            first,
            count,
        })
    }

    /// How many pages are in use.
    pub(crate) fn used(&self) -> u64 {
        self.inner.free().used()
    }
}

/// Pages of the IO space; given back when dropped.
pub(crate) struct IoPages {
    inner: Arc<Inner>,
    first: u64,
    count: u64,
}

impl IoPages {
    /// Where the guest sees them.
    pub(crate) fn address(&self) -> u64 {
        self.inner.start + self.first * PAGE
    }

    /// Which page of the IO space the first one is.
    pub(crate) fn index(&self) -> u64 {
        self.first
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        // CAST: the window is memory of this process.
        (self.count * PAGE) as usize
    }

    /// Copies out. The bytes must be within the pages.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) {
        debug_assert!(offset + into.len() as u64 <= self.count * PAGE);
        self.inner.memory.read(self.first * PAGE + offset, into);
    }

    /// Copies in. The bytes must be within the pages.
    pub(crate) fn write(&self, offset: u64, from: &[u8]) {
        debug_assert!(offset + from.len() as u64 <= self.count * PAGE);
        self.inner.memory.write(self.first * PAGE + offset, from);
    }

    /// Stores a word at a byte offset that is a multiple of 8.
    pub(crate) fn store(&self, offset: u64, value: u64) {
        debug_assert!(offset % 8 == 0 && offset < self.count * PAGE);
        self.inner.memory.store(self.first * PAGE + offset, value);
    }
}

impl IoPages {
    /// What lies from an offset on. It must not be used longer than the pages are there.
    pub(crate) fn part(&self, offset: u64) -> IoPart {
        IoPart {
            inner: Arc::clone(&self.inner),
            offset: self.first * PAGE + offset,
        }
    }
}

/// Bytes of the IO space.
pub(crate) struct IoPart {
    inner: Arc<Inner>,
    offset: u64,
}

impl Bytes for IoPart {
    fn read(&self, into: &mut [u8]) -> bool {
        self.inner.memory.read(self.offset, into);
        true
    }

    fn write(&self, from: &[u8]) -> bool {
        self.inner.memory.write(self.offset, from);
        true
    }
}

impl Drop for IoPages {
    fn drop(&mut self) {
        // Whoever gets them next must not see what was there.
        self.inner
            .memory
            .clear(self.first * PAGE, self.count * PAGE);
        self.inner.free().give_back(self.first, self.count);
    }
}

/// Runs of pages that are free: start and length. No two of them touch.
struct FreePages {
    runs: BTreeMap<u64, u64>,
    total: u64,
    reuse: PageReuse,
    /// The page after those that were taken last.
    next: u64,
}

impl FreePages {
    fn new(pages: u64, reuse: PageReuse) -> Self {
        let mut runs = BTreeMap::new();
        if pages > 0 {
            runs.insert(0, pages);
        }
        Self {
            runs,
            total: pages,
            reuse,
            next: 0,
        }
    }

    /// Takes the first pages that are enough: of all, or, if pages are used again late, of those
    /// after the ones that were taken last, and then of all.
    fn take(&mut self, count: u64) -> Option<u64> {
        let from = match self.reuse {
            PageReuse::AsNeeded | PageReuse::AtOnce => 0,
            PageReuse::Late => self.next,
        };
        let taken = self.take_from(from, count);
        let taken = taken.or_else(|| self.take_from(0, count))?;
        self.next = taken + count;
        Some(taken)
    }

    /// Takes the first `count` pages from a page on.
    fn take_from(&mut self, from: u64, count: u64) -> Option<u64> {
        let fits = |(&start, &len): (&u64, &u64)| {
            let first = start.max(from);
            let left = (start + len).checked_sub(first)?;
            (left >= count && count > 0).then_some((start, len, first))
        };
        let (start, len, first) = self.runs.iter().find_map(fits)?;
        self.runs.remove(&start);
        if first > start {
            self.runs.insert(start, first - start);
        }
        let (end, taken) = (start + len, first + count);
        if end > taken {
            self.runs.insert(taken, end - taken);
        }
        Some(first)
    }

    fn give_back(&mut self, start: u64, count: u64) {
        let mut run = (start, count);
        if let Some((&before, &len)) = self.runs.range(..start).next_back() {
            if before + len == start {
                self.runs.remove(&before);
                run = (before, len + count);
            }
        }
        if let Some(len) = self.runs.remove(&(start + count)) {
            run.1 += len;
        }
        self.runs.insert(run.0, run.1);
    }

    fn used(&self) -> u64 {
        self.total - self.runs.values().sum::<u64>()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Memory that no guest sees.
    pub(crate) struct Private {
        pub(crate) words: Vec<AtomicU64>,
    }

    impl WindowMemory for Private {
        fn read(&self, _offset: u64, into: &mut [u8]) {
            into.fill(0);
        }

        fn write(&self, _offset: u64, _from: &[u8]) {}

        fn store(&self, offset: u64, value: u64) {
            self.words[usize::try_from(offset / 8).unwrap()].store(value, Ordering::SeqCst);
        }

        fn clear(&self, offset: u64, len: u64) {
            for word in offset / 8..(offset + len) / 8 {
                self.store(word * 8, 0);
            }
        }
    }

    /// A window of any place.
    pub(crate) struct Anywhere;

    impl GuestWindow for Anywhere {
        fn map(&self, _address: u64, len: u64) -> io::Result<Box<dyn WindowMemory>> {
            let words = (0..len / 8).map(|_| AtomicU64::new(0)).collect();
            Ok(Box::new(Private { words }))
        }
    }

    pub(crate) fn space(pages: u64) -> IoSpace {
        space_with(pages, PageReuse::default())
    }

    fn space_with(pages: u64, reuse: PageReuse) -> IoSpace {
        IoSpace::new(&Anywhere, 1 << 32, pages * PAGE, reuse).unwrap()
    }

    #[test]
    fn pages_can_be_used_again_late() {
        let space = space_with(5, PageReuse::Late);
        let index = || space.allocate(1).unwrap().index();
        assert_eq!([index(), index(), index(), index()], [0, 1, 2, 3]);
        assert_eq!(index(), 0, "all others were used");
        let held = space.allocate(2).unwrap();
        assert_eq!(held.index(), 1);
        assert_eq!([index(), index()], [3, 0]);
        assert!(space.allocate(2).is_none());
        drop(held);
        assert_eq!(space.allocate(4).unwrap().index(), 0);
        assert_eq!(space.used(), 0);
    }

    #[test]
    fn the_last_page_stays_unused() {
        let space = space(4);
        assert!(space.allocate(4).is_none());
        let all = space.allocate(3).unwrap();
        assert_eq!((all.address(), space.used()), (1 << 32, 3));
        assert!(space.allocate(1).is_none());
        drop(all);
        assert_eq!(space.used(), 0);
        assert!(space.allocate(0).is_none());
    }

    #[test]
    fn pages_are_used_again_in_one_piece() {
        let space = space(9);
        let mut pages: Vec<_> = (0..8).map(|_| space.allocate(1)).collect();
        assert!(pages.iter().all(Option::is_some) && space.allocate(1).is_none());
        for gone in [3, 5, 4] {
            pages[gone] = None;
        }
        let three = space.allocate(3).unwrap();
        assert_eq!(three.index(), 3);
        pages.clear();
        drop(three);
        assert_eq!(space.allocate(8).unwrap().index(), 0);
    }

    #[test]
    fn random_pages_never_overlap() {
        let space = space(65);
        let mut held: Vec<IoPages> = Vec::new();
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let number = state >> 33;
            if number % 3 == 0 && !held.is_empty() {
                let which = usize::try_from(number / 3).unwrap() % held.len();
                held.swap_remove(which);
            } else if let Some(pages) = space.allocate(number % 7 + 1) {
                held.push(pages);
            }
            let mut runs: Vec<_> = held.iter().map(|p| (p.first, p.count)).collect();
            runs.sort_unstable();
            assert!(runs.windows(2).all(|w| w[0].0 + w[0].1 <= w[1].0));
            assert_eq!(runs.iter().map(|r| r.1).sum::<u64>(), space.used());
        }
    }
}
