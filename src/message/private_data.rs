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
