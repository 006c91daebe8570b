// SPDX-License-Identifier: GPL-2.0

//! Random numbers for tests: the same ones in every run, so that a failure can be repeated.

/// A generator (xorshift, 64 bit).
pub(crate) struct Random(u64);

impl Random {
    /// Starts from `seed`, which must not be 0.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`, which must not be 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// An index into something of length `length`; `None` if it is empty.
    pub(crate) fn index(&mut self, length: usize) -> Option<usize> {
        (length > 0).then(|| (self.next() % length.max(1) as u64) as usize)
    }
}
