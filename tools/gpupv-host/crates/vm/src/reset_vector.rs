// SPDX-License-Identifier: GPL-2.0
//! The one piece of firmware: what runs when a guest jumps to the reset vector.
//!
//! A Linux guest on a hardware-reduced machine does not use the reset register that ACPI names. It
//! tries EFI, and without EFI it goes back to real mode and jumps to where a BIOS starts.

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use crate::power::{RESET_PORT, RESET_VALUE};
use crate::{Error, Result};

/// F000:FFF0, in the reserved area below 1 MiB, which is backed by RAM.
const ADDRESS: u64 = 0xF_FFF0;

/// Writes the reset register, then halts for ever.
const fn code() -> [u8; 9] {
    let [low, high] = RESET_PORT.to_le_bytes();
    [
        0xBA,
        low,
        high, // mov dx, RESET_PORT
        0xB0,
        RESET_VALUE, // mov al, RESET_VALUE
        0xEE,        // out dx, al
        0xF4,        // hlt
        0xEB,
        0xFD, // jmp to hlt
    ]
}

/// Puts the code into guest memory.
///
/// # Errors
///
/// [`Error::GuestWrite`] when there is no RAM.
pub fn write(memory: &GuestMemoryMmap) -> Result<()> {
    memory
        .write_slice(&code(), GuestAddress(ADDRESS))
        .map_err(|source| Error::GuestWrite {
            what: "the reset vector",
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_names_the_reset_register_and_fits() {
        let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 2 << 20)]).unwrap();
        write(&memory).unwrap();
        let mut bytes = [0u8; 16];
        memory
            .read_slice(&mut bytes, GuestAddress(0xF_FFF0))
            .unwrap();
        assert_eq!(bytes[..7], [0xBA, 0x02, 0x06, 0xB0, 0x01, 0xEE, 0xF4]);
        // The jump leads back to the halt: its own end, less 3.
        assert_eq!(bytes[7..9], [0xEB, 3u8.wrapping_neg()]);
    }
}
