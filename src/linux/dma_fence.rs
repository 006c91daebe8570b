// SPDX-License-Identifier: GPL-2.0

//! Fences that other drivers and user programs can wait for.
//!
//! A fence that was given out always signals: its [`Signaller`] signals it when it is dropped, if
//! not before. The signaller holds no reference to the fence: when there are no references, no
//! signal is needed. A fence of this driver carries a [`Payload`], by which it is recognised when
//! it comes back; the module stays loaded as long as the fence exists.
//!
//! Fences are signalled and released in any context. Neither takes a lock of this driver.
//!
//! C header: `include/linux/dma-fence.h`

use super::{
    bindings, //
};
use core::{
    any::TypeId,
    mem::{
        offset_of,
        ManuallyDrop, //
    },
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    bindings::{
        dma_fence,
        dma_fence_ops, //
    },
    prelude::*,
    str::CStr,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        rcu,
        Arc, //
    },
    types::{
        NotThreadSafe,
        Opaque, //
    },
    ModuleMetadata, //
};

/// The payload of a fence of this driver.
pub(crate) trait Payload: Send + Sync + 'static {
    /// The name of the timeline of the fence.
    const TIMELINE: &'static CStr;

    /// Handles the release of the fence. Called in any context: must not sleep, nor drop an object
    /// that may sleep when dropped. Such work belongs to a work queue of the module, which is
    /// drained on unload.
    fn released(this: Arc<Self>);
}

/// The signaller's pointer to its fence.
///
/// # Invariants
///
/// `fence` is null, or points at a fence of this driver whose memory stays valid for one RCU grace
/// period after the pointer was replaced by null.
struct Link {
    fence: Atomic<*mut dma_fence>,
    /// Whether the fence is being signalled, or was.
    claimed: Atomic<bool>,
}

// SAFETY: The pointer is used as the type invariant allows, by any thread.
unsafe impl Send for Link {}
// SAFETY: As above.
unsafe impl Sync for Link {}

impl Link {
    /// Returns a reference to the fence, unless it is being released.
    fn fence(&self) -> Option<Fence> {
        let _guard = rcu::read_lock();
        let raw = NonNull::new(self.fence.load(Acquire))?;

        // SAFETY: By the type invariant the memory stays valid during this RCU section.
        if !unsafe { bindings::dxgkrnl_helper_dma_fence_get_rcu(raw.as_ptr()) } {
            return None;
        }
        // SAFETY: A reference was just taken.
        Some(unsafe { Fence::from_raw(raw) })
    }
}

/// The beginning of a fence of this driver, with any payload.
#[repr(C)]
struct Header {
    fence: Opaque<dma_fence>,
    kind: TypeId,
    timeline: &'static CStr,
    link: Arc<Link>,
    /// Releases the payload. To be called once, when there is no reference to the fence.
    give_back: unsafe fn(NonNull<Header>),
}

/// A fence of this driver.
#[repr(C)]
struct Ours<T: Payload> {
    header: Header,
    payload: ManuallyDrop<Arc<T>>,
}

// `dma_fence_free()` frees the whole allocation, which must begin with the C structure.
static_assert!(offset_of!(Header, fence) == 0);

/// A table of operations that the kernel only reads.
#[repr(transparent)]
struct Operations(dma_fence_ops);

// SAFETY: The table is never changed, and it points only at code.
unsafe impl Sync for Operations {}

/// The operations of all fences of this driver. A fence is recognised by them, signalled or not: a
/// fence with a release operation keeps its operations when it is signalled.
static OPERATIONS: Operations = Operations(dma_fence_ops {
    get_driver_name: Some(driver_name),
    get_timeline_name: Some(timeline_name),
    release: Some(release),
    ..pin_init::zeroed()
});

extern "C" fn driver_name(_fence: *mut dma_fence) -> *const c_char {
    <crate::LocalModule as ModuleMetadata>::NAME.as_char_ptr()
}

/// Returns the name of the fence's timeline.
///
/// # Safety
///
/// `fence` must be a fence of this driver.
unsafe extern "C" fn timeline_name(fence: *mut dma_fence) -> *const c_char {
    // SAFETY: Fences of this driver begin with a `Header`, whose name does not change.
    unsafe { (*fence.cast::<Header>()).timeline }.as_char_ptr()
}

/// Releases the payload and frees the fence, after its last reference was dropped.
///
/// # Safety
///
/// `fence` must be a fence of this driver without references.
unsafe extern "C" fn release(fence: *mut dma_fence) {
    // SAFETY: The core calls this with a valid fence, and fences of this driver begin with a
    // `Header`.
    let header = unsafe { NonNull::new_unchecked(fence.cast::<Header>()) };

    // SAFETY: As above. There is no reference to the fence, and the core calls this once.
    unsafe { (header.as_ref().give_back)(header) };
    // From here on the signaller finds no fence.
    //
    // SAFETY: As above. The link in the header is not accessed again.
    drop(unsafe {
        let link = (&raw const (*header.as_ptr()).link).read();

        link.fence.store(ptr::null_mut(), Release);
        link
    });
    // SAFETY: The fence was allocated as a whole, by `kmalloc()`, and begins with the C structure.
    // It holds a reference to the module, given up here. The core calls this in an RCU section, and
    // unloading a module waits for those, so this function may return.
    unsafe {
        kernel::bindings::dma_fence_free(fence);
        bindings::dxgkrnl_helper_module_put();
    }
}

