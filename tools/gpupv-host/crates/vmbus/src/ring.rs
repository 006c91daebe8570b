// SPDX-License-Identifier: GPL-2.0
//! One ring of a channel: a control page and a circle of packets, shared with the guest.
//!
//! [`RingReader`] consumes what the guest produces, [`RingWriter`] produces for the guest. Neither
//! signals: they return whether the other side must be signalled. Both trust nothing they read: an
//! index or a length that cannot be is an error, after which the ring is unusable.
//!
//! # Memory ordering
//!
//! The content of packets is ordered by acquire loads and release stores of the indices. That is
//! not enough where one side stores and then loads, and the other side stores what that loads and
//! loads what that stores: each could miss the other's store. There are four such places, each with a
//! full fence. Reader: between read index and pending send size, and between interrupt mask and write
//! index. Writer: between write index and mask, and between pending send size and read index.

mod memory;
mod reader;
mod writer;

pub use memory::{Field, GuestRing, RingMemory};
pub use reader::{Received, RingPacket, RingReader};
pub use writer::{Outgoing, RingWriter, Written};

use thiserror::Error;

use crate::gpadl::AccessError;

/// What makes a ring unusable.
#[derive(Debug, Error)]
pub enum RingError {
    /// An index outside of the ring or between packets.
    #[error("the {name} index is {value:#x} in a ring of {size:#x} bytes")]
    Index {
        /// "read" or "write".
        name: &'static str,
        /// What the guest wrote.
        value: u32,
        /// How large the ring is.
        size: u32,
    },
    /// A frame that contradicts itself or the indices.
    #[error("packet at {at:#x}: offset {offset8}*8, length {len8}*8, {used} bytes in the ring")]
    Frame {
        /// Where the packet starts.
        at: u32,
        /// Where its payload should start.
        offset8: u16,
        /// Where it should end.
        len8: u16,
        /// How much there is.
        used: u32,
    },
    /// An unknown packet type.
    #[error("packet at {at:#x} is of unknown type {kind}")]
    Type {
        /// Where the packet starts.
        at: u32,
        /// Its type.
        kind: u16,
    },
    /// A flag without meaning.
    #[error("packet at {at:#x} has unknown flags {flags:#x}")]
    Flags {
        /// Where the packet starts.
        at: u32,
        /// Its flags.
        flags: u16,
    },
    /// A packet that can never fit.
    #[error("a packet of {len} bytes in a ring of {size}")]
    TooLarge {
        /// Payload length.
        len: usize,
        /// How large the ring is.
        size: u32,
    },
    /// The pages cannot be a ring.
    #[error("{0} bytes are too few or not whole pages for a ring")]
    Size(u64),
    /// The guest's memory is not there.
    #[error(transparent)]
    Memory(#[from] AccessError),
}

/// How many bytes of a ring of `size` bytes are in use.
fn used(write: u32, read: u32, size: u32) -> u32 {
    if write >= read {
        write - read
    } else {
        size - read + write
    }
}

/// `position + len`, wrapped at the end of the ring. Both are below `size`, which is below 2^31.
fn advance(position: u32, len: u32, size: u32) -> u32 {
    let end = position + len;
    if end >= size {
        end - size
    } else {
        end
    }
}

/// An index that the guest wrote, if it is possible.
fn checked_index(name: &'static str, value: u32, size: u32) -> Result<u32, RingError> {
    if value < size && value % 8 == 0 {
        Ok(value)
    } else {
        Err(RingError::Index { name, value, size })
    }
}
