// SPDX-License-Identifier: GPL-2.0
//! How long work takes.

use std::time::Duration;

/// The shortest and the longest work, in microseconds.
const SHORTEST: u64 = 50;
const LONGEST: u64 = 1_000;

/// A source of numbers that are the same for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    /// How long the next work takes.
    pub(super) fn duration(&mut self) -> Duration {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        Duration::from_micros(SHORTEST + number % (LONGEST - SHORTEST + 1))
    }
}
