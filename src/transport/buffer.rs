// SPDX-License-Identifier: GPL-2.0

//! Buffers for messages and replies.

use super::MAX_MESSAGE;
use crate::linux::errno::ebadmsg;
use kernel::prelude::*;

/// A message on its way to the ring. What most messages are made of is smaller.
pub(crate) type Message = Buffer<128>;

/// Room for the reply to one request, zero until it is filled. It lives in the table of
/// transactions meanwhile, so it is no larger than most replies.
pub(crate) type ReplyBuffer = Buffer<64>;

/// Bytes, zero at first. Up to `INLINE` of them need no allocation.
pub(crate) enum Buffer<const INLINE: usize> {
    /// Up to `INLINE` bytes.
    Small {
        /// The bytes, of which the first `length` count.
        bytes: [u8; INLINE],
        /// How many there are.
        length: usize,
    },
    /// More than that.
    Large(KVVec<u8>),
}

impl<const INLINE: usize> Buffer<INLINE> {
    /// No bytes.
    pub(crate) const EMPTY: Self = Self::Small {
        bytes: [0; INLINE],
        length: 0,
    };

    /// Makes a buffer of `length` zeros.
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

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            // PANIC: `new` made `length` at most `INLINE`.
            Self::Small { bytes, length } => &bytes[..*length],
            Self::Large(bytes) => bytes,
        }
    }

    /// The bytes, to be changed.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            // PANIC: `new` made `length` at most `INLINE`.
            Self::Small { bytes, length } => &mut bytes[..*length],
            Self::Large(bytes) => bytes,
        }
    }

    /// Takes as many bytes as there is room for from the start of `payload`.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if it is too short, `EBADMSG` if there is nothing of it; then nothing was taken.
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
