// SPDX-License-Identifier: GPL-2.0

//! Data that the user's half of a vendor's driver and the host's half exchange. It means nothing
//! to anybody between them.

use crate::transport::ReplyBuffer;
use core::ops::Range;
use kernel::prelude::*;

/// The part of a reply that goes to the user as it is.
pub(crate) struct PrivateData {
    reply: ReplyBuffer,
    place: Range<usize>,
}

impl PrivateData {
    /// The `size` bytes at `start` of `reply`.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if there are fewer.
    pub(super) fn new(reply: ReplyBuffer, start: usize, size: u32) -> Result<Self> {
        // CAST: 32 bits fit.
        let end = start.checked_add(size as usize).ok_or(EOVERFLOW)?;

        if end > reply.bytes().len() {
            return Err(EOVERFLOW);
        }
        Ok(Self {
            reply,
            place: start..end,
        })
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.reply
            .bytes()
            .get(self.place.clone())
            .unwrap_or_default()
    }
}