/// Releases the payload of a fence.
///
/// # Safety
///
/// `header` must be that of an `Ours<T>` without references. May be called once.
unsafe fn give_back<T: Payload>(header: NonNull<Header>) {
    // SAFETY: By the contract of this function the payload is not accessed elsewhere, now or later.
    let payload = unsafe { ManuallyDrop::take(&mut header.cast::<Ours<T>>().as_mut().payload) };

    T::released(payload);
}

/// A reference to a fence, of this driver or of another one.
///
/// # Invariants
///
/// `raw` is valid, and this object holds a reference to it.
pub(crate) struct Fence {
    raw: NonNull<dma_fence>,
}

// SAFETY: Fences may be used, and references to them dropped, by any thread.
unsafe impl Send for Fence {}
// SAFETY: All functions on a fence may be called in parallel.
unsafe impl Sync for Fence {}

impl Fence {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// `raw` must be valid, and the caller must own a reference, which is passed to the result.
    pub(super) unsafe fn from_raw(raw: NonNull<dma_fence>) -> Self {
        // INVARIANT: By the contract of this function.
        Self { raw }
    }

    /// Returns the C structure.
    pub(super) fn as_ptr(&self) -> *mut dma_fence {
        self.raw.as_ptr()
    }

    /// Returns the header of the fence, if it is one of this driver.
    fn header(&self) -> Option<&Header> {
        // SAFETY: By the type invariant the fence is valid. When a fence of another driver is
        // signalled the field may be cleared, hence the volatile read.
        let operations = unsafe { (&raw const (*self.as_ptr()).ops).read_volatile() };

        if !ptr::eq(operations, ptr::from_ref(&OPERATIONS).cast()) {
            return None;
        }
        // SAFETY: Fences of this driver begin with a `Header`, which stays valid as long as the
        // reference.
        Some(unsafe { &*self.as_ptr().cast::<Header>() })
    }

    /// Returns the payload, if the fence is one of this driver with a payload of type `T`. A fence
    /// made by merging others has no payload.
    pub(crate) fn payload<T: Payload>(&self) -> Option<Arc<T>> {
        if self.header()?.kind != TypeId::of::<T>() {
            return None;
        }
        // SAFETY: The header says that it is that of an `Ours<T>`. The payload exists as long as
        // there is a reference to the fence.
        let ours = unsafe { self.raw.cast::<Ours<T>>().as_ref() };

        Some((*ours.payload).clone())
    }

    /// Returns `None` if the fence has not signalled, else the result with which it was signalled.
    pub(crate) fn status(&self) -> Option<Result> {
        // SAFETY: By the type invariant the fence is valid.
        match unsafe { kernel::bindings::dma_fence_get_status(self.as_ptr()) } {
            0 => None,
            status => Some(kernel::error::to_result(status)),
        }
    }
}

impl Clone for Fence {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariant the fence is valid.
        unsafe { bindings::dxgkrnl_helper_dma_fence_get(self.as_ptr()) };

        // INVARIANT: The reference was just taken.
        Self { raw: self.raw }
    }
}

impl Drop for Fence {
    /// Drops the reference. Does not sleep; may be called in interrupt context.
    fn drop(&mut self) {
        // SAFETY: By the type invariant this object holds a reference, given up here.
        unsafe { bindings::dxgkrnl_helper_dma_fence_put(self.as_ptr()) }
    }
}

/// A section of code on which the signalling of a fence depends. While this exists, lockdep reports
/// a deadlock if the thread does anything that may have to wait for a fence, such as an allocation.
pub(crate) struct Signalling {
    cookie: bool,
    /// A section belongs to the thread that began it.
    _not_send: NotThreadSafe,
}

