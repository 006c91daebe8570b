// SPDX-License-Identifier: GPL-2.0
//! What every message starts with.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A locally unique id.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct Luid {
    /// Low half.
    pub a: U32,
    /// High half.
    pub b: U32,
}

impl Luid {
    /// The id of nothing.
    pub const ZERO: Self = Self {
        a: U32::ZERO,
        b: U32::ZERO,
    };

    /// An id from its halves.
    pub fn new(a: u32, b: u32) -> Self {
        Self {
            a: a.into(),
            b: b.into(),
        }
    }
}

impl std::fmt::Display for Luid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}:{:08x}", self.b, self.a)
    }
}

/// In front of every request from interface version 40 on.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ExtendedHeader {
    /// Where the command header starts.
    pub command_offset: U32,
    /// Zero.
    pub reserved: U32,
    /// Which vGPU is meant; zero for global commands.
    pub vgpu_luid: Luid,
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelType {
    /// A driver to one of its vGPUs.
    VgpuToHost,
    /// The virtual machine to the host.
    VmToHost,
}

impl TryFrom<u8> for ChannelType {
    type Error = u8;

    fn try_from(number: u8) -> Result<Self, u8> {
        match number {
            0 => Ok(Self::VgpuToHost),
            1 => Ok(Self::VmToHost),
            unknown => Err(unknown),
        }
    }
}

/// What every command starts with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CommandHeader {
    /// Zero.
    pub command_id: U64,
    /// The host's handle of the process on whose behalf the command comes, or zero.
    pub process: U32,
    /// Bits 0..8: a [`ChannelType`]; bit 8: no reply is wanted.
    pub channel_type: U32,
    /// The command.
    pub command_type: U32,
    /// Zero.
    pub padding: U32,
}

impl CommandHeader {
    /// The bit of `channel_type` that says that no reply is wanted.
    pub const ASYNC_MESSAGE: u32 = 1 << 8;
    /// The `channel_type` of messages from the host to the virtual machine.
    pub const HOST_TO_VM: u32 = 2;

    /// The header of a message to the guest.
    pub fn to_guest(command_type: u32) -> Self {
        Self {
            command_id: 0.into(),
            process: 0.into(),
            channel_type: Self::HOST_TO_VM.into(),
            command_type: command_type.into(),
            padding: 0.into(),
        }
    }
}
