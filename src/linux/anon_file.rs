// SPDX-License-Identifier: GPL-2.0

//! Anonymous files that carry an object, so that user programs can pass descriptors of it around.
//!
//! Such a file can only be duplicated, passed on and closed. It keeps the object until its last
//! descriptor is closed, and the module loaded as long.
//!
//! C headers: `include/linux/anon_inodes.h`, `include/linux/file.h`

use super::{
    bindings,
    errno,
    module, //
};
use core::{
    any::Any,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    bindings::file_operations,
    error::from_err_ptr,
    fs::{
        file::{
            flags::{
                O_CLOEXEC,
                O_RDWR, //
            },
            FileDescriptorReservation, //
        },
        File,
        LocalFile, //
    },
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::ForeignOwnable, //
};

/// The content of a file: an `Arc<T>` with its type. A thin pointer to it is the private data of
/// the file.
type Content = KBox<KBox<dyn Any + Send + Sync>>;

/// A table of operations that the kernel only reads.
#[repr(transparent)]
struct Operations(file_operations);

// SAFETY: The table is never changed, and it points only at code and the module.
unsafe impl Sync for Operations {}

/// The operations of all files of this module. A file is recognised by them.
static OPERATIONS: Operations = Operations(file_operations {
    owner: module::this_module(),
    release: Some(release),
    ..pin_init::zeroed()
});

/// Drops the content of the file.
///
/// # Safety
///
/// `file` must be a file of this module that is no longer used.
unsafe extern "C" fn release(
    _inode: *mut kernel::bindings::inode,
    file: *mut kernel::bindings::file,
) -> c_int {
    // SAFETY: The file carries a `Content`, made foreign by `new_file`, which nothing accesses
    // after `release`.
    drop(unsafe { Content::from_foreign((*file).private_data) });
    0
}

/// Reserves a descriptor of the current task, closed on `execve()`. The caller installs it when
/// nothing can fail afterwards; until then it cannot be used, and dropping it frees it.
pub(crate) fn reserve_fd() -> Result<FileDescriptorReservation> {
    FileDescriptorReservation::get_unused_fd_flags(O_CLOEXEC)
}

/// Creates a file called `name` that carries `object`. The object is dropped, in a context that may
/// sleep, when the file is closed for the last time.
pub(crate) fn new_file<T>(name: &'static CStr, object: Arc<T>) -> Result<ARef<File>>
where
    T: Send + Sync + 'static,
{
    let object: KBox<dyn Any + Send + Sync> = KBox::new(object, GFP_KERNEL_ACCOUNT)?;
    let private = Content::new(object, GFP_KERNEL_ACCOUNT)?.into_foreign();
    // SAFETY: The name and the operations are static. The operations expect a `Content`.
    let file = from_err_ptr(unsafe {
        bindings::anon_inode_getfile(
            name.as_char_ptr(),
            ptr::from_ref(&OPERATIONS).cast(),
            private,
            // CAST: Flags are small.
            O_RDWR as c_int,
        )
    })
    .inspect_err(|_| {
        // SAFETY: `private` was made foreign above, and no file carries it.
        drop(unsafe { Content::from_foreign(private) });
    })?;

    // SAFETY: The file was just created, and this function owns its reference. There is no
    // descriptor for it yet, so its position is not used.
    Ok(unsafe { ARef::from_raw(NonNull::new(file).ok_or(ENOMEM)?.cast()) })
}

/// Returns the object of type `T` that the file behind a descriptor of the current task carries.
///
/// # Errors
///
/// `EBADF` if the descriptor is not open, or its file is not one of this module; `EPROTOTYPE` if it
/// carries an object of another type.
pub(crate) fn object<T>(fd: u32) -> Result<Arc<T>>
where
    T: Send + Sync + 'static,
{
    carried(&*LocalFile::fget(fd)?)
}

/// Returns whether the file behind a descriptor of the current task is one of this module.
pub(crate) fn is_ours(fd: u32) -> bool {
    LocalFile::fget(fd).is_ok_and(|file| content(&file).is_some())
}

/// Returns the object of type `T` that `file` carries.
///
/// # Errors
///
/// As for [`object`].
fn carried<T>(file: &LocalFile) -> Result<Arc<T>>
where
    T: Send + Sync + 'static,
{
    content(file)
        .ok_or(EBADF)?
        .downcast_ref::<Arc<T>>()
        .cloned()
        .ok_or_else(errno::eprototype)
}

/// Returns the content of `file`, if it is a file of this module.
fn content(file: &LocalFile) -> Option<&(dyn Any + Send + Sync)> {
    // SAFETY: The file is valid. Neither field changes while it exists.
    let (operations, private) = unsafe {
        let raw = file.as_ptr();

        ((*raw).f_op, (*raw).private_data)
    };

    if !ptr::eq(operations, ptr::from_ref(&OPERATIONS).cast()) {
        return None;
    }

    // SAFETY: The file is one of this module, which carry a `Content` as long as they exist; a
    // reference to the file is held during the borrow.
    let content: &KBox<dyn Any + Send + Sync> = unsafe { Content::borrow(private) };

    Some(&**content)
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_anon_file)]
mod tests {
    use super::*;

    struct One(u32);
    /// A type with the same layout as `One`.
    struct Other(#[expect(dead_code, reason = "only its type matters")] u32);

    #[test]
    fn only_the_right_type_comes_back() -> Result {
        let file = new_file(c"dxgkrnl-test", Arc::new(One(7), GFP_KERNEL)?)?;

        assert_eq!(carried::<One>(&file).map(|one| one.0), Ok(7));
        assert_eq!(carried::<Other>(&file).err(), Some(errno::eprototype()));
        Ok(())
    }

    #[test]
    fn the_same_object_comes_back() -> Result {
        let one = Arc::new(One(7), GFP_KERNEL)?;
        let file = new_file(c"dxgkrnl-test", one.clone())?;

        assert!(carried::<One>(&file).is_ok_and(|back| Arc::ptr_eq(&back, &one)));
        // The file has a reference of its own.
        assert!(Arc::into_unique_or_drop(one).is_none());
        Ok(())
    }

    #[test]
    fn descriptors_that_are_not_open() {
        assert_eq!(object::<One>(u32::MAX).err(), Some(EBADF));
        assert!(!is_ours(u32::MAX));
    }
}
