// SPDX-License-Identifier: GPL-2.0

//! A range of guest physical addresses for memory of the host.
//!
//! C header: `include/linux/hyperv.h`

use super::bindings;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use core::ptr::NonNull;
#[cfg(any(CONFIG_DXGKRNL_KUNIT_TEST, CONFIG_DXGKRNL_SYNC_FILE))]
use kernel::prelude::*;

/// A range reserved with `vmbus_allocate_mmio()`, freed when dropped.
///
/// # Invariants
///
/// The range `start..start + size` is reserved, and this object is its only owner.
pub(crate) struct MmioRange {
    start: u64,
    size: u64,
}

impl MmioRange {
    /// Takes over a reservation.
    ///
    /// # Safety
    ///
    /// `vmbus_allocate_mmio()` must have reserved exactly this range, and the caller must pass on
    /// the right to free it.
    pub(super) unsafe fn from_reserved(start: u64, size: u64) -> Self {
        // INVARIANT: By the contract of this function.
        Self { start, size }
    }

    /// Returns the guest physical address of the first byte.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Returns the length in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Returns whether all of `start..start + size` lies in the range.
    pub(crate) fn covers(&self, start: u64, size: u64) -> bool {
        start
            .checked_sub(self.start)
            .and_then(|offset| offset.checked_add(size))
            .is_some_and(|end| end <= self.size)
    }

    /// Reads the 8 bytes at the guest physical address `address`, which is memory that the
    /// processor may cache. Sleeps.
    ///
    /// # Errors
    ///
    /// `ERANGE` unless they lie in the range; `ENOMEM` if they cannot be mapped.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn read_u64(&self, address: u64) -> Result<u64> {
        const SIZE: usize = size_of::<u64>();

        if !self.covers(address, SIZE as u64) {
            return Err(ERANGE);
        }

        // SAFETY: The function has no precondition.
        //
        // CAST: A flag is small.
        let mapped = unsafe {
            kernel::bindings::memremap(address, SIZE, kernel::bindings::MEMREMAP_WB as usize)
        };
        let mapped = NonNull::new(mapped).ok_or(ENOMEM)?;
        // SAFETY: The bytes were just mapped, and any value is valid.
        let value = unsafe { mapped.cast::<u64>().read_unaligned() };

        // SAFETY: This was mapped above, and is not used again.
        unsafe { kernel::bindings::memunmap(mapped.as_ptr()) };
        Ok(u64::from_le(value))
    }
}

impl Drop for MmioRange {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the range is reserved and owned by this object.
        unsafe { bindings::vmbus_free_mmio(self.start, self.size) }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_mmio)]
mod tests {
    use super::*;
    use core::mem::ManuallyDrop;

    #[test]
    fn covers_what_lies_inside() {
        // The range was not reserved, so it must not be freed.
        let range = ManuallyDrop::new(MmioRange {
            start: 0x1000,
            size: 0x3000,
        });

        assert!(range.covers(0x1000, 0x3000));
        assert!(range.covers(0x3000, 0x1000));
        assert!(range.covers(0x4000, 0));
        assert!(!range.covers(0xfff, 0x1000));
        assert!(!range.covers(0x1000, 0x3001));
        assert!(!range.covers(0x3001, 0x1000));
        assert!(!range.covers(0x4001, 0));
        assert!(!range.covers(0x2000, u64::MAX));
        assert!(!range.covers(u64::MAX, u64::MAX));
    }
}
