// SPDX-License-Identifier: GPL-2.0

//! A message on its way to the ring.

use super::MAX_MESSAGE;
use kernel::prelude::*;

/// Messages up to this size need no allocation.
const INLINE: usize = 128;

/// A zeroed buffer for one message, on the stack if it is small.
pub(crate) enum Outgoing {
    /// Up to [`INLINE`] bytes.
    Small {
        /// The bytes, of which only the first `length` are sent.
        bytes: [u8; INLINE],
        /// Length of the message.
        length: usize,
    },
    /// More than that.
    Large(KVVec<u8>),
}

impl Outgoing {
    /// Makes a buffer of `length` zeros.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the message would be larger than the protocol allows, `ENOMEM`.
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

    /// The message.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            // PANIC: `new` made `length` at most `INLINE`.
            Self::Small { bytes, length } => &bytes[..*length],
            Self::Large(bytes) => bytes,
        }
    }

    /// The message, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            // PANIC: `new` made `length` at most `INLINE`.
            Self::Small { bytes, length } => &mut bytes[..*length],
            Self::Large(bytes) => bytes,
        }
    }
}
