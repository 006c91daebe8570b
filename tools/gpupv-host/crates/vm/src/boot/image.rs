// SPDX-License-Identifier: GPL-2.0
//! Finding the ELF image in a kernel file.

use std::borrow::Cow;

use super::unpack::{is_packed, unpack, without_size};
use crate::{Error, Result};

const ELF_MAGIC: &[u8] = b"\x7FELF";

/// The setup header of a bzImage.
const SETUP_SECTS: usize = 0x1F1;
const HEADER_MAGIC: usize = 0x202;
const PROTOCOL_VERSION: usize = 0x206;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24C;
/// The first protocol whose header says where the payload is.
const FIRST_WITH_PAYLOAD: u16 = 0x0208;
const SECTOR: usize = 512;

/// Returns the ELF image in `file`: an ELF file as it is, a bzImage's unpacked payload, or a
/// compressed ELF file unpacked.
///
/// # Errors
///
/// [`Error::Kernel`] says what is wrong with the file.
pub fn kernel_elf(file: &[u8]) -> Result<Cow<'_, [u8]>> {
    let packed = match bzimage_payload(file)? {
        Some(payload) => payload,
        None => file,
    };
    let elf = unpack(packed).map_err(|error| Error::Kernel(error.to_string()))?;
    if !elf.starts_with(ELF_MAGIC) {
        return Err(Error::Kernel(
            "it is neither an ELF file nor a bzImage whose payload is an ELF file compressed with gzip, xz, zstd or lz4"
                .into(),
        ));
    }
    Ok(elf)
}

/// The compressed payload if `file` is a bzImage.
fn bzimage_payload(file: &[u8]) -> Result<Option<&[u8]>> {
    if file.get(HEADER_MAGIC..HEADER_MAGIC + 4) != Some(b"HdrS") {
        return Ok(None);
    }
    let damaged = || Error::Kernel("the bzImage is cut short".into());
    let u32_at = |at: usize| {
        let bytes = file.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let version = file
        .get(PROTOCOL_VERSION..PROTOCOL_VERSION + 2)
        .ok_or_else(damaged)?;
    let version = u16::from_le_bytes([version[0], version[1]]);
    if version < FIRST_WITH_PAYLOAD {
        return Err(Error::Kernel(format!(
            "its boot protocol {}.{:02} is too old to find the compressed image; give the uncompressed vmlinux",
            version >> 8,
            version & 0xFF
        )));
    }
    // Zero stands for four sectors, for historical reasons.
    let sectors = match file[SETUP_SECTS] {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let start = SECTOR * (sectors + 1) + u32_at(PAYLOAD_OFFSET).ok_or_else(damaged)?;
    let length = u32_at(PAYLOAD_LENGTH).ok_or_else(damaged)?;
    let payload = file.get(start..start + length).ok_or_else(damaged)?;
    if !is_packed(payload) && !payload.starts_with(ELF_MAGIC) {
        return Err(Error::Kernel(format!(
            "its payload is compressed in a way that is not known here (it starts with {:02x?}); \
             give the uncompressed vmlinux, or a kernel compressed with gzip, xz, zstd or lz4",
            &payload[..payload.len().min(6)]
        )));
    }
    Ok(Some(without_size(payload)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn bzimage(payload: &[u8]) -> Vec<u8> {
        let mut file = vec![0u8; 512 * 3];
        file[SETUP_SECTS] = 2;
        file[HEADER_MAGIC..HEADER_MAGIC + 4].copy_from_slice(b"HdrS");
        file[PROTOCOL_VERSION..PROTOCOL_VERSION + 2].copy_from_slice(&0x020Fu16.to_le_bytes());
        file[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&16u32.to_le_bytes());
        file[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4]
            .copy_from_slice(&(payload.len() as u32).to_le_bytes());
        file.extend([0; 16]);
        file.extend(payload);
        file.extend(b"what follows the payload");
        file
    }

    #[test]
    fn elf_files_are_taken_plain_and_packed() {
        let elf = b"\x7FELF image";
        assert_eq!(kernel_elf(elf).unwrap(), elf.as_slice());
        assert_eq!(kernel_elf(&gzip(elf)).unwrap(), elf.as_slice());
    }

    #[test]
    fn a_bzimage_gives_its_payload() {
        let elf = b"\x7FELF image";
        assert_eq!(kernel_elf(&bzimage(&gzip(elf))).unwrap(), elf.as_slice());
    }

    #[test]
    fn what_cannot_be_booted_is_explained() {
        let message = |file: &[u8]| kernel_elf(file).unwrap_err().to_string();
        assert!(message(b"#!/bin/sh").contains("neither an ELF file"));
        assert!(message(&bzimage(b"BZh91AY&SY")).contains("not known here"));
        assert!(message(&bzimage(&gzip(b"not ELF"))).contains("neither an ELF file"));
        let mut old = bzimage(b"");
        old[PROTOCOL_VERSION..PROTOCOL_VERSION + 2].copy_from_slice(&0x0207u16.to_le_bytes());
        assert!(message(&old).contains("protocol 2.07"));
        let whole = bzimage(&gzip(b"\x7FELF image"));
        assert!(message(&whole[..whole.len() - 40]).contains("cut short"));
        assert!(message(&whole[..0x210]).contains("cut short"));
    }
}
