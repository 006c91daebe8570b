// SPDX-License-Identifier: GPL-2.0
//! What the user-mode driver of this host's adapters says of an allocation that it wants.
//!
//! A vendor is free in what it puts here; this is what ours does. All numbers are little-endian.
//!
//! | offset | size | content |
//! |---:|---:|---|
//! | 0 | 4 | the letters `GPVA` |
//! | 4 | 4 | size of this structure: 32 |
//! | 8 | 4 | version of this structure: 1 |
//! | 12 | 4 | bit 0: the CPU may cache it; bit 1: not in the adapter's own memory; bit 2: tell the guest the bytes as they are |
//! | 16 | 8 | bytes; rounded up to whole pages, and told to the guest like that without bit 2 |
//! | 24 | 8 | in: 0; out: the number of the memory, which no other memory of the machine has |
//!
//! A driver that says nothing, or that says it in a way of its own, gets one page; its data are
//! handed back unchanged. Standard allocations come with 16 bytes for the resource: the letters
//! `GPVR`, their size, their version (1), and 0.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::io_space::PAGE;
use crate::status::NtStatus;

const MAGIC: [u8; 4] = *b"GPVA";
const VERSION: u32 = 1;
const RESOURCE_MAGIC: [u8; 4] = *b"GPVR";

/// `flags`: the CPU may cache it.
const CACHED: u32 = 1 << 0;
/// `flags`: not in the adapter's own memory.
const NOT_LOCAL: u32 = 1 << 1;

/// `flags`: the guest is told a size that is not rounded up.
const EXACT: u32 = 1 << 2;

/// The structure for an allocation.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AllocationData {
    magic: [u8; 4],
    size_of_struct: U32,
    version: U32,
    flags: U32,
    bytes: U64,
    number: U64,
}

/// The structure for a resource.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ResourceData {
    magic: [u8; 4],
    size_of_struct: U32,
    version: U32,
    reserved: U32,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Bytes; whole pages.
    pub(crate) size: u64,
    /// Bytes, as the guest is told.
    pub(crate) told: u64,
    /// Whether the CPU may cache it.
    pub(crate) cached: bool,
    /// Whether it may be in the adapter's own memory.
    pub(crate) local: bool,
}

impl AllocationData {
    /// Data for an allocation of so many bytes.
    pub fn new(bytes: u64, cached: bool, local: bool) -> Self {
        let mut flags = 0;
        if cached {
            flags |= CACHED;
        }
        if !local {
            flags |= NOT_LOCAL;
        }
        Self {
            magic: MAGIC,
            // CAST: 32.
            size_of_struct: (size_of::<Self>() as u32).into(),
            version: VERSION.into(),
            flags: flags.into(),
            bytes: bytes.into(),
            number: 0.into(),
        }
    }
}

impl ResourceData {
    /// The data of any resource.
    pub fn new() -> Self {
        Self {
            magic: RESOURCE_MAGIC,
            // CAST: 16.
            size_of_struct: (size_of::<Self>() as u32).into(),
            version: VERSION.into(),
            reserved: 0.into(),
        }
    }
}

impl Default for ResourceData {
    fn default() -> Self {
        Self::new()
    }
}

/// What `data` say, if this host understands them.
fn parse(data: &[u8]) -> Result<Option<AllocationData>, NtStatus> {
    if !data.starts_with(&MAGIC) {
        return Ok(None);
    }
    let parsed = AllocationData::read_from_bytes(data).map_err(|_| NtStatus::INVALID_PARAMETER)?;
    let known = parsed.size_of_struct.get() as usize == size_of::<AllocationData>()
        && parsed.version.get() == VERSION
        && parsed.flags.get() & !(CACHED | NOT_LOCAL | EXACT) == 0
        && parsed.bytes.get() > 0;
    if known {
        Ok(Some(parsed))
    } else {
        Err(NtStatus::INVALID_PARAMETER)
    }
}

/// What a driver wants.
///
/// # Errors
///
/// The data are ours, but make no sense.
pub(crate) fn wish(data: &[u8]) -> Result<Wish, NtStatus> {
    let Some(parsed) = parse(data)? else {
        return Ok(Wish {
            size: PAGE,
            told: PAGE,
            cached: false,
            local: true,
        });
    };
    let bytes = parsed.bytes.get();
    let size = bytes
        .checked_next_multiple_of(PAGE)
        .ok_or(NtStatus::NO_MEMORY)?;
    let flags = parsed.flags.get();
    Ok(Wish {
        size,
        told: if flags & EXACT == 0 { size } else { bytes },
        cached: flags & CACHED != 0,
        local: flags & NOT_LOCAL == 0,
    })
}

/// What the driver gets back.
pub(crate) fn filled(data: &[u8], number: u64, size: u64) -> Vec<u8> {
    match parse(data) {
        Ok(Some(mut parsed)) => {
            parsed.number = number.into();
            parsed.bytes = size.into();
            parsed.as_bytes().to_vec()
        }
        _ => data.to_vec(),
    }
}
