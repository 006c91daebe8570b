// SPDX-License-Identifier: GPL-2.0
//! The RAM of the machine, as the GPUs reach it: the pages that the guest has, and none that it
//! makes up.

use gpupv::GuestMemory;
use vm_memory::{Bytes, GuestAddress, GuestMemory as _, GuestMemoryMmap, GuestMemoryRegion};

/// The size of a page.
const PAGE: u64 = 4096;

/// The RAM of a machine.
pub(crate) struct MachineRam(GuestMemoryMmap);

impl MachineRam {
    /// For a machine with this RAM.
    pub(crate) fn new(memory: GuestMemoryMmap) -> Self {
        Self(memory)
    }
}

impl GuestMemory for MachineRam {
    fn page_count(&self) -> u64 {
        self.0.iter().map(|region| region.len()).sum::<u64>() / PAGE
    }

    fn has_page(&self, number: u64) -> bool {
        let address = number.checked_mul(PAGE);
        address.is_some_and(|address| self.0.address_in_range(GuestAddress(address)))
    }

    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.0.read_slice(into, GuestAddress(address)).is_ok()
    }

    fn write(&self, address: u64, from: &[u8]) -> bool {
        self.0.write_slice(from, GuestAddress(address)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> MachineRam {
        let ranges = [(GuestAddress(0), 0x8000), (GuestAddress(1 << 32), 0x1000)];
        MachineRam::new(GuestMemoryMmap::from_ranges(&ranges).unwrap())
    }

    #[test]
    fn pages_within_the_ranges_are_there() {
        let ram = ram();
        let there: Vec<u64> = [0, 7, 8, 0xF_FFFF, 0x10_0000, 0x10_0001, u64::MAX]
            .into_iter()
            .filter(|&number| ram.has_page(number))
            .collect();
        assert_eq!(there, [0, 7, 0x10_0000]);
        assert_eq!(ram.page_count(), 9);
    }

    #[test]
    fn bytes_are_where_they_were_put_and_nowhere_else() {
        let ram = ram();
        let mut bytes = [0; 4];
        assert!(ram.write((1 << 32) + 0xFFC, &[1, 2, 3, 4]));
        assert!(ram.read((1 << 32) + 0xFFC, &mut bytes));
        assert_eq!(bytes, [1, 2, 3, 4]);
        assert!(!ram.read((1 << 32) + 0xFFD, &mut bytes));
        assert!(!ram.write(0x8000, &bytes));
    }
}
