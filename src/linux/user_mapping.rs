// SPDX-License-Identifier: GPL-2.0

//! Memory of the host in the address space of a user program.
//!
//! Each mapping belongs to an anonymous file with an inode of its own, for which the user has no
//! descriptor. All pages are mapped when the file is mapped, which happens exactly once, and there
//! is no fault handler. So revoking the pages is final: a program that accesses the addresses
//! afterwards gets `SIGBUS`, in whatever address space they are by then.
//!
//! `fork()` copies a VMA with its pages, as it does with the mappings of other GPU drivers. The
//! copy belongs to the same inode, and revoking works on the inode: it reaches every copy, and each
//! part of one that was split or moved. The kernel adds a copy to the inode after the VMA it was
//! copied from, before it copies the pages. So when revoking runs concurrently with a `fork()`, it
//! unmaps the pages of the original first, and then those of the copy, and none is left. The user
//! cannot extend a VMA, duplicate it within an address space or map it again, and a read-only one
//! stays read-only.
//!
//! Only the VMAs keep the file, and the file keeps the module loaded. This object keeps the inode
//! only: a process that has ended has no VMAs, so the teardown of its objects in a worker does not
//! keep the module from being unloaded.
//!
//! Pages are mapped directly rather than by `remap_pfn_range()` or on faults, because of the
//! caching. On x86 the former reserves the memory type for as long as the VMA exists, so that a
//! program could keep the type of a page that was revoked long ago, and that the host exposes with
//! another type by then. The latter gives a page the type that another mapping has reserved, which
//! is uncached if there is none. The type of a page is what the host reports for the object that it
//! exposes there. If a host exposes one page for two objects, at the same time and with different
//! types, the result is up to its processor; the memory is the host's.
//!
//! Locks: none of its own. Mapping and unmapping take the lock of the current address space,
//! killably, and revoking and dropping take that of the inode's mapping.
//!
//! C headers: `include/linux/anon_inodes.h`, `include/linux/fs.h`, `include/linux/mm.h`

use super::{
    bindings,
    mmio::MmioRange,
    module, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    current,
    error::{
        from_err_ptr,
        from_result,
        to_result, //
    },
    fs::{
        file::flags::{
            O_RDONLY,
            O_RDWR, //
        },
        File, //
    },
    mm::{
        virt::VmaNew,
        Mm, //
    },
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        SpinLock, //
    },
    types::ForeignOwnable, //
};

/// The user program's access to the memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read only. The program cannot change that.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// The memory type of a mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Write-back, as for ordinary memory.
    WriteBack,
    /// Write-combining: not cached, but writes are combined.
    WriteCombining,
}

/// The private data of a file: the memory that it maps.
///
/// # Invariants
///
/// The memory was in an [`MmioRange`] when the file was created, and stays reserved until the
/// [`UserMapping`] is revoked. The file is not mapped after that, see [`mmap`].
struct Region {
    first_frame: usize,
    size: usize,
    access: Access,
    caching: Caching,
    mapped: Atomic<bool>,
}

/// The operations of the files.
const OPERATIONS: &kernel::bindings::file_operations = &kernel::bindings::file_operations {
    owner: module::this_module(),
    mmap: Some(mmap),
    release: Some(release),
    ..pin_init::zeroed()
};

/// Maps the pages into a new VMA. Only the first call for a file succeeds; it is made by
/// [`UserMapping::map`]. Others come from `remap_file_pages()`.
///
/// # Safety
///
/// `file` must be a file of this module, and `area` a VMA that is being set up for it.
unsafe extern "C" fn mmap(
    file: *mut kernel::bindings::file,
    area: *mut kernel::bindings::vm_area_struct,
) -> c_int {
    from_result(|| {
        // SAFETY: The file is one of this module, which carry a `Region` until `release`.
        let region = unsafe { KBox::<Region>::borrow((*file).private_data) };
        // SAFETY: The VMA is being set up, and its address space is locked for writing.
        let (vma, offset) = unsafe { (VmaNew::from_raw(area), (*area).vm_pgoff) };

        if region.mapped.xchg(true, Full) {
            return Err(EPERM);
        }
        if offset != 0 || vma.end() - vma.start() != region.size {
            return Err(EINVAL);
        }
        if region.access == Access::ReadOnly {
            vma.try_clear_maywrite()?;
        }
        vma.try_clear_mayexec()?;

        // SAFETY:
        // - The VMA is being set up and its address space is locked for writing.
        // - By the type invariant the memory is the host's and stays so, as this call is made by
        //   `UserMapping::map`.
        to_result(unsafe {
            bindings::dxgkrnl_helper_io_remap(
                area,
                region.first_frame,
                region.caching == Caching::WriteCombining,
            )
        })?;
        Ok(0)
    })
}

