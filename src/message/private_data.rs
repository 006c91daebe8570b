// SPDX-License-Identifier: GPL-2.0

//! Private data, exchanged between the user-mode part of a vendor's driver and its part on the
//! host. This driver does not interpret it.

use crate::transport::ReplyBuffer;
use core::ops::Range;
use kernel::prelude::*;

/// The part of a reply that is passed to the user unchanged.
pub(crate) struct PrivateData {
    reply: ReplyBuffer,
    place: Range<usize>,
}

impl PrivateData {
    /// Makes private data of the `size` bytes at `start` of `reply`.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if the reply is too short.
    pub(super) fn new(reply: ReplyBuffer, start: usize, size: u32) -> Result<Self> {
        // CAST: `usize` has at least 32 bits.
        let end = start.checked_add(size as usize).ok_or(EOVERFLOW)?;

        if end > reply.bytes().len() {
            return Err(EOVERFLOW);
        }
        Ok(Self {
            reply,
            place: start..end,
        })
    }

    /// Returns the bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.reply
            .bytes()
            .get(self.place.clone())
            .unwrap_or_default()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_private_data)]
mod tests {
    use super::*;

    fn reply() -> Result<ReplyBuffer> {
        let mut reply = ReplyBuffer::new(8)?;

        reply.bytes_mut().copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 7]);
        Ok(reply)
    }

    #[test]
    fn within_the_reply() -> Result {
        for (start, size, expected) in [
            (0, 8, &[0u8, 1, 2, 3, 4, 5, 6, 7][..]),
            (4, 4, &[4, 5, 6, 7]),
            (7, 1, &[7]),
            (8, 0, &[]),
            (3, 0, &[]),
        ] {
            assert_eq!(PrivateData::new(reply()?, start, size)?.bytes(), expected);
        }
        Ok(())
    }

    #[test]
    fn beyond_the_reply() -> Result {
        for (start, size) in [
            (0, 9),
            (8, 1),
            (9, 0),
            (4, 5),
            (4, u32::MAX),
            (usize::MAX, 1),
            (usize::MAX, u32::MAX),
        ] {
            assert_eq!(
                PrivateData::new(reply()?, start, size).err(),
                Some(EOVERFLOW)
            );
        }
        Ok(())
    }
}
