// SPDX-License-Identifier: GPL-2.0

//! Memory that the GPU sees, too.

#![expect(unsafe_code, reason = "the memory is not Rust's")]

use std::{
    alloc::{alloc_zeroed, dealloc, Layout},
    ptr::NonNull,
};

/// The size of a page.
pub const PAGE: usize = 4096;

/// Memory that others change at any time: of the driver's, or of the program's own and lent to it.
///
/// It is read and written in words and never borrowed, so that no change surprises the compiler.
///
/// # Invariants
///
/// `words` points to `len` words, which are initialised and may be accessed for as long as `self`
/// lives. If `own` is set they are an allocation of `Mapping::layout`.
pub struct Mapping {
    words: NonNull<u32>,
    len: usize,
    own: bool,
}

// SAFETY: a mapping is not bound to a thread.
unsafe impl Send for Mapping {}
// SAFETY: all accesses are volatile accesses of words, which are as good as those of other CPUs and
// GPUs that change the memory anyway. Torn words cannot be, and any bits are a `u32`.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Memory of the program's own: so many bytes of zeros from the start of a page on. `None` if there
    /// is none, or if these are no pages.
    pub fn allocate(bytes: usize) -> Option<Self> {
        let layout = Self::layout(bytes)?;
        // SAFETY: the layout is not empty.
        let words = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // INVARIANT: the allocation has these words, and zeros are words.
        Some(Self {
            words: words.cast(),
            len: bytes / 4,
            own: true,
        })
    }

    /// Memory of the driver's. `None` for no address, or one that is not that of a word.
    ///
    /// # Safety
    ///
    /// So many bytes are mapped there, to be read and written, until the mapping is dropped.
    pub(crate) unsafe fn of_driver(address: u64, bytes: usize) -> Option<Self> {
        let words = NonNull::new(address as *mut u32).filter(|words| words.is_aligned())?;
        // INVARIANT: the caller's word.
        Some(Self {
            words,
            len: bytes / 4,
            own: false,
        })
    }

    fn layout(bytes: usize) -> Option<Layout> {
        let layout = Layout::from_size_align(bytes, PAGE).ok()?;
        (bytes > 0 && bytes % PAGE == 0).then_some(layout)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> u64 {
        self.words.as_ptr() as u64
    }

    /// How many words it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Reads words, as many as there are.
    ///
    /// # Panics
    ///
    /// They are not within the memory.
    pub fn read(&self, first: usize, into: &mut [u32]) {
        self.check(first, into.len());
        for (at, word) in (first..).zip(into) {
            // SAFETY: the word is within the memory, which is there (invariant).
            *word = unsafe { self.words.as_ptr().add(at).read_volatile() };
        }
    }

    /// Writes words.
    ///
    /// # Panics
    ///
    /// They are not within the memory.
    pub fn write(&self, first: usize, from: &[u32]) {
        self.check(first, from.len());
        for (at, word) in (first..).zip(from) {
            // SAFETY: the word is within the memory, which is there (invariant).
            unsafe { self.words.as_ptr().add(at).write_volatile(*word) };
        }
    }

    /// Reads a 64-bit number at the start, all at once.
    ///
    /// # Panics
    ///
    /// It is not within the memory, or not aligned.
    pub fn value(&self) -> u64 {
        self.check(0, 2);
        let value = self.words.cast::<u64>();
        assert!(value.is_aligned());
        // SAFETY: the number is within the memory, which is there (invariant), and aligned.
        unsafe { value.as_ptr().read_volatile() }
    }

    fn check(&self, first: usize, count: usize) {
        let end = first.checked_add(count);
        assert!(
            end.is_some_and(|end| end <= self.len),
            "{count} words from {first} on, of {}",
            self.len
        );
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let (true, Some(layout)) = (self.own, Self::layout(self.len * 4)) {
            // SAFETY: memory of our own was allocated with this layout (invariant).
            unsafe { dealloc(self.words.as_ptr().cast(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_where_they_were_put() {
        let memory = Mapping::allocate(2 * PAGE).unwrap();
        assert_eq!((memory.len(), memory.address() % 4096), (2048, 0));
        memory.write(2046, &[7, 8]);
        let mut words = [1; 3];
        memory.read(2045, &mut words);
        assert_eq!((words, memory.value()), ([0, 7, 8], 0));
        memory.write(0, &[1, 2]);
        assert_eq!(memory.value(), (2 << 32) | 1);
    }

    #[test]
    fn only_whole_pages() {
        for bytes in [0, 1, PAGE + 4, usize::MAX - PAGE + 1] {
            assert!(Mapping::allocate(bytes).is_none(), "{bytes}");
        }
    }

    #[test]
    #[should_panic(expected = "2 words from 1023 on, of 1024")]
    fn what_is_beyond_is_not_read() {
        let memory = Mapping::allocate(PAGE).unwrap();
        memory.read(1023, &mut [0; 2]);
    }
}
