// SPDX-License-Identifier: GPL-2.0

//! The physical addresses at which the host maps its memory into this virtual machine.
//!
//! The host decides the layout of the window: its memory may be mapped for several objects at a
//! time, in parts of pages, and to several programs.

use crate::linux::{
    mmio::MmioRange,
    user_mapping::{
        whole_pages,
        Access,
        Caching,
        UserMapping, //
    },
};
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
};

/// The window that was announced to the host.
///
/// It outlives the global channel if a process does, but nothing is mapped after [`Self::close`].
/// The addresses are returned to the bus when no mapping of the window is left.
#[pin_data]
pub(crate) struct IoWindow {
    start: u64,
    length: u64,
    #[pin]
    range: SpinLock<Option<Arc<MmioRange>>>,
}

impl IoWindow {
    /// Creates the window that fills `range`.
    pub(crate) fn new(range: MmioRange) -> Result<Arc<Self>> {
        let (start, length) = (range.start(), range.size());
        let range = Arc::new(range, GFP_KERNEL)?;

        Arc::pin_init(
            pin_init!(Self {
                start,
                length,
                range <- new_spinlock!(Some(range), "IoWindow::range"),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the first physical address.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Returns the size in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Prevents further mappings. Sleeps.
    pub(crate) fn close(&self) {
        let range = self.range.lock().take();

        // Returning addresses to the bus sleeps.
        drop(range);
    }

    /// Maps into the user program the pages that contain the `size` bytes at `address`, both as
    /// reported by the host.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the window is closed; `ENOMEM`, also if `size` is 0 or not all of the pages are
    /// in the window.
    pub(crate) fn map(
        &self,
        address: u64,
        size: u64,
        access: Access,
        caching: Caching,
    ) -> Result<UserMapping> {
        let range = self.range.lock().clone().ok_or(ENODEV)?;

        check(self.start(), self.length(), address, size).map_err(|_| ENOMEM)?;
        UserMapping::map(&range, address, size, access, caching)
    }
}

/// Checks that all pages that contain the `size` bytes at `address` lie in a window of `length`
/// bytes at `start`. No more is required: beside the window are addresses of other devices, inside
/// it is only memory of the host.
fn check(start: u64, length: u64, address: u64, size: u64) -> Result {
    let (first, size) = whole_pages(address, size).ok_or(EINVAL)?;
    let offset = first.checked_sub(start).ok_or(EINVAL)?;
    let end = offset.checked_add(size).ok_or(EINVAL)?;

    if end > length {
        return Err(EINVAL);
    }
    Ok(())
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_io_window)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let check = |address, size| check(0x10_0000, 0x10_0000, address, size);

        for (address, size) in [
            (0x10_0000, 0x10_0000),
            (0x1F_F000, 0x1000),
            // Parts of pages, up to the last byte of the window.
            (0x10_0008, 8),
            (0x10_0008, 0x1000),
            (0x10_0000, 0x800),
            (0x1F_FFF8, 8),
            (0x10_0FFC, 8),
            (0x10_0001, 0xF_FFFF),
        ] {
            assert!(check(address, size).is_ok());
        }
        for (address, size) in [
            (0x0F_F000, 0x1000),
            (0x20_0000, 0x1000),
            (0x1F_F000, 0x2000),
            (0x10_0000, 0x10_1000),
            (0x10_0000, 0),
            (0x0F_FFFC, 8),
            (0x1F_FFFC, 8),
            (0x10_0001, 0x10_0000),
            (0, 0x1000),
            (u64::MAX - 0xFFF, 0x1000),
            (0x10_0000, u64::MAX - 0xFFF),
        ] {
            assert!(check(address, size).is_err());
        }
    }
}
