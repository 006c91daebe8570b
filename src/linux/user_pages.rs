// SPDX-License-Identifier: GPL-2.0

//! Pages of a user program that are pinned, so that a device or the host can use them.
//!
//! They are pinned for long, and counted as such in the address space they come from, even if the
//! program changes its mappings meanwhile.
//!
//! Locks: none of its own. Pinning takes the lock of the current address space.
//!
//! C headers: `include/linux/mm.h`, `include/linux/vmalloc.h`

use super::bindings;
use crate::counter::Charge;
use core::ptr::NonNull;
use kernel::{
    bindings::{
        page,
        FOLL_LONGTERM,
        FOLL_WRITE, //
    },
    current,
    error::to_result,
    mm::Mm,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

/// The number of pages that are pinned or unpinned at a time. In between, the task may be
/// rescheduled and a fatal signal is handled.
const BATCH: usize = 4096;

/// A list of pinned pages. A long list consists of several batches, as memory for a long one is
/// hard to allocate.
///
/// # Invariants
///
/// Each page in `list` is pinned, and only this object unpins it.
struct Batch {
    list: KVVec<*mut page>,
    writable: bool,
}

// SAFETY: Pages may be unpinned by any thread.
unsafe impl Send for Batch {}
// SAFETY: A shared list is only read.
unsafe impl Sync for Batch {}

impl Batch {
    /// Pins `count` pages from `address` on.
    fn pin(address: usize, count: usize, writable: bool) -> Result<Self> {
        // INVARIANT: The list is empty.
        let mut batch = Self {
            list: KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?,
            writable,
        };

        while batch.list.len() < count {
            let done = batch.list.len();

            batch.pin_some(address + done * PAGE_SIZE, count - done)?;
        }
        Ok(batch)
    }

    /// Pins up to `count` of the pages from `address` on, as many as there is space for.
    ///
    /// Neither the program nor this kernel can enforce that the user of the pages only reads them.
    /// So even for reading only, pages are pinned only if the program may write them.
    fn pin_some(&mut self, address: usize, count: usize) -> Result {
        let count = self.list.spare_capacity_mut().len().min(count);

        match self.pin_with(address, count, FOLL_LONGTERM | FOLL_WRITE) {
            Err(error) if error == EFAULT && !self.writable => {
                let done = self.list.len();

                self.pin_with(address, count, FOLL_LONGTERM)?;
                self.check_writable(address, done)
            }
            result => result,
        }
    }

    /// Pins up to `count` of the pages from `address` on, for which there is space.
    fn pin_with(&mut self, address: usize, count: usize, flags: u32) -> Result {
        let room = self.list.spare_capacity_mut();
        let count = room.len().min(count);
        // SAFETY: `room` has space for `count` pages. All addresses are allowed.
        let pinned = unsafe {
            kernel::bindings::pin_user_pages_fast(
                address,
                i32::try_from(count)?,
                flags,
                room.as_mut_ptr().cast(),
            )
        };

        to_result(pinned)?;
        if pinned == 0 {
            return Err(EFAULT);
        }
        // SAFETY: The function has written this number of pages, at most `count`.
        //
        // INVARIANT: It has pinned them.
        unsafe { self.list.inc_len(usize::try_from(pinned)?) };
        Ok(())
    }

    /// Checks that the program may write the pages of the list from the index `from` on, which were
    /// pinned at `address`: that they are its own, or of a file that it has mapped there and may
    /// write.
    ///
    /// # Errors
    ///
    /// `EFAULT` if it may not; `EINTR` after a fatal signal.
    fn check_writable(&mut self, address: usize, from: usize) -> Result {
        let pages = self.list.get_mut(from..).ok_or(EINVAL)?;

        // SAFETY: By the type invariant the pages are pinned. The current task has pinned them, and
        // therefore has an address space.
        to_result(unsafe {
            bindings::dxgkrnl_helper_check_writable(address, pages.as_mut_ptr(), pages.len())
        })
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the pages are pinned; the list is not used again. The pages
        // are marked dirty if they are writable, so that data written by the host are not lost.
        unsafe {
            kernel::bindings::unpin_user_pages_dirty_lock(
                self.list.as_mut_ptr(),
                self.list.len(),
                self.writable,
            );
            bindings::dxgkrnl_helper_cond_resched();
        }
    }
}

/// Pages of a user program that are pinned until this is dropped, by any task.
///
/// # Invariants
///
/// `batches` has `pages` pages in total, and they are counted in `mm`.
pub(crate) struct PinnedPages {
    batches: KVVec<Batch>,
    pages: usize,
    writable: bool,
    mm: ARef<Mm>,
    _counted: [Charge; 2],
}

impl PinnedPages {
    /// Pins `pages` pages of the current task from `address` on: for reading, or for reading and
    /// writing. Either way the task must have the right to write them, if necessary after a call of
    /// `mprotect()`. `counted` is kept as long as they are pinned. Sleeps.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: the address is not that of a page, or `pages` is 0.
    /// - `EFAULT`: not all of it is memory that can be pinned like that, or that the task may
    ///   write.
    /// - `ENOMEM`: it is more than the machine has, or there is no memory for the list.
    /// - `EINTR`: a fatal signal arrived.
    /// - Other errors of pinning.
    pub(crate) fn pin(
        address: u64,
        pages: usize,
        writable: bool,
        counted: [Charge; 2],
    ) -> Result<Self> {
        let task = current!();
        let mm: &Mm = task.mm().ok_or(EFAULT)?;
        let start = usize::try_from(address).map_err(|_| EFAULT)?;

        if start % PAGE_SIZE != 0 || pages == 0 {
            return Err(EINVAL);
        }
        pages
            .checked_mul(PAGE_SIZE)
            .and_then(|bytes| start.checked_add(bytes))
            .ok_or(EFAULT)?;
        // SAFETY: The function has no precondition.
        if pages > unsafe { bindings::dxgkrnl_helper_total_ram_pages() } {
            return Err(ENOMEM);
        }

        let mut batches = KVVec::with_capacity(pages.div_ceil(BATCH), GFP_KERNEL_ACCOUNT)?;

        for done in (0..pages).step_by(BATCH) {
            // SAFETY: The function has no precondition.
            if unsafe { bindings::dxgkrnl_helper_fatal_signal_pending() } {
                return Err(EINTR);
            }

            let batch = Batch::pin(start + done * PAGE_SIZE, BATCH.min(pages - done), writable)?;

            // Cannot fail: the space was reserved above.
            batches.push(batch, GFP_KERNEL_ACCOUNT)?;
        }

        Self::count(mm, pages, true);
        // INVARIANT: This number of pages was pinned, and just counted.
        Ok(Self {
            batches,
            pages,
            writable,
            mm: mm.into(),
            _counted: counted,
        })
    }

    /// Adds pages to the count of `mm`, or subtracts them.
    fn count(mm: &Mm, pages: usize, pinned: bool) {
        // SAFETY: A reference to `mm` is held during the call, which is all the counter needs.
        unsafe { bindings::dxgkrnl_helper_count_pinned(mm.as_raw(), pages, pinned) }
    }

    /// Returns the number of pages.
    pub(crate) fn len(&self) -> usize {
        self.pages
    }

    fn list(&self) -> impl Iterator<Item = *mut page> + '_ {
        self.batches
            .iter()
            .flat_map(|batch| batch.list.iter().copied())
    }

    /// Returns the frame numbers of the pages, in the order of their addresses.
    pub(crate) fn frames(&self) -> impl Iterator<Item = u64> + '_ {
        self.list().map(|page| {
            // SAFETY: The page is pinned, so the pointer is valid. Only its address is used.
            let frame = unsafe { bindings::dxgkrnl_helper_page_to_pfn(page) };

            // CAST: A frame number has less than 64 bits.
            frame as u64
        })
    }

    /// Maps the pages into the kernel, at consecutive addresses. Sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is no memory or no address space for that.
    pub(crate) fn map_kernel(self: &Arc<Self>) -> Result<KernelMapping> {
        let count = u32::try_from(self.pages).map_err(|_| ENOMEM)?;
        let mut list = KVVec::with_capacity(self.pages, GFP_KERNEL_ACCOUNT | __GFP_NOWARN)?;

        for page in self.list() {
            list.push(page, GFP_KERNEL_ACCOUNT)?;
        }
        // SAFETY: The list has `count` pages. They stay pinned as long as the mapping exists, which
        // keeps a reference to them.
        let address =
            unsafe { bindings::dxgkrnl_helper_vmap(list.as_mut_ptr(), count, self.writable) };

        // INVARIANT: The pages were just mapped there.
        Ok(KernelMapping {
            address: NonNull::new(address).ok_or(ENOMEM)?,
            pages: self.clone(),
        })
    }
}

