// SPDX-License-Identifier: GPL-2.0
//! Event flags: one bit per channel, set by the host, cleared by the guest.

use std::sync::atomic::{AtomicU64, Ordering};

use vm_memory::{Address, GuestAddress, GuestMemory as _, GuestMemoryMmap, VolatileMemory};

pub(super) const FLAGS_PER_SINT: u32 = 2048;

const AREA: u64 = 256;
const WORD_BITS: u32 = 64;

/// Sets `flag` of `sint` in the page at `page`. Returns whether it was clear, and so whether the guest
/// needs an interrupt: for a flag that was set, one is on its way.
pub(super) fn raise(memory: &GuestMemoryMmap, page: GuestAddress, sint: u32, flag: u32) -> bool {
    if flag >= FLAGS_PER_SINT {
        return false;
    }
    let offset = u64::from(sint) * AREA + u64::from(flag / WORD_BITS) * 8;
    let Some(address) = page.checked_add(offset) else {
        return false;
    };
    let bit = 1u64 << (flag % WORD_BITS);
    let Ok(word) = memory.get_slice(address, size_of::<u64>()) else {
        return false;
    };
    // The guest clears bits of the same word at the same time.
    match word.get_atomic_ref::<AtomicU64>(0) {
        Ok(word) => word.fetch_or(bit, Ordering::SeqCst) & bit == 0,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use vm_memory::Bytes;

    use super::*;

    const PAGE: GuestAddress = GuestAddress(0x1000);

    fn memory() -> GuestMemoryMmap {
        GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x2000)]).unwrap()
    }

    #[test]
    fn a_flag_is_the_bit_of_its_number_and_interrupts_once() {
        let memory = memory();
        for (flag, byte, bit) in [(1, 0, 1), (63, 7, 7), (64, 8, 0), (2047, 255, 7)] {
            assert!(raise(&memory, PAGE, 2, flag));
            assert!(!raise(&memory, PAGE, 2, flag));
            let value: u8 = memory.read_obj(GuestAddress(0x1200 + byte)).unwrap();
            assert_ne!(value & (1 << bit), 0, "flag {flag}");
        }
    }

    #[test]
    fn other_flags_and_other_sources_are_left_alone() {
        let memory = memory();
        raise(&memory, PAGE, 2, 3);
        raise(&memory, PAGE, 2, 4);
        let mut page = [0u8; 4096];
        memory.read_slice(&mut page, PAGE).unwrap();
        assert_eq!(page[0x200], 0b1_1000);
        assert_eq!(page.iter().filter(|byte| **byte != 0).count(), 1);
        assert!(!raise(&memory, PAGE, 2, 2048));
    }
}
