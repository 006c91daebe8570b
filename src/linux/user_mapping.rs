// SPDX-License-Identifier: GPL-2.0

//! Memory of the host in the address space of a user program.
//!
//! Each mapping belongs to an anonymous file with an inode of its own, which the user has no
//! descriptor of. All pages are entered when the file is mapped, which happens exactly once, and
//! there is no fault handler. So taking the pages away is final: a program that touches the
//! addresses afterwards gets `SIGBUS`, in whatever address space they are by then.
//!
//! `fork()` copies an area, with its pages, as it does with the mappings of other GPU drivers. The
//! copy belongs to the same inode, and revoking goes through that: it reaches every copy, and each
//! part of one that was split or moved. The kernel enters a copy with the inode behind the area it
//! comes from, before it copies the pages. So when revoking meets a `fork()` it takes the pages
//! from the original first, and then from the copy, and none is left. Apart from that the user can
//! do nothing with an area that leads anywhere: it does not grow, cannot be duplicated within an
//! address space or mapped again, and a read-only one stays so.
//!
//! The areas alone keep the file, and the file keeps the module loaded. This object keeps the
//! inode only: a process that has ended has no areas, and so nothing that its objects do on their
//! way out, in a worker, keeps the module from being unloaded.
//!
//! Pages are entered directly rather than by `remap_pfn_range()` or on faults, because of the
//! caching. On x86 the former reserves it for as long as the area exists, so that a program could
//! keep a type for a page that was taken from it long ago, and that the host shows in another way
//! by then. The latter gives a page the type that another mapping has reserved, which is uncached
//! if there is none. The type of a page is what the host says of the object it shows there. A host
//! that shows one page for two objects, at the same time and with different types, gets what its
//! own processor does then; the memory is the host's.
//!
//! Locks: none of our own. Mapping and unmapping take the lock of the current address space, killably,
//! and revoking and dropping the one of the inode's mapping.
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

/// What the user program may do with the memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Read only, for ever.
    ReadOnly,
    /// Read and write.
    ReadWrite,
}

/// How the processor treats the memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Like ordinary memory.
    WriteBack,
    /// Not cached; writes are gathered.
    WriteCombining,
}

/// What a file stands for: its private data.
///
/// # Invariants
///
/// The memory was in an [`MmioRange`] when the file was made, and is until the [`UserMapping`] is
/// revoked. No file is mapped after that, see [`mmap`].
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

