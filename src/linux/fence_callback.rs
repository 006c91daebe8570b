// SPDX-License-Identifier: GPL-2.0

//! Callbacks when a fence of any driver signals.
//!
//! C header: `include/linux/dma-fence.h`

use super::{
    dma_fence::Fence, //
};
use core::mem::offset_of;
use kernel::{
    bindings::{
        self,
        dma_fence,
        dma_fence_cb, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
    types::Opaque, //
};

/// The target of a callback.
pub(crate) trait Listener: Send + Sync + 'static {
    /// Handles the signal. Called in any context, with the lock of the fence held: must not sleep,
    /// nor access the fence.
    fn signalled(this: &Arc<Self>);
}

#[derive(PartialEq, Eq)]
enum State {
    /// The callback has not been added to the fence.
    Idle,
    /// The callback has been added to the fence, and may have been called.
    Armed,
}

/// The callback, as added to a fence.
///
/// # Invariants
///
/// While the fence has the callback, there is a reference to it that belongs to the fence.
#[repr(C)]
#[pin_data]
struct Callback<L: Listener> {
    raw: Opaque<dma_fence_cb>,
    fence: Fence,
    listener: Arc<L>,
    #[pin]
    state: Mutex<State>,
}

// SAFETY: The C structure is only used by the fence, under its lock; all other fields may be sent.
unsafe impl<L: Listener> Send for Callback<L> {}
// SAFETY: As above.
unsafe impl<L: Listener> Sync for Callback<L> {}

/// Calls a listener when a fence signals, until this is dropped.
pub(crate) struct Subscription<L: Listener>(Arc<Callback<L>>);

impl<L: Listener> Subscription<L> {
    /// Creates a subscription that calls `listener` for `fence` once it is [armed](Self::arm).
    pub(crate) fn new(fence: Fence, listener: Arc<L>) -> Result<Self> {
        Ok(Self(Arc::pin_init(
            pin_init!(Callback {
                raw: Opaque::zeroed(),
                fence,
                listener,
                state <- new_mutex!(State::Idle, "Callback::state"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?))
    }

    /// Adds the callback to the fence, once. Returns `false` if the fence has already signalled,
    /// and the listener will not be called.
    pub(crate) fn arm(&self) -> bool {
        let mut state = self.0.state.lock();

        if *state == State::Armed {
            return true;
        }

        let raw = Arc::into_raw(self.0.clone()).cast_mut();

        // SAFETY:
        // - The fence is valid, and the callback stays in place until it was called or removed: the
        //   reference made above belongs to the fence, by the type invariant.
        // - Code of the module stays as long: the caller is code of the module.
        let ret = unsafe {
            super::bindings::dxgkrnl_helper_module_get();
            bindings::dma_fence_add_callback(
                self.0.fence.as_ptr(),
                Opaque::cast_into(&raw const (*raw).raw),
                Some(called::<L>),
            )
        };

        if ret == 0 {
            *state = State::Armed;
            return true;
        }
        // SAFETY: The fence does not have the callback, so this function owns the references again.
        unsafe { give_back(raw) };
        false
    }
}

impl<L: Listener> Drop for Subscription<L> {
    /// Removes the callback. May sleep. The listener is not called after this has returned.
    fn drop(&mut self) {
        if *self.0.state.lock() == State::Idle {
            return;
        }

        // SAFETY: The fence is valid, and the callback was added to it.
        let had =
            unsafe { bindings::dma_fence_remove_callback(self.0.fence.as_ptr(), self.0.raw.get()) };

        // If the callback was not found it was called, and is not running: fences call it under the
        // lock that was just taken.
        if had {
            // SAFETY: The fence no longer has the callback, and never called it.
            unsafe { give_back(Arc::as_ptr(&self.0)) };
        }
    }
}

/// Drops the references that belong to a fence with a callback: one to the callback, one to the
/// module.
///
/// # Safety
///
/// The caller must own both references.
unsafe fn give_back<L: Listener>(callback: *const Callback<L>) {
    // SAFETY: By the contract of this function.
    unsafe {
        drop(Arc::from_raw(callback));
        super::bindings::dxgkrnl_helper_module_put();
    }
}

/// Calls the listener and drops the references that belong to the fence.
///
/// # Safety
///
/// Called by a fence that has the callback of a `Callback<L>`.
unsafe extern "C" fn called<L: Listener>(_fence: *mut dma_fence, raw: *mut dma_fence_cb) {
    const {
        assert!(offset_of!(Callback<L>, raw) == 0);
    }

    let callback = raw.cast::<Callback<L>>();

    // SAFETY: The reference that belongs to the fence keeps the callback valid.
    L::signalled(unsafe { &(*callback).listener });
    // SAFETY: The fence calls this once, and does not have the callback then. It does so with
    // interrupts off, for which unloading a module waits, so this function may return. This
    // reference is not the last one: the subscription waits for this function before it drops its
    // own.
    unsafe { give_back(callback) };
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_fence_callback)]
mod tests {
    use super::*;
    use crate::linux::dma_fence::{
        Payload,
        Signaller, //
    };
    use kernel::{
        str::CStr,
        sync::atomic::{
            Atomic,
            Full, //
        },
    };

    struct Nothing;

    impl Payload for Nothing {
        const TIMELINE: &'static CStr = c"test";

        fn released(_this: Arc<Self>) {}
    }

    struct Counter(Atomic<u32>);

    impl Listener for Counter {
        fn signalled(this: &Arc<Self>) {
            this.0.fetch_add(1, Full);
        }
    }

    fn make() -> Result<(Signaller, Subscription<Counter>, Arc<Counter>)> {
        let counter = Arc::new(Counter(Atomic::new(0)), GFP_KERNEL)?;
        let (signaller, fence) = Signaller::new(Arc::new(Nothing, GFP_KERNEL)?, 1)?;

        Ok((
            signaller,
            Subscription::new(fence, counter.clone())?,
            counter,
        ))
    }

    #[test]
    fn told_once() -> Result {
        let (signaller, subscription, counter) = make()?;

        assert!(subscription.arm());
        assert!(subscription.arm());
        assert_eq!(counter.0.load(kernel::sync::atomic::Relaxed), 0);
        signaller.signal(Err(EIO));
        signaller.signal(Ok(()));
        drop(subscription);
        assert_eq!(counter.0.load(kernel::sync::atomic::Relaxed), 1);
        Ok(())
    }

    #[test]
    fn too_late_is_told() -> Result {
        let (signaller, subscription, counter) = make()?;

        signaller.signal(Ok(()));
        assert!(!subscription.arm());
        assert!(!subscription.arm());
        assert_eq!(counter.0.load(kernel::sync::atomic::Relaxed), 0);
        Ok(())
    }

    #[test]
    fn withdrawn_is_not_told() -> Result {
        let (signaller, subscription, counter) = make()?;

        assert!(subscription.arm());

        // The signaller holds no reference to the fence.
        let fence = subscription.0.fence.clone();

        drop(subscription);
        signaller.signal(Ok(()));
        assert_eq!(fence.status(), Some(Ok(())));
        assert_eq!(counter.0.load(kernel::sync::atomic::Relaxed), 0);
        Ok(())
    }
}
