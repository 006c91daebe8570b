// SPDX-License-Identifier: GPL-2.0

//! A spinlock that keeps local interrupts off while it is held.
//!
//! For data shared with interrupt or softirq context, such as VMBus channel callbacks. The holder
//! must not sleep. Linux 7.3 has `SpinLockIrq`; this one also builds on 7.2.

use super::bindings;
use kernel::{
    ffi::c_char,
    sync::lock::{
        Backend,
        Lock, //
    }, //
};

/// A lock taken with `spin_lock_irqsave()`.
pub(crate) type IrqLock<T> = Lock<T, IrqBackend>;

/// The [`Backend`] of [`IrqLock`].
pub(crate) struct IrqBackend;

// SAFETY:
// - `spinlock_t` ensures mutual exclusion between `lock` and `unlock`.
// - `relock` is the default one, which calls `lock` again.
unsafe impl Backend for IrqBackend {
    type State = kernel::bindings::spinlock_t;

    /// The interrupt state to restore.
    type GuardState = usize;

    unsafe fn init(
        ptr: *mut Self::State,
        name: *const c_char,
        key: *mut kernel::bindings::lock_class_key,
    ) {
        // SAFETY: By the contract of this function `ptr` is valid for writes, and `name` and
        // `key` stay valid for reads.
        unsafe { kernel::bindings::__spin_lock_init(ptr, name, key) }
    }

    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By the contract of this function `ptr` points at an initialised lock.
        unsafe { bindings::dxgkrnl_helper_spin_lock_irqsave(ptr) }
    }

    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        let mut flags = 0;

        // SAFETY: By the contract of this function `ptr` points at an initialised lock; `flags`
        // is a local variable of the right type.
        let locked = unsafe { bindings::dxgkrnl_helper_spin_trylock_irqsave(ptr, &mut flags) };

        locked.then_some(flags)
    }

    unsafe fn unlock(ptr: *mut Self::State, flags: &Self::GuardState) {
        // SAFETY: By the contract of this function the caller owns the lock, and `flags` is what
        // taking it returned.
        unsafe { bindings::dxgkrnl_helper_spin_unlock_irqrestore(ptr, *flags) }
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By the contract of this function `ptr` points at an initialised lock.
        unsafe { kernel::bindings::spin_assert_is_held(ptr) }
    }
}

/// Creates an [`IrqLock`] with a lockdep class of its own.
macro_rules! new_irq_lock {
    ($value:expr, $name:literal) => {
        $crate::linux::irq_lock::IrqLock::new($value, $name, kernel::static_lock_class!())
    };
}
pub(crate) use new_irq_lock;
