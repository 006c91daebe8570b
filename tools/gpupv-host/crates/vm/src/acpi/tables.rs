// SPDX-License-Identifier: GPL-2.0
//! The fixed tables: root pointer, XSDT, FADT, MADT, and the header of the DSDT.

use crate::{power, rtc};

pub(super) const RSDP_SIZE: usize = 36;

const HEADER_SIZE: usize = 36;
const OEM_ID: &[u8; 6] = b"GPUPV ";
const OEM_TABLE_ID: &[u8; 8] = b"GPUPVHST";
const OEM_REVISION: u32 = 1;
const CREATOR_ID: &[u8; 4] = b"GPUP";

const LOCAL_APIC: u32 = 0xFEE0_0000;
const IO_APIC: u32 = 0xFEC0_0000;

/// FADT flags.
const WBINVD: u32 = 1;
const RESET_REGISTER_SUPPORTED: u32 = 1 << 10;
const HARDWARE_REDUCED: u32 = 1 << 20;

/// FADT boot flags. No legacy devices, no keyboard controller: their bits stay clear. There is a clock
/// to read the date from, but nothing for a driver to drive.
const VGA_NOT_PRESENT: u16 = 1 << 2;
const RTC_NOT_PRESENT: u16 = 1 << 5;

fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0u8, |sum, byte| sum.wrapping_add(*byte))
        .wrapping_neg()
}

/// A table with its header, ready for use.
fn table(signature: &[u8; 4], revision: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_SIZE + body.len()).unwrap_or(u32::MAX);
    let mut table = Vec::with_capacity(HEADER_SIZE + body.len());
    table.extend(signature);
    table.extend(length.to_le_bytes());
    table.extend([revision, 0]);
    table.extend(OEM_ID);
    table.extend(OEM_TABLE_ID);
    table.extend(OEM_REVISION.to_le_bytes());
    table.extend(CREATOR_ID);
    table.extend(1u32.to_le_bytes());
    table.extend(body);
    table[9] = checksum(&table);
    table
}

pub(super) fn rsdp(xsdt: u64) -> [u8; RSDP_SIZE] {
    let mut rsdp = [0; RSDP_SIZE];
    rsdp[..8].copy_from_slice(b"RSD PTR ");
    rsdp[9..15].copy_from_slice(OEM_ID);
    rsdp[15] = 2;
    rsdp[20..24].copy_from_slice(&36u32.to_le_bytes());
    rsdp[24..32].copy_from_slice(&xsdt.to_le_bytes());
    // The first sum covers the part that ACPI 1.0 knew, the second one everything.
    rsdp[8] = checksum(&rsdp[..20]);
    rsdp[32] = checksum(&rsdp);
    rsdp
}

pub(super) fn xsdt(tables: &[u64]) -> Vec<u8> {
    let body: Vec<u8> = tables
        .iter()
        .flat_map(|address| address.to_le_bytes())
        .collect();
    table(b"XSDT", 1, &body)
}

pub(super) fn dsdt(definition_block: Vec<u8>) -> Vec<u8> {
    table(b"DSDT", 2, &definition_block)
}

/// A generic address: an I/O port of 8 bits.
fn port(port: u16) -> [u8; 12] {
    const SYSTEM_IO: u8 = 1;
    const BYTE_ACCESS: u8 = 1;
    let mut address = [0; 12];
    address[..4].copy_from_slice(&[SYSTEM_IO, 8, 0, BYTE_ACCESS]);
    address[4..].copy_from_slice(&u64::from(port).to_le_bytes());
    address
}

/// The fixed description, revision 6.0. Everything that is not set does not exist here.
pub(super) fn fadt(dsdt: u64) -> Vec<u8> {
    let mut body = [0u8; 276 - HEADER_SIZE];
    // Offsets as in the ACPI specification, from the start of the table.
    let mut set = |offset: usize, bytes: &[u8]| {
        let start = offset - HEADER_SIZE;
        body[start..start + bytes.len()].copy_from_slice(bytes);
    };
    set(108, &[rtc::CENTURY_REGISTER]);
    set(109, &(VGA_NOT_PRESENT | RTC_NOT_PRESENT).to_le_bytes());
    set(
        112,
        &(WBINVD | RESET_REGISTER_SUPPORTED | HARDWARE_REDUCED).to_le_bytes(),
    );
    set(116, &port(power::RESET_PORT));
    set(128, &[power::RESET_VALUE]);
    set(140, &dsdt.to_le_bytes());
    set(244, &port(power::SLEEP_CONTROL_PORT));
    set(256, &port(power::SLEEP_STATUS_PORT));
    table(b"FACP", 6, &body)
}

pub(super) fn madt(cpus: u8) -> Vec<u8> {
    const ENABLED: u32 = 1;
    let mut body = Vec::new();
    body.extend(LOCAL_APIC.to_le_bytes());
    body.extend(0u32.to_le_bytes());
    for id in 0..cpus {
        body.extend([0, 8, id, id]);
        body.extend(ENABLED.to_le_bytes());
    }
    // One IOAPIC with id 0, whose pins are the interrupts 0 to 23.
    body.extend([1, 12, 0, 0]);
    body.extend(IO_APIC.to_le_bytes());
    body.extend(0u32.to_le_bytes());
    table(b"APIC", 4, &body)
}
