// SPDX-License-Identifier: GPL-2.0
//! What lies in a ring: the control page, and the frame around each packet.

use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first page of a ring.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RingControlPage {
    /// Where the producer writes next.
    pub write_index: U32,
    /// Where the consumer reads next.
    pub read_index: U32,
    /// Not 0: the consumer wants no signal.
    pub interrupt_mask: U32,
    /// Not 0: the producer waits for more than this many free bytes.
    pub pending_send_size: U32,
    /// Unused.
    pub reserved: [u8; 48],
    /// Bit 0: `pending_send_size` is honoured.
    pub feature_bits: U32,
    /// Unused.
    pub reserved2: [u8; 4028],
}

impl RingControlPage {
    /// The only feature bit there is.
    pub const FEATURE_PENDING_SEND_SIZE: u32 = 1;
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum PacketType {
    /// The payload follows.
    InBand = 6,
    /// The payload lies in a buffer of pages known beforehand.
    TransferPages = 7,
    /// The payload lies in pages that the packet lists.
    GpaDirect = 9,
    /// The answer to a packet.
    Completion = 0xB,
}

impl TryFrom<u16> for PacketType {
    type Error = u16;

    fn try_from(number: u16) -> Result<Self, u16> {
        Ok(match number {
            6 => Self::InBand,
            7 => Self::TransferPages,
            9 => Self::GpaDirect,
            0xB => Self::Completion,
            unknown => return Err(unknown),
        })
    }
}

/// What every packet starts with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PacketDescriptor {
    /// A [`PacketType`].
    pub kind: U16,
    /// Where the payload starts, in units of 8 bytes.
    pub offset8: U16,
    /// Where the packet ends, without trailer, in units of 8 bytes.
    pub len8: U16,
    /// Bit 0: an answer is wanted.
    pub flags: U16,
    /// Chosen by the sender, repeated in the answer.
    pub transaction_id: U64,
}

impl PacketDescriptor {
    /// The sender wants a completion.
    pub const COMPLETION_REQUESTED: u16 = 1;
}

/// What every packet ends with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct PacketTrailer {
    /// Zero.
    pub reserved: U32,
    /// The write index at which the packet starts.
    pub start_write_index: U32,
}
