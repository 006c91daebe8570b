// SPDX-License-Identifier: GPL-2.0

//! Bodies that end in a list, which is written from where the caller has it.

use super::put;
use kernel::prelude::*;

/// Writes a body: `head`, then the list, for which `write` gets exactly `bytes` bytes. What comes
/// after it stays zero.
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

/// The bytes of `count` values of type `T`.
///
/// # Errors
///
/// `EINVAL` if nobody could send as many.
pub(crate) fn list_bytes<T>(count: u32) -> Result<usize> {
    // CAST: 32 bits fit.
    size_of::<T>().checked_mul(count as usize).ok_or(EINVAL)
}
