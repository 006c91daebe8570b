// SPDX-License-Identifier: GPL-2.0

//! Memory of the host in the address space of a user program.
//!
//! Each mapping belongs to an anonymous file of its own, which the user has no descriptor of. All
//! pages are entered when the file is mapped, which happens exactly once, and there is no fault
//! handler. So taking the pages away is final: whoever touches the addresses afterwards gets
//! `SIGBUS`, in whatever address space they are by then.
//!
//! What a user can do with an area of his own leads nowhere: it is not inherited by a child, does
//! not grow, cannot be duplicated or mapped again, and a read-only one stays so. `munmap()` and
//! `mremap()` of it are his own business. It keeps the module loaded as long as it is there.
//!
//! Pages are entered directly rather than by `remap_pfn_range()` or on faults, because of the
//! caching. On x86 the former reserves it for as long as the area exists, so that a program could
//! keep a type for a page that it was deprived of long ago, and that the host shows to somebody
//! else in another way. The latter gives a page the type that somebody else has reserved, which is
//! uncached if nobody did. Of one page there is one mapping at a time, as the one before is revoked
//! before the host may use the page again; so types cannot differ.
//!
//! Locks: none of our own. Mapping and dropping take the lock of the current address space, and
//! revoking the one of the file's mapping.
//!
//! C headers: `include/linux/anon_inodes.h`, `include/linux/mm.h`

use super::{
    bindings,
    compat,
    mmio::MmioRange, //
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
        Mm,
        MmWithUser, //
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
    owner: compat::this_module(),
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
        vma.set_dontcopy();

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

/// Memory of the host that the user program of the current task sees.
///
/// # Invariants
///
/// `file` is one of ours and was mapped in `mm`, from `address` on, over `size` bytes. What is
/// there by now is up to the user. As long as `window` is there the user may see the memory.
pub(crate) struct UserMapping {
    file: ARef<File>,
    mm: ARef<Mm>,
    address: usize,
    size: usize,
    /// So that the addresses are not given to another device while anybody sees them.
    window: Pin<KBox<SpinLock<Option<Arc<MmioRange>>>>>,
}

impl UserMapping {
    /// Maps `size` bytes of guest physical memory from `start` on, which must lie in `window`,
    /// into the address space of the current task. Both must be multiples of the page size.
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

        if !window.covers(start, size) {
            return Err(ERANGE);
        }

        let (start, size) = (usize::try_from(start)?, usize::try_from(size)?);

        if size == 0 || start % PAGE_SIZE != 0 || size % PAGE_SIZE != 0 {
            return Err(EINVAL);
        }

        let kept = KBox::pin_init(
            new_spinlock!(Some(window.clone()), "UserMapping::window"),
            GFP_KERNEL_ACCOUNT,
        )?;
        // INVARIANT: The memory lies in `window`, which `UserMapping` keeps until nobody sees it.
        let region = Region {
            first_frame: start / PAGE_SIZE,
            size,
            access,
            caching,
            mapped: Atomic::new(false),
        };
        let file = Self::make_file(region)?;
        let protection = match access {
            Access::ReadOnly => bindings::PROT_READ,
            Access::ReadWrite => bindings::PROT_READ | bindings::PROT_WRITE,
        };
        // SAFETY: The file is valid, and the current task has an address space.
        let address = unsafe {
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
        let address = from_err_ptr(ptr::without_provenance_mut::<c_void>(address))?.addr();

        // INVARIANT: The file was just mapped there.
        Ok(Self {
            file,
            mm,
            address,
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
        self.address as u64
    }

    /// Takes the memory away from the user program: it gets `SIGBUS` when it touches the addresses
    /// from now on. May be called by any task, as often as one likes; sleeps.
    pub(crate) fn revoke(&self) {
        // SAFETY: The file is valid and keeps its inode, whose mapping nobody else uses. Areas of
        // the file are entered there until they are unmapped, and their pages are never put back.
        unsafe { kernel::bindings::unmap_mapping_range((*self.file.as_ptr()).f_mapping, 0, 0, 1) };

        // Giving addresses back sleeps.
        let window = self.window.lock().take();

        drop(window);
    }

    /// Whether the area is still as it was made. The caller is in the address space.
    fn is_untouched(&self, mm: &MmWithUser) -> bool {
        mm.mmap_read_lock()
            .vma_lookup(self.address)
            .is_some_and(|area| {
                // SAFETY: The area is valid while the address space is locked.
                let file = unsafe { (*area.as_ptr()).vm_file };

                file == self.file.as_ptr()
                    && area.start() == self.address
                    && area.end() - area.start() == self.size
            })
    }

    /// Unmaps the area if the user has left it alone. The current task uses the address space.
    ///
    /// A user program whose threads unmap it at this moment, and map something else in its place,
    /// can lose the latter. It harms only itself.
    fn unmap_here(&self, mm: &MmWithUser) {
        if self.is_untouched(mm) {
            // SAFETY: The current task has an address space. The function may fail if the task is
            // being killed or the user has sealed the area; then it stays, without pages.
            let _ = unsafe { kernel::bindings::vm_munmap(self.address, self.size) };
        }
    }

    /// Unmaps the area from a kernel thread, which has no address space of its own.
    fn unmap_from_kernel_thread(&self) {
        let Some(mm) = self.mm.mmget_not_zero() else {
            return;
        };
        // The program may end meanwhile; its memory is not to be freed by this thread then.
        let mm = MmWithUser::into_mmput_async(mm);

        // SAFETY: The address space has users, and the current task is a kernel thread without
        // one. It gives it back before anything else happens to it.
        unsafe { kernel::bindings::kthread_use_mm(mm.as_raw()) };
        self.unmap_here(&mm);
        // SAFETY: It was taken above.
        unsafe { kernel::bindings::kthread_unuse_mm(mm.as_raw()) };
    }
}

/// Whether the current task is a thread of the kernel.
fn is_kernel_thread() -> bool {
    // SAFETY: The task is the current one, which alone changes this flag, long ago.
    unsafe { (*current!().as_ptr()).flags & kernel::bindings::PF_KTHREAD != 0 }
}

impl Drop for UserMapping {
    /// The memory is gone from the user's view when this returns. The addresses are free again if
    /// the user's own task or a kernel thread does it; else they stay taken until the user program
    /// ends.
    fn drop(&mut self) {
        match current!().mm() {
            Some(mm) if mm.as_raw() == self.mm.as_raw() => self.unmap_here(mm),
            None if is_kernel_thread() => self.unmap_from_kernel_thread(),
            _ => {}
        }
        // Parts of it may have been moved, and the area may be in another address space.
        self.revoke();
    }
}