impl Signalling {
    /// Begins a section.
    pub(crate) fn begin() -> Self {
        Self {
            // SAFETY: The function has no precondition.
            cookie: unsafe { bindings::dxgkrnl_helper_dma_fence_begin_signalling() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for Signalling {
    fn drop(&mut self) {
        // SAFETY: The cookie is from the beginning of the section, in the same thread.
        unsafe { bindings::dxgkrnl_helper_dma_fence_end_signalling(self.cookie) }
    }
}

/// The right and the duty to signal a fence of this driver. If it is dropped without having
/// signalled, the fence signals with `ENODEV`, so that no thread waits forever.
pub(crate) struct Signaller {
    link: Arc<Link>,
}

impl Signaller {
    /// Creates a fence with `payload` on a timeline of its own, with the number `seqno`.
    pub(crate) fn new<T: Payload>(payload: Arc<T>, seqno: u64) -> Result<(Self, Fence)> {
        // INVARIANT: The pointer is null.
        let link = Arc::new(
            Link {
                fence: Atomic::new(ptr::null_mut()),
                claimed: Atomic::new(false),
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        // Memory is allocated first: the payload in a `ManuallyDrop` would be leaked on failure.
        let ours = KBox::write(
            KBox::new_uninit(GFP_KERNEL_ACCOUNT)?,
            Ours {
                header: Header {
                    fence: Opaque::zeroed(),
                    kind: TypeId::of::<T>(),
                    timeline: T::TIMELINE,
                    link: link.clone(),
                    give_back: give_back::<T>,
                },
                payload: ManuallyDrop::new(payload),
            },
        );
        let raw: *mut dma_fence = KBox::into_raw(ours).cast();

        // SAFETY:
        // - The memory is owned by the fence until that is released. It begins with the C
        //   structure.
        // - The operations are valid as long as the module, to which the fence holds a reference;
        //   the caller is code of the module, so there already is one.
        unsafe {
            bindings::dxgkrnl_helper_module_get();
            kernel::bindings::dma_fence_init64(
                raw,
                ptr::from_ref(&OPERATIONS).cast(),
                ptr::null_mut(),
                kernel::bindings::dma_fence_context_alloc(1),
                seqno,
            );
        }
        // INVARIANT: `release` replaces it by null before it frees the memory, after a grace
        // period.
        link.fence.store(raw, Release);

        // SAFETY: A new fence has one reference, which is taken over. `into_raw` returns no null
        // pointer.
        let fence = unsafe { Fence::from_raw(NonNull::new_unchecked(raw)) };

        Ok((Self { link }, fence))
    }

    /// Signals the fence with `result`. Only the first call has an effect. Does not sleep; may be
    /// called in interrupt context, but not with a lock held that a thread waiting for fences may
    /// take.
    pub(crate) fn signal(&self, result: Result) {
        if self.link.claimed.xchg(true, Full) {
            return;
        }

        let Some(fence) = self.link.fence() else {
            return;
        };

        if let Err(error) = result {
            // SAFETY: The fence is valid. It is not signalled, as this is the first call.
            unsafe {
                bindings::dxgkrnl_helper_dma_fence_set_error(fence.as_ptr(), error.to_errno())
            };
        }
        // SAFETY: The fence is valid.
        unsafe { kernel::bindings::dma_fence_signal(fence.as_ptr()) }
    }
}

impl Drop for Signaller {
    fn drop(&mut self) {
        self.signal(Err(ENODEV));
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_dma_fence)]
mod tests {
    use super::*;

    struct One {
        released: Arc<Atomic<u32>>,
    }

    impl Payload for One {
        const TIMELINE: &'static CStr = c"test";

        fn released(this: Arc<Self>) {
            this.released.fetch_add(1, Full);
        }
    }

    struct Other;

    impl Payload for Other {
        const TIMELINE: &'static CStr = c"test";

        fn released(_this: Arc<Self>) {}
    }

    fn make() -> Result<(Signaller, Fence, Arc<Atomic<u32>>)> {
        let released = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let one = Arc::new(
            One {
                released: released.clone(),
            },
            GFP_KERNEL,
        )?;
        let (signaller, fence) = Signaller::new(one, u64::MAX)?;

        Ok((signaller, fence, released))
    }

    #[test]
    fn payload_comes_back_before_and_after() -> Result {
        let (signaller, fence, released) = make()?;

        for status in [None, Some(Ok(()))] {
            assert_eq!(fence.status(), status);
            assert!(fence
                .payload::<One>()
                .is_some_and(|one| Arc::ptr_eq(&one.released, &released)));
            assert!(fence.payload::<Other>().is_none());
            signaller.signal(Ok(()));
        }
        Ok(())
    }

    #[test]
    fn first_signal_counts() -> Result {
        let (signaller, fence, _) = make()?;

        signaller.signal(Err(EIO));
        signaller.signal(Ok(()));
        drop(signaller);
        assert_eq!(fence.status(), Some(Err(EIO)));
        Ok(())
    }

    #[test]
    fn abandoned_fence_signals() -> Result {
        let (signaller, fence, released) = make()?;

        drop(signaller);
        assert_eq!(fence.status(), Some(Err(ENODEV)));
        assert_eq!(released.load(Acquire), 0);
        drop(fence.clone());
        assert_eq!(released.load(Acquire), 0);
        drop(fence);
        assert_eq!(released.load(Acquire), 1);
        Ok(())
    }

    #[test]
    fn signaller_outlives_its_fence() -> Result {
        let (signaller, fence, released) = make()?;

        drop(fence);
        assert_eq!(released.load(Acquire), 1);
        signaller.signal(Ok(()));
        drop(signaller);
        Ok(())
    }
}
