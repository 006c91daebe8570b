// SPDX-License-Identifier: GPL-2.0

//! Pseudo-random numbers for tests: the same sequence in every run, so that a failure can be
//! reproduced.

/// A generator (xorshift, 64 bits).
pub(crate) struct Random(u64);

impl Random {
    /// Makes a generator with `seed`, which must not be 0.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number below `limit`, which must not be 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Returns an index into a sequence of length `length`; `None` if it is empty.
    pub(crate) fn index(&mut self, length: usize) -> Option<usize> {
        (length > 0).then(|| (self.next() % length.max(1) as u64) as usize)
    }
}