impl Drop for PinnedPages {
    fn drop(&mut self) {
        Self::count(&self.mm, self.pages, false);
    }
}

/// Pinned pages in the address space of the kernel. The user program may change them at any time,
/// so they must not be read.
///
/// # Invariants
///
/// All of `pages` are mapped at `address`, and only this object unmaps them.
pub(crate) struct KernelMapping {
    address: NonNull<c_void>,
    pages: Arc<PinnedPages>,
}

// SAFETY: A mapping may be used and unmapped by any thread.
unsafe impl Send for KernelMapping {}
// SAFETY: There are no methods that change anything through `&self`.
unsafe impl Sync for KernelMapping {}

impl KernelMapping {
    /// Returns the address of the first page.
    pub(super) fn address(&self) -> *mut c_void {
        self.address.as_ptr()
    }

    /// Returns the size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        // Pinning has checked that the product does not overflow.
        self.pages.len() * PAGE_SIZE
    }
}

impl Drop for KernelMapping {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is a mapping, and owned by this object.
        unsafe { bindings::vunmap(self.address.as_ptr()) }
    }
}

// Frame numbers are passed to the host, whose pages have 4096 bytes.
static_assert!(PAGE_SIZE == 4096);

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_user_pages)]
mod tests {
    use super::*;
    use crate::counter::Counter;

    #[test]
    fn no_address_space_no_pages() -> Result {
        let counter = Counter::new(1, GFP_KERNEL)?;
        let counted = [counter.try_charge(1)?, counter.try_charge(0)?];

        // The tests run in a kernel thread.
        assert_eq!(
            PinnedPages::pin(0x1000, 1, true, counted).err(),
            Some(EFAULT)
        );
        assert_eq!(counter.usage(), 0);
        Ok(())
    }
}
