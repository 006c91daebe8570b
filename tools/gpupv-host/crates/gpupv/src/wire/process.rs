// SPDX-License-Identifier: GPL-2.0
//! Processes of the guest.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::CommandHeader;

/// How many UTF-16 units a process name has room for.
pub const PROCESS_NAME_UNITS: usize = 261;

/// CREATEPROCESS.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CreateProcess {
    /// Process is 0.
    pub hdr: CommandHeader,
    /// The guest's own number for it, opaque.
    pub process: U64,
    /// The process id.
    pub process_id: U64,
    /// UTF-16, zero terminated.
    pub process_name: [u8; 2 * PROCESS_NAME_UNITS],
    /// Bit 3: a Linux process.
    pub flags: u8,
    /// Zero.
    pub padding: [u8; 5],
}

impl CreateProcess {
    /// The bit of `flags` for a Linux process.
    pub const LINUX_PROCESS: u8 = 1 << 3;
}

/// The answer to [`CreateProcess`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CreateProcessReturn {
    /// 0 means failure.
    pub hprocess: U32,
}

/// DESTROYPROCESS; the header names the process.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DestroyProcess {
    /// The process to destroy.
    pub hdr: CommandHeader,
}
