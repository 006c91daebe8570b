// SPDX-License-Identifier: GPL-2.0

//! A static that holds an [`Arc`] while a module is loaded.
//!
//! Statics are not dropped when a module is unloaded, so what they own would be leaked. Here the
//! owner is a guard ([`Installed`]) in the module's own structure, and the static only gives out
//! references.

use core::ptr;
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        rcu,
        Arc,
        ArcBorrow, //
    },
};

/// A static slot for an [`Arc`].
///
/// # Invariants
///
/// The pointer is null, or it comes from [`Arc::into_raw`] and its reference is dropped no earlier
/// than one RCU grace period after the pointer was replaced by null.
pub(crate) struct Global<T: 'static> {
    slot: Atomic<*const T>,
}

// SAFETY: The slot gives out `Arc<T>` to any thread, which `T: Send + Sync` allows.
unsafe impl<T: Send + Sync> Sync for Global<T> {}

impl<T: Send + Sync> Global<T> {
    /// Creates an empty slot.
    pub(crate) const fn new() -> Self {
        // INVARIANT: The pointer is null.
        Self {
            slot: Atomic::new(ptr::null()),
        }
    }

    /// Stores `value` in the slot until the returned guard is dropped.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the slot is in use.
    pub(crate) fn install(&'static self, value: Arc<T>) -> Result<Installed<T>> {
        let raw = Arc::into_raw(value);

        match self.slot.cmpxchg(ptr::null(), raw, Full) {
            // INVARIANT: The pointer comes from `into_raw`, and `Installed` waits for the grace
            // period.
            Ok(_) => Ok(Installed { place: self }),
            Err(_) => {
                // SAFETY: `raw` comes from `into_raw` above and was not stored.
                drop(unsafe { Arc::from_raw(raw) });
                Err(EBUSY)
            }
        }
    }

    /// Returns the stored value, if there is one.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        let _guard = rcu::read_lock();
        let raw = self.slot.load(Acquire);

        if raw.is_null() {
            return None;
        }
        // SAFETY: By the type invariant `raw` comes from `Arc::into_raw`, and its reference is not
        // dropped before this RCU section ends. `Arc` never gives out `&mut T`.
        let borrow = unsafe { ArcBorrow::from_raw(raw) };

        Some(borrow.into())
    }
}

/// Keeps a value in a [`Global`].
///
/// # Invariants
///
/// `place` holds a pointer that only this guard removes.
pub(crate) struct Installed<T: Send + Sync + 'static> {
    place: &'static Global<T>,
}

impl<T: Send + Sync> Drop for Installed<T> {
    fn drop(&mut self) {
        let raw = self.place.slot.xchg(ptr::null(), Full);

        // SAFETY: The guard belongs to a module that is being unloaded, which may sleep.
        unsafe { bindings::synchronize_rcu() };
        // SAFETY: By the type invariant `raw` is the pointer that `install` stored. Readers that
        // saw the pointer have left their RCU sections by now, and hold a reference of their own if
        // they still use it.
        drop(unsafe { Arc::from_raw(raw) });
    }
}