/// Enters the pages into a new area. Only the first call for a file does; it is made by
/// [`UserMapping::map`], which knows where that leads. Others come from `remap_file_pages()`.
///
/// # Safety
///
/// `file` must be one of ours, and `area` an area that is being set up for it.
unsafe extern "C" fn mmap(
    file: *mut kernel::bindings::file,
    area: *mut kernel::bindings::vm_area_struct,
) -> c_int {
    from_result(|| {
        // SAFETY: The file is one of ours, which carry a `Region` until `release`.
        let region = unsafe { KBox::<Region>::borrow((*file).private_data) };
        // SAFETY: The area is being set up, and its address space locked for writing.
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
        // - The area is being set up and its address space locked for writing.
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

/// Frees what the file carries.
///
/// # Safety
///
/// `file` must be one of ours that is used no more.
unsafe extern "C" fn release(
    _inode: *mut kernel::bindings::inode,
    file: *mut kernel::bindings::file,
) -> c_int {
    // SAFETY: The file carries a `Region`, made foreign by `UserMapping::map`, and nobody looks at
    // it any more.
    drop(unsafe { KBox::<Region>::from_foreign((*file).private_data) });
    0
}

/// The inode of a file of ours, with a reference to it.
///
/// # Invariants
///
/// The pointer is valid, and this object owns a reference to the inode.
struct Inode(NonNull<kernel::bindings::inode>);

// SAFETY: Inodes may be used, and references to them dropped, by any thread.
unsafe impl Send for Inode {}
// SAFETY: What is called with a shared one takes the locks it needs.
unsafe impl Sync for Inode {}

impl Inode {
    /// The inode of `file`.
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

    /// Takes the pages of all areas of the inode away, in all address spaces. Sleeps.
    fn unmap_everywhere(&self) {
        // SAFETY: By the type invariant the inode is valid; its mapping is its own. Areas of its
        // file are entered there until they are unmapped, and their pages are never put back.
        unsafe { kernel::bindings::unmap_mapping_range((*self.0.as_ptr()).i_mapping, 0, 0, 1) };
    }
}

impl Drop for Inode {
    /// Sleeps.
    fn drop(&mut self) {
        // SAFETY: By the type invariant this reference is ours to give up.
        unsafe { kernel::bindings::iput(self.0.as_ptr()) };
    }
}

/// Memory of the host that the user program of the current task sees.
///
/// # Invariants
///
/// A file with `inode` was mapped in `mm`, from `pages` on, over `size` bytes. What is there by now
/// is up to the user. As long as `window` is there the user may see the memory.
pub(crate) struct UserMapping {
    inode: Inode,
    mm: ARef<Mm>,
    /// Where the first page is.
    pages: usize,
    /// How far from there the memory begins that was asked for.
    offset: usize,
    /// Bytes, whole pages.
    size: usize,
    /// So that the addresses are not given to another device while a program sees them.
    window: Pin<KBox<SpinLock<Option<Arc<MmioRange>>>>>,
}

/// The whole pages that hold `size` bytes from `start` on: where they begin, and how many bytes
/// they have. `None` if there are none, or they have no end.
pub(crate) fn whole_pages(start: u64, size: u64) -> Option<(u64, u64)> {
    // CAST: 64 bits hold the size of a page.
    let page = PAGE_SIZE as u64;
    let first = start - start % page;
    let end = start.checked_add(size)?.checked_next_multiple_of(page)?;

    (size > 0).then_some((first, end - first))
}

impl UserMapping {
    /// Maps the pages with the `size` bytes of guest physical memory from `start` on, which must lie
    /// in `window`, into the address space of the current task.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, whatever the reason.
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
        // INVARIANT: The memory lies in `window`, which `UserMapping` keeps until nobody sees it.
        let region = Region {
            first_frame: first / PAGE_SIZE,
            size,
            access,
            caching,
            mapped: Atomic::new(false),
        };
        // The areas keep the file; this reference goes when the function returns.
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
        // SAFETY: The name and the operations live for ever. The operations expect a `Region`.
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

        // SAFETY: The file was just made, and its reference is ours. There is no descriptor for
        // it, so nobody uses its position.
        Ok(unsafe { ARef::from_raw(NonNull::new(file).ok_or(ENOMEM)?.cast()) })
    }

    /// The address at which the user program saw the first byte, when it was mapped.
    pub(crate) fn address(&self) -> u64 {
        // CAST: An address has at most 64 bits.
        (self.pages + self.offset) as u64
    }

    /// Bytes, whole pages.
    pub(crate) fn size(&self) -> u64 {
        // CAST: A size has at most 64 bits.
        self.size as u64
    }

    /// Returns the range that the memory lies in, as long as the user may see it.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn window(&self) -> Option<Arc<MmioRange>> {
        self.window.lock().clone()
    }

    /// Takes the memory away from the user program, and from all that have inherited it: they get
    /// `SIGBUS` when they touch the addresses from now on. May be called by any task, as often as
    /// one likes; sleeps.
    pub(crate) fn revoke(&self) {
        self.inode.unmap_everywhere();

        // Giving addresses back sleeps.
        let window = self.window.lock().take();

        drop(window);
    }

    /// Whether the current task uses the address space of the area, which the user has left as it
    /// was made. Can be killed; the answer is no then.
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

    /// Takes the memory away as [`Self::revoke`] does, and frees the addresses if the current task
    /// uses the address space that they are in and the user has left the area alone.
    ///
    /// No other task frees them, and no thread of the kernel does: a program can keep its address
    /// space locked for as long as it wants. The addresses then stay taken until the program ends.
    ///
    /// A user program whose threads unmap it at this moment, and map something else in its place,
    /// can lose the latter. It harms only itself.
    pub(crate) fn unmap(&self) {
        // The pages go first: they must even if the rest takes long, or is ended by a signal.
        self.revoke();
        if self.is_untouched() {
            // SAFETY: The current task has an address space. The function may fail if the task is
            // being killed or the user has sealed the area; then it stays, without pages.
            let _ = unsafe { kernel::bindings::vm_munmap(self.pages, self.size) };
        }
    }
}

impl Drop for UserMapping {
    /// The memory is gone from every program's view when this returns.
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
