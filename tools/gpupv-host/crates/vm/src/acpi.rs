// SPDX-License-Identifier: GPL-2.0
//! ACPI tables of a hardware-reduced machine.
//!
//! The tables are written by hand because the published encoder crates need a newer compiler than
//! the one this workspace is built with.

mod aml;
mod dsdt;
mod tables;

use std::ops::Range;

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use crate::{Error, Result};

/// Where the tables lie: in the reserved area below 1 MiB, which is backed by RAM.
const BASE: u64 = 0xE_0000;
const LIMIT: u64 = 0x10_0000;

/// What the tables describe.
#[derive(Clone, Debug)]
pub struct Machine {
    /// How many virtual CPUs there are. Their APIC ids are 0, 1, 2 and so on.
    pub cpus: u8,
    /// The VMBus window.
    pub window: Range<u64>,
}

/// Writes the tables to guest memory and returns the address of the root pointer.
///
/// # Errors
///
/// [`Error::GuestWrite`] when there is no RAM at their place, [`Error::Layout`] when they are too
/// large for it.
pub fn write(memory: &GuestMemoryMmap, machine: &Machine) -> Result<u64> {
    let image = build(machine);
    if BASE + image.len() as u64 > LIMIT {
        return Err(Error::Layout("the ACPI tables are too large".into()));
    }
    memory
        .write_slice(&image, GuestAddress(BASE))
        .map_err(|source| Error::GuestWrite {
            what: "the ACPI tables",
            source,
        })?;
    Ok(BASE)
}

/// All tables as they lie in memory from [`BASE`] on, the root pointer first.
fn build(machine: &Machine) -> Vec<u8> {
    let mut image = vec![0; tables::RSDP_SIZE];
    let mut place = |table: Vec<u8>| {
        image.resize(image.len().next_multiple_of(16), 0);
        let address = BASE + image.len() as u64;
        image.extend(table);
        address
    };
    let dsdt = place(tables::dsdt(dsdt::definition_block(machine)));
    let fadt = place(tables::fadt(dsdt));
    let madt = place(tables::madt(machine.cpus));
    let xsdt = place(tables::xsdt(&[fadt, madt]));
    image[..tables::RSDP_SIZE].copy_from_slice(&tables::rsdp(xsdt));
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Vec<u8> {
        build(&Machine {
            cpus: 3,
            window: 0x10_0000_0000..0x10_1000_0000,
        })
    }

    fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    fn table(image: &[u8], address: u64) -> &[u8] {
        let start = (address - BASE) as usize;
        let length = u32::from_le_bytes(image[start + 4..start + 8].try_into().unwrap()) as usize;
        &image[start..start + length]
    }

    fn sum(bytes: &[u8]) -> u8 {
        bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
    }

    #[test]
    fn every_table_is_reachable_and_sums_to_zero() {
        let image = image();
        assert_eq!(&image[..8], b"RSD PTR ");
        assert_eq!(sum(&image[..20]), 0);
        assert_eq!(sum(&image[..36]), 0);

        let xsdt = table(&image, u64_at(&image, 24));
        assert_eq!(&xsdt[..4], b"XSDT");
        assert_eq!(sum(xsdt), 0);
        assert_eq!(xsdt.len(), 36 + 2 * 8);

        let signatures: Vec<_> = xsdt[36..]
            .chunks(8)
            .map(|entry| {
                let table = table(&image, u64_at(entry, 0));
                assert_eq!(sum(table), 0);
                table[..4].to_vec()
            })
            .collect();
        assert_eq!(signatures, [b"FACP".to_vec(), b"APIC".to_vec()]);

        let fadt = table(&image, u64_at(xsdt, 36));
        let dsdt = table(&image, u64_at(fadt, 140));
        assert_eq!(&dsdt[..4], b"DSDT");
        assert_eq!(sum(dsdt), 0);
    }

    #[test]
    fn fadt_describes_a_hardware_reduced_machine() {
        let fadt = tables::fadt(0x1234);
        assert_eq!(fadt.len(), 276);
        assert_eq!(fadt[8], 6, "revision");
        let flags = u32::from_le_bytes(fadt[112..116].try_into().unwrap());
        assert_eq!(flags, (1 << 20) | (1 << 10) | 1);
        assert_eq!(
            u16::from_le_bytes(fadt[109..111].try_into().unwrap()),
            (1 << 2) | (1 << 5)
        );
        // Generic addresses: space 1 (I/O), 8 bits wide.
        for (at, port) in [(116, 0x602u64), (244, 0x600), (256, 0x601)] {
            assert_eq!(fadt[at..at + 2], [1, 8]);
            assert_eq!(u64_at(&fadt, at + 4), port);
        }
        assert_eq!(fadt[128], 1, "reset value");
    }

    #[test]
    fn madt_lists_every_cpu_and_the_ioapic() {
        let madt = tables::madt(3);
        assert_eq!(madt.len(), 44 + 3 * 8 + 12);
        for cpu in 0..3u8 {
            let at = 44 + usize::from(cpu) * 8;
            assert_eq!(madt[at..at + 8], [0, 8, cpu, cpu, 1, 0, 0, 0]);
        }
        assert_eq!(madt[68..70], [1, 12]);
        assert_eq!(madt[72..76], 0xFEC0_0000u32.to_le_bytes());
    }

    #[test]
    fn the_tables_fit_below_1_mib() {
        let memory = GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 2 << 20)]).unwrap();
        let machine = Machine {
            cpus: 255,
            window: 0x10_0000_0000..0x10_1000_0000,
        };
        assert_eq!(write(&memory, &machine).unwrap(), 0xE_0000);
        let mut signature = [0u8; 8];
        memory
            .read_slice(&mut signature, GuestAddress(0xE_0000))
            .unwrap();
        assert_eq!(&signature, b"RSD PTR ");
    }
}
