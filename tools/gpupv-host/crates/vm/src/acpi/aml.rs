// SPDX-License-Identifier: GPL-2.0
//! ACPI machine language: just the terms that the machine's DSDT is made of.
//!
//! Every function returns the encoded term. Names are single segments ("COM1") unless said
//! otherwise.

/// `Local0`, `Local1`, `Arg0`.
pub(super) const LOCAL0: &[u8] = &[0x60];
pub(super) const LOCAL1: &[u8] = &[0x61];

const NULL_NAME: u8 = 0x00;

/// A path of name segments, absolute if it starts with a backslash: `\_SB_.PCI0`.
pub(super) fn path(path: &str) -> Vec<u8> {
    let (root, rest) = match path.strip_prefix('\\') {
        Some(rest) => (true, rest),
        None => (false, path),
    };
    let segments: Vec<_> = rest.split('.').map(segment).collect();
    let mut encoded = Vec::new();
    if root {
        encoded.push(b'\\');
    }
    match segments.len() {
        1 => {}
        2 => encoded.push(0x2E),
        // PANIC: paths are literals of this crate with few segments.
        count => encoded.extend([0x2F, u8::try_from(count).expect("a short path")]),
    }
    encoded.extend(segments.concat());
    encoded
}

/// A name segment is four characters long, filled up with underscores.
fn segment(name: &str) -> [u8; 4] {
    let mut segment = [b'_'; 4];
    segment[..name.len()].copy_from_slice(name.as_bytes());
    segment
}

pub(super) fn integer(value: u64) -> Vec<u8> {
    match value {
        0 => vec![0x00],
        1 => vec![0x01],
        2..=0xFF => vec![0x0A, value as u8],
        0x100..=0xFFFF => [&[0x0B], &(value as u16).to_le_bytes()[..]].concat(),
        0x1_0000..=0xFFFF_FFFF => [&[0x0C], &(value as u32).to_le_bytes()[..]].concat(),
        _ => [&[0x0E], &value.to_le_bytes()[..]].concat(),
    }
}

pub(super) fn string(value: &str) -> Vec<u8> {
    [&[0x0D], value.as_bytes(), &[0]].concat()
}

/// A compressed plug and play id such as `PNP0A03`.
pub(super) fn eisa_id(id: &str) -> Vec<u8> {
    // PANIC: ids are literals of this crate: three letters, four hexadecimal digits.
    let (letters, digits) = id.as_bytes().split_at(3);
    let vendor = letters.iter().fold(0u16, |vendor, letter| {
        (vendor << 5) | u16::from(letter - 0x40)
    });
    let digits = std::str::from_utf8(digits).expect("an ASCII id");
    let product = u16::from_str_radix(digits, 16).expect("four hexadecimal digits");
    [
        &[0x0C],
        &vendor.to_be_bytes()[..],
        &product.to_be_bytes()[..],
    ]
    .concat()
}

/// The length prefix of a term. It counts itself, which is why it is computed from what follows.
fn package_length(rest: usize) -> Vec<u8> {
    match rest {
        0..=62 => vec![(rest + 1) as u8],
        _ => {
            let bytes = (1..=3)
                .find(|bytes| rest + bytes + 1 < 1 << (4 + 8 * bytes))
                .unwrap_or(3);
            let total = rest + bytes + 1;
            let mut encoded = vec![((bytes << 6) | total & 0xF) as u8];
            encoded.extend((0..bytes).map(|index| (total >> (4 + 8 * index)) as u8));
            encoded
        }
    }
}

fn sized(opcode: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [opcode, &package_length(body.len()), &body].concat()
}

pub(super) fn name(object: &str, value: &[u8]) -> Vec<u8> {
    [&[0x08], &path(object)[..], value].concat()
}

pub(super) fn package(elements: &[Vec<u8>]) -> Vec<u8> {
    sized(&[0x12], &[&[elements.len() as u8], &elements.concat()])
}

fn buffer(bytes: &[u8]) -> Vec<u8> {
    sized(&[0x11], &[&integer(bytes.len() as u64), bytes])
}

pub(super) fn scope(place: &str, terms: &[Vec<u8>]) -> Vec<u8> {
    sized(&[0x10], &[&path(place), &terms.concat()])
}

pub(super) fn device(object: &str, terms: &[Vec<u8>]) -> Vec<u8> {
    sized(&[0x5B, 0x82], &[&path(object), &terms.concat()])
}

/// Does a method keep others out while it runs?
pub(super) enum Concurrency {
    NotSerialized,
    Serialized,
}

pub(super) fn method(
    object: &str,
    arguments: u8,
    concurrency: Concurrency,
    terms: &[Vec<u8>],
) -> Vec<u8> {
    let flags = arguments
        | if matches!(concurrency, Concurrency::Serialized) {
            1 << 3
        } else {
            0
        };
    sized(&[0x14], &[&path(object), &[flags], &terms.concat()])
}

