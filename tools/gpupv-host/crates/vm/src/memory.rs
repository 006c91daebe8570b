// SPDX-License-Identifier: GPL-2.0
//! The guest's physical address space: where RAM and the windows lie.

use std::ops::Range;

use vm_memory::{GuestAddress, GuestMemoryMmap};

use crate::{Error, Result};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The first address after the RAM that lies below 4 GiB. From here on: PCI window, IOAPIC, LAPIC.
pub const LOW_RAM_END: u64 = 3 * GIB;
/// Where RAM goes on above the hole.
pub const HIGH_RAM_START: u64 = 4 * GIB;
/// End of the conventional memory that the guest is told about.
pub const CONVENTIONAL_END: u64 = 0x9_FC00;
/// Where extended memory begins. Between the two lies what the kernel reserves by itself.
pub const EXTENDED_START: u64 = MIB;
/// A part of the conventional memory that the guest is not told about, although there is RAM: what
/// it puts there reaches the host at once, and nothing else of the guest lies there.
pub const TRANSFER_BUFFER: Range<u64> = 0x8_0000..0x9_0000;
/// The window for PCI devices with memory.
pub const PCI_WINDOW: Range<u64> = 0xC000_0000..0xE000_0000;

/// Where the VMBus window lies when the address space is large enough.
const WINDOW_PREFERRED: u64 = 64 * GIB;
const MIN_RAM: u64 = 64 * MIB;

/// Where everything lies in the guest's physical address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    ram: u64,
    window: Range<u64>,
}

impl Layout {
    /// Plans a machine with `ram` bytes of RAM and a VMBus window of `window` bytes for a CPU with
    /// `address_bits` bits of physical address.
    ///
    /// # Errors
    ///
    /// [`Error::Layout`] when it does not fit.
    pub fn new(ram: u64, window: u64, address_bits: u32) -> Result<Self> {
        if ram < MIN_RAM || ram % (2 * MIB) != 0 {
            return Err(Error::Layout(format!(
                "guest memory must be a multiple of 2 MiB and at least {} MiB, not {ram} bytes",
                MIN_RAM / MIB
            )));
        }
        let limit = 1u64 << address_bits.clamp(32, 52);
        let high = ram.saturating_sub(LOW_RAM_END);
        let ram_end = HIGH_RAM_START + high;
        let window = window.next_multiple_of(2 * MIB);
        // Prefer a fixed place, so that logs of different guests compare; leave it when RAM reaches
        // it or when the CPU cannot address it.
        let base = [WINDOW_PREFERRED, ram_end.next_multiple_of(GIB)]
            .into_iter()
            .find(|base| *base >= ram_end && base.saturating_add(window) <= limit)
            .ok_or_else(|| {
                Error::Layout(format!(
                    "{} MiB of RAM and a window of {} MiB do not fit into {address_bits} address bits",
                    ram / MIB,
                    window / MIB
                ))
            })?;
        Ok(Self {
            ram,
            window: base..base + window,
        })
    }

    /// The VMBus window: guest physical addresses that hold no RAM and are free for devices.
    pub fn window(&self) -> Range<u64> {
        self.window.clone()
    }

    /// The end of the RAM below 4 GiB.
    pub fn low_end(&self) -> u64 {
        self.ram.min(LOW_RAM_END)
    }

    /// The ranges backed by RAM, including what the memory map does not tell the guest.
    pub fn ram_ranges(&self) -> Vec<Range<u64>> {
        let low = 0..self.low_end();
        let high = HIGH_RAM_START..HIGH_RAM_START + self.ram.saturating_sub(LOW_RAM_END);
        [low, high]
            .into_iter()
            .filter(|range| !range.is_empty())
            .collect()
    }

    /// The ranges that the guest may use as RAM: the memory map.
    pub fn usable_ranges(&self) -> Vec<Range<u64>> {
        let mut ranges = vec![
            0..TRANSFER_BUFFER.start,
            TRANSFER_BUFFER.end..CONVENTIONAL_END,
            EXTENDED_START..self.low_end(),
        ];
        ranges.extend(self.ram_ranges().into_iter().skip(1));
        ranges
    }

    /// Allocates the RAM.
    ///
    /// # Errors
    ///
    /// [`Error::Memory`] when the host refuses.
    pub fn allocate(&self) -> Result<GuestMemoryMmap> {
        let ranges: Vec<_> = self
            .ram_ranges()
            .into_iter()
            // CAST: usize is 64 bits wide on every host with KVM for x86-64.
            .map(|range| {
                (
                    GuestAddress(range.start),
                    (range.end - range.start) as usize,
                )
            })
            .collect();
        GuestMemoryMmap::from_ranges(&ranges).map_err(|error| Error::Memory(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(layout: &Layout) -> Vec<(u64, u64)> {
        let ranges = layout.ram_ranges().into_iter();
        ranges.map(|range| (range.start, range.end)).collect()
    }

    #[test]
    fn small_machine_has_one_range() {
        let layout = Layout::new(512 * MIB, 256 * MIB, 40).unwrap();
        assert_eq!(bounds(&layout), [(0, 512 * MIB)]);
        assert_eq!(
            layout.usable_ranges(),
            [0..0x8_0000, 0x9_0000..0x9_FC00, MIB..512 * MIB]
        );
        assert_eq!(layout.window(), 64 * GIB..64 * GIB + 256 * MIB);
    }

    #[test]
    fn large_machine_is_split_at_3_gib() {
        let layout = Layout::new(5 * GIB, 256 * MIB, 40).unwrap();
        assert_eq!(layout.ram_ranges(), [0..3 * GIB, 4 * GIB..6 * GIB]);
        assert_eq!(layout.usable_ranges()[3], 4 * GIB..6 * GIB);
    }

    #[test]
    fn exactly_3_gib_has_no_high_range() {
        let layout = Layout::new(3 * GIB, MIB, 40).unwrap();
        assert_eq!(bounds(&layout), [(0, 3 * GIB)]);
    }

    #[test]
    fn window_moves_when_the_preferred_place_is_taken_or_out_of_reach() {
        assert_eq!(
            Layout::new(2 * GIB, MIB, 36).unwrap().window().start,
            4 * GIB
        );
        let layout = Layout::new(100 * GIB, MIB, 40).unwrap();
        assert_eq!(layout.window().start, 101 * GIB);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Layout::new(63 * MIB, MIB, 40).is_err());
        assert!(Layout::new(65 * MIB, MIB, 40).is_err());
        assert!(Layout::new(64 * GIB, MIB, 36).is_err());
        assert!(Layout::new(GIB, 1 << 50, 40).is_err());
    }
}
