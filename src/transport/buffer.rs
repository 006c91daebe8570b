// SPDX-License-Identifier: GPL-2.0

//! Buffers for messages and replies.

use super::MAX_MESSAGE;
use crate::linux::errno::ebadmsg;
use kernel::prelude::*;

/// A message for the ring. Most messages fit the inline size.
pub(crate) type Message = Buffer<128>;

/// Space for the reply to one request, zero until it is filled. It is kept in the table of
/// transactions while the request is in flight, so the inline size is no larger than most replies.
pub(crate) type ReplyBuffer = Buffer<64>;

/// A zero-initialised byte buffer. Up to `INLINE` bytes need no allocation.
pub(crate) enum Buffer<const INLINE: usize> {
    /// A buffer of up to `INLINE` bytes.
    Small {
        /// The storage, of which the first `length` bytes are used.
        bytes: [u8; INLINE],
        /// Number of used bytes.
        length: usize,
    },
    /// A buffer of more than `INLINE` bytes.
    Large(KVVec<u8>),
}

impl<const INLINE: usize> Buffer<INLINE> {
    /// The empty buffer.
    pub(crate) const EMPTY: Self = Self::Small {
        bytes: [0; INLINE],
        length: 0,
    };

    /// Makes a buffer of `length` zero bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if that is more than the protocol allows, `ENOMEM`.
    pub(crate) fn new(length: usize) -> Result<Self> {
        if length > MAX_MESSAGE {
            return Err(EINVAL);
        }
        if length <= INLINE {
            return Ok(Self::Small {
                bytes: [0; INLINE],
                length,
            });
        }
        Ok(Self::Large(KVVec::from_elem(
            0,
            length,
            GFP_KERNEL_ACCOUNT,
        )?))
    }

    /// Returns the bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            // PANIC: `new` made `length` at most `INLINE`.
            Self::Small { bytes, length } => &bytes[..*length],
            Self::Large(bytes) => bytes,
        }
    }

    /// Returns the bytes for writing.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            // PANIC: `new` made `length` at most `INLINE`.
            Self::Small { bytes, length } => &mut bytes[..*length],
            Self::Large(bytes) => bytes,
        }
    }

    /// Fills the buffer from the start of `payload`.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if `payload` is too short, `EBADMSG` if it is empty; the buffer is unchanged
    /// then.
    pub(super) fn fill(&mut self, payload: &[u8]) -> Result {
        let wanted = self.bytes_mut();

        if payload.is_empty() && !wanted.is_empty() {
            return Err(ebadmsg());
        }

        let payload = payload.get(..wanted.len()).ok_or(EOVERFLOW)?;

        wanted.copy_from_slice(payload);
        Ok(())
    }
}