/// A region of I/O ports, cut into fields of 32 bits.
pub(super) fn port_fields(region: &str, port: u16, length: u16, fields: &[&str]) -> Vec<u8> {
    const SYSTEM_IO: u8 = 1;
    const DWORD_ACCESS: u8 = 3;
    let declaration = [
        &[0x5B, 0x80],
        &path(region)[..],
        &[SYSTEM_IO],
        &integer(u64::from(port)),
        &integer(u64::from(length)),
    ]
    .concat();
    // A field's width is encoded like a package length, but does not count itself.
    let widths: Vec<u8> = fields
        .iter()
        .flat_map(|field| [&segment(field)[..], &[32]].concat())
        .collect();
    let list = sized(&[0x5B, 0x81], &[&path(region), &[DWORD_ACCESS], &widths]);
    [declaration, list].concat()
}

pub(super) fn store(source: &[u8], target: &[u8]) -> Vec<u8> {
    [&[0x70], source, target].concat()
}

pub(super) fn notify(object: &str, value: u64) -> Vec<u8> {
    [&[0x86], &path(object)[..], &integer(value)].concat()
}

/// Runs `terms` if `value & mask` is not zero.
pub(super) fn if_any_bit(value: &[u8], mask: u64, terms: &[Vec<u8>]) -> Vec<u8> {
    let predicate = [&[0x7B], value, &integer(mask), &[NULL_NAME]].concat();
    sized(&[0xA0], &[&predicate, &terms.concat()])
}

/// Resource descriptors, closed by an end tag.
pub(super) fn resources(descriptors: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = descriptors.concat();
    bytes.extend([0x79, 0]);
    buffer(&bytes)
}

/// General flags of an address space: minimum and maximum fixed, a producer, positive decoding.
const FIXED_PRODUCER: u8 = (1 << 3) | (1 << 2);
const MEMORY: u8 = 0;
const BUS_NUMBERS: u8 = 2;
/// Memory flags: cacheable, read-write.
const CACHEABLE_WRITABLE: u8 = (1 << 1) | 1;
const UNCACHEABLE_WRITABLE: u8 = 1;

pub(super) fn cacheable_memory_64(first: u64, length: u64) -> Vec<u8> {
    let mut bytes = vec![0x8A, 0x2B, 0, MEMORY, FIXED_PRODUCER, CACHEABLE_WRITABLE];
    for field in [0, first, first + length - 1, 0, length] {
        bytes.extend(field.to_le_bytes());
    }
    bytes
}

pub(super) fn memory_32(first: u32, length: u32) -> Vec<u8> {
    let mut bytes = vec![0x87, 0x17, 0, MEMORY, FIXED_PRODUCER, UNCACHEABLE_WRITABLE];
    for field in [0, first, first + length - 1, 0, length] {
        bytes.extend(field.to_le_bytes());
    }
    bytes
}

pub(super) fn bus_number(bus: u16) -> Vec<u8> {
    let mut bytes = vec![0x88, 0x0D, 0, BUS_NUMBERS, FIXED_PRODUCER, 0];
    for field in [0, bus, bus, 0, 1] {
        bytes.extend(field.to_le_bytes());
    }
    bytes
}

pub(super) fn io_ports(first: u16, count: u8) -> Vec<u8> {
    const DECODE_16: u8 = 1;
    let [low, high] = first.to_le_bytes();
    vec![0x47, DECODE_16, low, high, low, high, 1, count]
}

/// An interrupt that the device consumes: edge-triggered, active high, exclusive.
pub(super) fn edge_interrupt(gsi: u32) -> Vec<u8> {
    const CONSUMER: u8 = 1;
    const EDGE: u8 = 1 << 1;
    [&[0x89, 6, 0, CONSUMER | EDGE, 1], &gsi.to_le_bytes()[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_are_encoded_as_the_specification_shows() {
        // The example of the ACPI specification: EISAID("PNP0501") is 0x0105D041 in memory order.
        assert_eq!(eisa_id("PNP0501"), [0x0C, 0x41, 0xD0, 0x05, 0x01]);
        assert_eq!(
            path("\\_SB.PCI0"),
            [b"\\\x2E_SB_".as_slice(), b"PCI0"].concat()
        );
        assert_eq!(
            path("\\_SB.PCI0.S01"),
            [b"\\\x2F\x03_SB_".as_slice(), b"PCI0S01_"].concat()
        );
    }

    #[test]
    fn integers_take_the_shortest_form() {
        assert_eq!(integer(0), [0]);
        assert_eq!(integer(1), [1]);
        assert_eq!(integer(0xFF), [0x0A, 0xFF]);
        assert_eq!(integer(0x100), [0x0B, 0, 1]);
        assert_eq!(integer(0x1_0000), [0x0C, 0, 0, 1, 0]);
        assert_eq!(integer(1 << 32), [0x0E, 0, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn package_lengths_count_themselves_at_every_border() {
        for rest in [
            0, 1, 62, 63, 64, 4092, 4093, 4094, 4095, 0xF_FFF0, 0xF_FFFC, 0xF_FFFD,
        ] {
            let encoded = package_length(rest);
            let following = usize::from(encoded[0] >> 6);
            assert_eq!(encoded.len(), 1 + following, "for {rest}");
            let decoded = match following {
                0 => usize::from(encoded[0]),
                _ => encoded[1..]
                    .iter()
                    .enumerate()
                    .fold(usize::from(encoded[0] & 0xF), |sum, (index, byte)| {
                        sum | (usize::from(*byte) << (4 + 8 * index))
                    }),
            };
            assert_eq!(decoded, rest + encoded.len(), "for {rest}");
        }
    }
}
