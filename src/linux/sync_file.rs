// SPDX-License-Identifier: GPL-2.0

//! Sync files: fences as files, which user programs can pass around, poll and merge.
//!
//! C header: `include/linux/sync_file.h`

use super::{
    bindings,
    dma_fence::Fence, //
};
use core::ptr::NonNull;
use kernel::{
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// Creates a sync file for `fence`, to which it takes a reference.
pub(crate) fn new_file(fence: &Fence) -> Result<ARef<File>> {
    // SAFETY: The fence is valid. The file takes a reference of its own.
    let file = NonNull::new(unsafe { bindings::sync_file_create(fence.as_ptr()) }).ok_or(ENOMEM)?;
    // SAFETY: The structure belongs to the file, which was just created.
    let file = NonNull::new(unsafe { (*file.as_ptr()).file }).ok_or(ENOMEM)?;

    // SAFETY: This function owns the reference to the file. There is no descriptor for it yet, so
    // its position is not used.
    Ok(unsafe { ARef::from_raw(file.cast()) })
}

/// Returns the fence of the sync file behind a descriptor of the current task.
///
/// # Errors
///
/// `EINVAL` if the descriptor is not that of a sync file.
pub(crate) fn fence(fd: u32) -> Result<Fence> {
    let fd = i32::try_from(fd).map_err(|_| EINVAL)?;
    // SAFETY: The function has no precondition.
    let fence = NonNull::new(unsafe { bindings::sync_file_get_fence(fd) }).ok_or(EINVAL)?;

    // SAFETY: The function took a reference, which is passed to the result.
    Ok(unsafe { Fence::from_raw(fence) })
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_sync_file)]
mod tests {
    use super::*;

    #[test]
    fn nothing_behind_the_descriptor() {
        assert_eq!(fence(u32::MAX).err(), Some(EINVAL));
        // CAST: A positive number.
        assert_eq!(fence(i32::MAX as u32).err(), Some(EINVAL));
    }
}
