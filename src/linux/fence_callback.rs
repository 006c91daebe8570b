// SPDX-License-Identifier: GPL-2.0

//! Being told when a fence signals, whoever made it.
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

/// Who is told.
pub(crate) trait Listener: Send + Sync + 'static {
    /// The fence has signalled. Called in any context, under the lock of the fence: must not
    /// sleep, nor look at the fence.
    fn signalled(this: &Arc<Self>);
}

#[derive(PartialEq, Eq)]
enum State {
    /// Nobody has asked to be told.
    Idle,
    /// The fence has the callback, or has called it.
    Armed,
}

/// What a fence calls.
///
/// # Invariants
///
/// While the fence has it, there is a reference to it that belongs to the fence.
#[repr(C)]
#[pin_data]
struct Callback<L: Listener> {
    raw: Opaque<dma_fence_cb>,
    fence: Fence,
    listener: Arc<L>,
    #[pin]
    state: Mutex<State>,
}

// SAFETY: The C structure is only used by the fence, under its lock; all else may be sent.
unsafe impl<L: Listener> Send for Callback<L> {}
// SAFETY: As above.
unsafe impl<L: Listener> Sync for Callback<L> {}

/// Tells a listener when a fence signals, until this is dropped.
pub(crate) struct Subscription<L: Listener>(Arc<Callback<L>>);

impl<L: Listener> Subscription<L> {
    /// Will tell `listener` of `fence` once it is [armed](Self::arm).
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

    /// Asks to be told, once. Returns whether that will be so: a fence that has signalled already
    /// tells nobody any more.
    pub(crate) fn arm(&self) -> bool {
        let mut state = self.0.state.lock();

        if *state == State::Armed {
            return true;
        }

        let raw = Arc::into_raw(self.0.clone()).cast_mut();

        // SAFETY:
        // - The fence is valid, and the callback stays where it is until it was called or taken
        //   back: the reference made above belongs to the fence, by the type invariant.
        // - Code of the module stays as long: the caller is code of the module.
        let ret = unsafe {
            bindings::dxgkrnl_helper_module_get();
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
        // SAFETY: The fence does not have the callback, so that the references are ours again.
        unsafe { give_back(raw) };
        false
    }
}

impl<L: Listener> Drop for Subscription<L> {
    /// May sleep. The listener is not called any more when this is done.
    fn drop(&mut self) {
        if *self.0.state.lock() == State::Idle {
            return;
        }

        // SAFETY: The fence is valid, and has got the callback.
        let had =
            unsafe { bindings::dma_fence_remove_callback(self.0.fence.as_ptr(), self.0.raw.get()) };

        // If it is not there it was called, and is not running any more: fences call under the
        // lock that was just taken.
        if had {
            // SAFETY: The fence does not have the callback any more, and never called it.
            unsafe { give_back(Arc::as_ptr(&self.0)) };
        }
    }
}

/// Gives up what was handed to a fence with a callback: a reference to it, and one to the module.
///
/// # Safety
///
/// Both must belong to the caller.
unsafe fn give_back<L: Listener>(callback: *const Callback<L>) {
    // SAFETY: By the contract of this function.
    unsafe {
        drop(Arc::from_raw(callback));
        bindings::dxgkrnl_helper_module_put();
    }
}

/// # Safety
///
/// To be called by a fence that was given the callback of a `Callback<L>`.
unsafe extern "C" fn called<L: Listener>(_fence: *mut dma_fence, raw: *mut dma_fence_cb) {
    const {
        assert!(offset_of!(Callback<L>, raw) == 0);
    }

    let callback = raw.cast::<Callback<L>>();

    // SAFETY: The reference that belongs to the fence keeps it.
    L::signalled(unsafe { &(*callback).listener });
    // SAFETY: The fence calls once, and has no callback then. It does so with interrupts off, for
    // which a module that is unloaded waits: we may return. This reference is not the last one:
    // the subscription waits for us before it gives up its own.
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

        // The signaller does not keep the fence.
        let fence = subscription.0.fence.clone();

        drop(subscription);
        signaller.signal(Ok(()));
        assert_eq!(fence.status(), Some(Ok(())));
        assert_eq!(counter.0.load(kernel::sync::atomic::Relaxed), 0);
        Ok(())
    }
}
