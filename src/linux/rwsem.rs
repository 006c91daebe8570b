// SPDX-License-Identifier: GPL-2.0

//! A reader-writer semaphore.
//!
//! C header: `include/linux/rwsem.h`

use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    bindings,
    prelude::*,
    sync::LockClassKey,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// Data that many threads may read or one may change. Acquiring it sleeps, uninterruptibly.
#[pin_data]
pub(crate) struct RwSem<T> {
    #[pin]
    sem: Opaque<bindings::rw_semaphore>,
    data: UnsafeCell<T>,
}

// SAFETY: The semaphore may be used from any thread; ownership of the data moves with it.
unsafe impl<T: Send> Send for RwSem<T> {}
// SAFETY: Readers share `&T` between threads, so `T` must be `Sync`; a writer has `&mut T` on its
// own thread, so `T` must be `Send`.
unsafe impl<T: Send + Sync> Sync for RwSem<T> {}

impl<T> RwSem<T> {
    /// Creates a semaphore; use `new_rwsem!`.
    pub(crate) fn new(
        data: T,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes and pinned, `name` and `key` are static.
            sem <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_rwsem(slot, name.as_char_ptr(), key.as_ptr())
            }),
            data: UnsafeCell::new(data),
        })
    }

    /// Acquires the data for reading. Sleeps until there is no writer.
    pub(crate) fn read(&self) -> ReadGuard<'_, T> {
        // SAFETY: `sem` was initialised by `new` and is pinned.
        unsafe { bindings::down_read(self.sem.get()) };

        ReadGuard {
            lock: self,
            _here: NotThreadSafe,
        }
    }

    /// Acquires the data for writing. Sleeps until there is no other reader or writer.
    pub(crate) fn write(&self) -> WriteGuard<'_, T> {
        // SAFETY: `sem` was initialised by `new` and is pinned.
        unsafe { bindings::down_write(self.sem.get()) };

        WriteGuard {
            lock: self,
            _exclusive: PhantomData,
            _here: NotThreadSafe,
        }
    }
}

/// Shared access to the data of an [`RwSem`].
///
/// # Invariants
///
/// The current thread holds the semaphore for reading.
#[must_use = "the semaphore is released when the guard is dropped"]
pub(crate) struct ReadGuard<'a, T> {
    lock: &'a RwSem<T>,
    _here: NotThreadSafe,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant there is no writer.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this thread holds the semaphore for reading.
        unsafe { bindings::up_read(self.lock.sem.get()) }
    }
}

/// Exclusive access to the data of an [`RwSem`].
///
/// # Invariants
///
/// The current thread holds the semaphore for writing.
#[must_use = "the semaphore is released when the guard is dropped"]
pub(crate) struct WriteGuard<'a, T> {
    lock: &'a RwSem<T>,
    _exclusive: PhantomData<&'a mut T>,
    _here: NotThreadSafe,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariant no other thread holds the data.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariant no other thread holds the data.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this thread holds the semaphore for writing.
        unsafe { bindings::up_write(self.lock.sem.get()) }
    }
}

/// Creates an [`RwSem`] with a lockdep class of its own.
macro_rules! new_rwsem {
    ($value:expr, $name:literal) => {
        $crate::linux::rwsem::RwSem::new($value, $name, kernel::static_lock_class!())
    };
}
pub(crate) use new_rwsem;
