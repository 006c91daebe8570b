// SPDX-License-Identifier: GPL-2.0
//! The RAM of the machine, to tell pages that the guest has from pages that it makes up.

use std::ops::Range;

use gpupv::GuestMemory;

/// The size of a page.
const PAGE: u64 = 4096;

/// Where the RAM of a machine is.
pub(crate) struct MachineRam(Vec<Range<u64>>);

impl MachineRam {
    /// For a machine with RAM in these ranges of guest physical addresses.
    pub(crate) fn new(ranges: Vec<Range<u64>>) -> Self {
        Self(ranges)
    }
}

impl GuestMemory for MachineRam {
    fn has_page(&self, number: u64) -> bool {
        let address = number.checked_mul(PAGE);
        address.is_some_and(|address| self.0.iter().any(|range| range.contains(&address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_within_the_ranges_are_there() {
        let ram = MachineRam::new(vec![0..0x8000, 1 << 32..(1 << 32) + 0x1000]);
        let there: Vec<u64> = [0, 7, 8, 0xF_FFFF, 0x10_0000, 0x10_0001, u64::MAX]
            .into_iter()
            .filter(|&number| ram.has_page(number))
            .collect();
        assert_eq!(there, [0, 7, 0x10_0000]);
    }
}
