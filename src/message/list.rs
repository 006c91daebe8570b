// SPDX-License-Identifier: GPL-2.0

//! Bodies that end in a list, which the caller writes in place.

use super::put;
use kernel::prelude::*;

/// Fills a body with `head` and a list of `bytes` bytes, which `write` fills. The rest stays zero.
pub(super) fn fill_with_list<H: IntoBytes + zerocopy::Immutable>(
    body: &mut [u8],
    head: &H,
    bytes: usize,
    write: impl FnOnce(&mut [u8]) -> Result,
) -> Result {
    let (start, rest) = body.split_at_mut_checked(size_of::<H>()).ok_or(EINVAL)?;

    put(start, head)?;
    write(rest.get_mut(..bytes).ok_or(EINVAL)?)
}

/// Returns the size in bytes of `count` values of type `T`.
///
/// # Errors
///
/// `EINVAL` if the size overflows.
pub(crate) fn list_bytes<T>(count: u32) -> Result<usize> {
    // CAST: `usize` has at least 32 bits.
    size_of::<T>().checked_mul(count as usize).ok_or(EINVAL)
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_list)]
mod tests {
    use super::*;

    const HEAD: u32 = 0x1234_5678;

    /// Fills a body of `room` bytes with a list of `bytes` bytes.
    fn filled(room: usize, bytes: usize) -> Result<KVVec<u8>> {
        let mut body = KVVec::from_elem(0u8, room, GFP_KERNEL)?;

        fill_with_list(&mut body, &HEAD, bytes, |list| {
            list.fill(0xA5);
            if list.len() == bytes {
                Ok(())
            } else {
                Err(EIO)
            }
        })?;
        Ok(body)
    }

    #[test]
    fn a_list_gets_just_its_room() -> Result {
        for (room, bytes) in [(4, 0), (5, 0), (5, 1), (12, 8), (16, 8), (131_048, 131_044)] {
            let body = filled(room, bytes)?;
            let (head, rest) = body.split_at(4);
            let (list, slack) = rest.split_at(bytes);

            assert_eq!(head, HEAD.to_le_bytes());
            assert!(list.iter().all(|byte| *byte == 0xA5));
            assert!(slack.iter().all(|byte| *byte == 0));
        }
        for (room, bytes) in [(0, 0), (3, 0), (4, 1), (11, 8), (4, usize::MAX)] {
            assert_eq!(filled(room, bytes).err(), Some(EINVAL));
        }
        Ok(())
    }

    #[test]
    fn what_writing_says_goes_through() {
        let mut body = [0u8; 8];
        let result = fill_with_list(&mut body, &HEAD, 4, |_| Err(EFAULT));

        assert_eq!(result, Err(EFAULT));
    }

    #[test]
    fn bytes_of_lists() {
        for count in [0, 1, 10_240, u32::MAX] {
            // CAST: `usize` has at least 32 bits.
            assert_eq!(list_bytes::<u8>(count), Ok(count as usize));
            assert_eq!(list_bytes::<u64>(count), Ok(8 * count as usize));
        }
    }
}
