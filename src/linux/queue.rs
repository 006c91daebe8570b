// SPDX-License-Identifier: GPL-2.0

//! A work queue of our own, which can be waited for.
//!
//! The queues of the system cannot be used by a module that may be unloaded: nothing there tells
//! when the last work item has left the module's text.
//!
//! C header: `include/linux/workqueue.h`

use super::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    workqueue::Queue, //
};

/// An unbound work queue. Dropping it waits for everything on it.
///
/// A work item that owns the last reference to the queue it runs on would wait for itself. So
/// whoever shares a queue with work items keeps a reference, and calls [`Self::drain`] before it
/// is given up: no work item owns anything after that.
///
/// # Invariants
///
/// `raw` is a work queue that nobody but this object destroys.
pub(crate) struct OwnedQueue {
    raw: NonNull<kernel::bindings::workqueue_struct>,
}

// SAFETY: A work queue may be used and destroyed by any thread.
unsafe impl Send for OwnedQueue {}
// SAFETY: Enqueueing and flushing may happen in parallel.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Makes a queue whose workers carry `name`.
    pub(crate) fn new(name: &CStr) -> Result<Self> {
        Self::with_flags(name, false)
    }

    /// Makes a queue for work that others may wait for before there is memory again: it has a thread
    /// of its own for when none can be made.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn new_for_reclaim(name: &CStr) -> Result<Self> {
        Self::with_flags(name, true)
    }

    fn with_flags(name: &CStr, reclaim: bool) -> Result<Self> {
        // SAFETY: `name` is a valid string for the duration of the call, which copies it.
        let raw = unsafe { bindings::dxgkrnl_helper_alloc_workqueue(name.as_char_ptr(), reclaim) };

        // INVARIANT: The queue was just made.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
        })
    }

    /// Makes a queue that does one thing after the other, whose worker carries `name`.
    pub(crate) fn ordered(name: &CStr) -> Result<Self> {
        // SAFETY: `name` is a valid string for the duration of the call, which copies it.
        let raw = unsafe { bindings::dxgkrnl_helper_alloc_ordered_workqueue(name.as_char_ptr()) };

        // INVARIANT: The queue was just made.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
        })
    }

    /// Waits until everything that is on the queue now has run.
    pub(crate) fn flush(&self) {
        // SAFETY: By the type invariant the queue is valid.
        unsafe { kernel::bindings::__flush_workqueue(self.raw.as_ptr()) }
    }

    /// Waits until the queue is empty, including what the work items enqueue. Nobody else may
    /// enqueue meanwhile.
    pub(crate) fn drain(&self) {
        // SAFETY: By the type invariant the queue is valid.
        unsafe { kernel::bindings::drain_workqueue(self.raw.as_ptr()) }
    }
}

impl Deref for OwnedQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: By the type invariant the queue stays valid as long as `self`, which is the
        // lifetime of the returned reference.
        unsafe { Queue::from_raw(self.raw.as_ptr()) }
    }
}

impl Drop for OwnedQueue {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the queue is valid and ours to destroy. As `self` is
        // gone afterwards, nothing can be enqueued any more.
        unsafe { kernel::bindings::destroy_workqueue(self.raw.as_ptr()) }
    }
}