/// Frees the private data of the file.
///
/// # Safety
///
/// `file` must be a file of this module that is no longer used.
unsafe extern "C" fn release(
    _inode: *mut kernel::bindings::inode,
    file: *mut kernel::bindings::file,
) -> c_int {
    // SAFETY: The file carries a `Region`, made foreign by `UserMapping::map`, which nothing
    // accesses after `release`.
    drop(unsafe { KBox::<Region>::from_foreign((*file).private_data) });
    0
}

/// A reference to the inode of a file of this module.
///
/// # Invariants
///
/// The pointer is valid, and this object owns a reference to the inode.
struct Inode(NonNull<kernel::bindings::inode>);

// SAFETY: Inodes may be used, and references to them dropped, by any thread.
unsafe impl Send for Inode {}
// SAFETY: The functions that are called with a shared reference take the locks they need.
unsafe impl Sync for Inode {}

impl Inode {
    /// Takes a reference to the inode of `file`.
    fn of(file: &File) -> Result<Self> {
        // SAFETY: The file is valid and has an inode, to which it keeps a reference meanwhile. The
        // field does not change.
        let inode = unsafe {
            let inode = (*file.as_ptr()).f_inode;

            kernel::bindings::ihold(inode);
            inode
        };

        // INVARIANT: The reference was just taken.
        Ok(Self(NonNull::new(inode).ok_or(EINVAL)?))
    }

    /// Unmaps the pages of all VMAs of the inode, in all address spaces. Sleeps.
    fn unmap_everywhere(&self) {
        // SAFETY: By the type invariant the inode is valid; its mapping is its own. VMAs of its
        // file stay in the mapping until they are unmapped, and their pages are never mapped again.
        unsafe { kernel::bindings::unmap_mapping_range((*self.0.as_ptr()).i_mapping, 0, 0, 1) };
    }
}

impl Drop for Inode {
    /// Drops the reference. Sleeps.
    fn drop(&mut self) {
        // SAFETY: By the type invariant this object owns the reference.
        unsafe { kernel::bindings::iput(self.0.as_ptr()) };
    }
}

/// Memory of the host that is mapped into the user program of the current task.
///
/// # Invariants
///
/// A file with `inode` was mapped in `mm`, from `pages` on, over `size` bytes. The user may have
/// changed that mapping since. While `window` is set the memory may be mapped.
pub(crate) struct UserMapping {
    inode: Inode,
    mm: ARef<Mm>,
    /// The address of the first page.
    pages: usize,
    /// The offset of the requested memory from there, in bytes.
    offset: usize,
    /// The size in bytes, whole pages.
    size: usize,
    /// Keeps the addresses reserved while a program has them mapped. `None` after revoking.
    window: Pin<KBox<SpinLock<Option<Arc<MmioRange>>>>>,
}

/// Returns the start and the size, in bytes, of the whole pages that contain `size` bytes from
/// `start` on. `None` if `size` is 0 or the end overflows.
pub(crate) fn whole_pages(start: u64, size: u64) -> Option<(u64, u64)> {
    // CAST: 64 bits hold the size of a page.
    let page = PAGE_SIZE as u64;
    let first = start - start % page;
    let end = start.checked_add(size)?.checked_next_multiple_of(page)?;

    (size > 0).then_some((first, end - first))
}

impl UserMapping {
    /// Maps the pages that contain the `size` bytes of guest physical memory from `start` on, which
    /// must lie in `window`, into the address space of the current task.
    ///
    /// # Errors
    ///
    /// `ENOMEM` after any failure.
    pub(crate) fn map(
        window: &Arc<MmioRange>,
        start: u64,
        size: u64,
        access: Access,
        caching: Caching,
    ) -> Result<Self> {
        Self::try_map(window, start, size, access, caching).map_err(|_| ENOMEM)
    }

    fn try_map(
        window: &Arc<MmioRange>,
        start: u64,
        size: u64,
        access: Access,
        caching: Caching,
    ) -> Result<Self> {
        let task = current!();
        let mm: &Mm = task.mm().ok_or(ESRCH)?;
        let mm = ARef::from(mm);

        let (first, size) = whole_pages(start, size).ok_or(EINVAL)?;

        if !window.covers(first, size) {
            return Err(ERANGE);
        }

        let offset = usize::try_from(start - first)?;
        let (first, size) = (usize::try_from(first)?, usize::try_from(size)?);
        let kept = KBox::pin_init(
            new_spinlock!(Some(window.clone()), "UserMapping::window"),
            GFP_KERNEL_ACCOUNT,
        )?;
        // INVARIANT: The memory lies in `window`, which `UserMapping` keeps until it is unmapped
        // everywhere.
        let region = Region {
            first_frame: first / PAGE_SIZE,
            size,
            access,
            caching,
            mapped: Atomic::new(false),
        };
        // The VMAs keep the file; this reference is dropped when the function returns.
        let file = Self::make_file(region)?;
        let inode = Inode::of(&file)?;
        let protection = match access {
            Access::ReadOnly => bindings::PROT_READ,
            Access::ReadWrite => bindings::PROT_READ | bindings::PROT_WRITE,
        };
        // SAFETY: The file is valid, and the current task has an address space.
        let pages = unsafe {
            kernel::bindings::vm_mmap(
                file.as_ptr(),
                0,
                size,
                // CAST: Flags are small.
                protection as usize,
                bindings::MAP_SHARED as usize,
                0,
            )
        };
        let pages = from_err_ptr(ptr::without_provenance_mut::<c_void>(pages))?.addr();

        // INVARIANT: The file was just mapped there.
        Ok(Self {
            inode,
            mm,
            pages,
            offset,
            size,
            window: kept,
        })
    }

