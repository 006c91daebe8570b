// SPDX-License-Identifier: GPL-2.0

//! A range of guest physical addresses for memory of the host.
//!
//! C header: `include/linux/hyperv.h`

use super::bindings;

/// A range reserved with `vmbus_allocate_mmio()`, given back when dropped.
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
    /// `vmbus_allocate_mmio()` must have reserved exactly this range, and nobody else may free
    /// it.
    pub(super) unsafe fn from_reserved(start: u64, size: u64) -> Self {
        // INVARIANT: By the contract of this function.
        Self { start, size }
    }

    /// Guest physical address of the first byte.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Length in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for MmioRange {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the range is reserved and ours.
        unsafe { bindings::vmbus_free_mmio(self.start, self.size) }
    }
}