    fn make_file(region: Region) -> Result<ARef<File>> {
        let flags = match region.access {
            Access::ReadOnly => O_RDONLY,
            Access::ReadWrite => O_RDWR,
        };
        let private = KBox::new(region, GFP_KERNEL_ACCOUNT)?.into_foreign();
        // SAFETY: The name and the operations are static. The operations expect a `Region`.
        let file = from_err_ptr(unsafe {
            bindings::anon_inode_create_getfile(
                c"host_memory".as_char_ptr(),
                OPERATIONS,
                private,
                // CAST: Flags are small.
                flags as c_int,
                ptr::null(),
            )
        })
        .inspect_err(|_| {
            // SAFETY: `private` was made foreign above, and no file carries it.
            drop(unsafe { KBox::<Region>::from_foreign(private) });
        })?;

        // SAFETY: The file was just created, and this function owns its reference. There is no
        // descriptor for it, so its position is not used.
        Ok(unsafe { ARef::from_raw(NonNull::new(file).ok_or(ENOMEM)?.cast()) })
    }

    /// Returns the address of the first byte in the user program, as it was mapped.
    pub(crate) fn address(&self) -> u64 {
        // CAST: An address has at most 64 bits.
        (self.pages + self.offset) as u64
    }

    /// Returns the size in bytes, whole pages.
    pub(crate) fn size(&self) -> u64 {
        // CAST: A size has at most 64 bits.
        self.size as u64
    }

    /// Returns the range that the memory lies in, unless it was revoked.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn window(&self) -> Option<Arc<MmioRange>> {
        self.window.lock().clone()
    }

    /// Unmaps the memory from the user program, and from all processes that have inherited it: they
    /// get `SIGBUS` when they access the addresses from now on. May be called by any task, any
    /// number of times; sleeps.
    pub(crate) fn revoke(&self) {
        self.inode.unmap_everywhere();

        // Returning the addresses to the bus sleeps.
        let window = self.window.lock().take();

        drop(window);
    }

    /// Returns whether the current task uses the address space of the VMA, and the user has not
    /// changed the VMA. Waits killably; returns `false` after a fatal signal.
    fn is_untouched(&self) -> bool {
        current!().mm().is_some_and(|mm| {
            mm.as_raw() == self.mm.as_raw()
                // SAFETY: By the type invariant the inode is valid; only its address is used. The
                // current task has an address space.
                && unsafe {
                    bindings::dxgkrnl_helper_is_area_of(
                        self.inode.0.as_ptr(),
                        self.pages,
                        self.size,
                    )
                }
        })
    }

    /// Unmaps the memory as [`Self::revoke`] does, and frees the addresses if the current task uses
    /// the address space that they are in and the user has not changed the VMA.
    ///
    /// Other tasks and kernel threads do not free them: a program can keep its address space locked
    /// for as long as it wants. The addresses then stay in use until the program ends.
    ///
    /// A user program whose threads unmap the VMA concurrently, and map something else in its
    /// place, can lose the latter. It harms only itself.
    pub(crate) fn unmap(&self) {
        // The pages are unmapped first, even if freeing the addresses takes long, or is ended by a
        // signal.
        self.revoke();
        if self.is_untouched() {
            // SAFETY: The current task has an address space. The function may fail if the task is
            // being killed or the user has sealed the VMA; then it stays, without pages.
            let _ = unsafe { kernel::bindings::vm_munmap(self.pages, self.size) };
        }
    }
}

impl Drop for UserMapping {
    /// Unmaps the memory from all programs before this returns.
    fn drop(&mut self) {
        if self.window.lock().is_some() {
            self.revoke();
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_user_mapping)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_bytes() {
        for (start, size, pages) in [
            (0x1000, 0x1000, Some((0x1000, 0x1000))),
            (0x1000, 1, Some((0x1000, 0x1000))),
            (0x1000, 0x1001, Some((0x1000, 0x2000))),
            // The value of a fence, in the middle, at the end and across the end of a page
            (0x1040, 8, Some((0x1000, 0x1000))),
            (0x1FF8, 8, Some((0x1000, 0x1000))),
            (0x1FFC, 8, Some((0x1000, 0x2000))),
            (0, 0x1_0000_0001, Some((0, 0x1_0000_1000))),
            (0x1000, 0, None),
            (u64::MAX - 7, 8, None),
            (u64::MAX - 0xFFF, 1, None),
            (1, u64::MAX, None),
        ] {
            assert_eq!(whole_pages(start, size), pages);
        }
    }
}
