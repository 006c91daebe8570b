// SPDX-License-Identifier: GPL-2.0

//! A work queue owned by the module, which can be waited for.
//!
//! A module that may be unloaded cannot use the system's work queues: there it cannot wait until
//! the last work item has left the module's code.
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

/// An unbound work queue. Dropping it waits for all work items on it.
///
/// A work item that owns the last reference to the queue it runs on would wait for itself. So the
/// owner of a queue that work items refer to keeps a reference, and calls [`Self::drain`] before it
/// drops it: no work item owns a reference after that.
///
/// # Invariants
///
/// `raw` is a work queue that only this object destroys.
pub(crate) struct OwnedQueue {
    raw: NonNull<kernel::bindings::workqueue_struct>,
}

// SAFETY: A work queue may be used and destroyed by any thread.
unsafe impl Send for OwnedQueue {}
// SAFETY: Enqueueing and flushing may happen in parallel.
unsafe impl Sync for OwnedQueue {}

impl OwnedQueue {
    /// Creates a queue whose workers are called `name`.
    pub(crate) fn new(name: &CStr) -> Result<Self> {
        Self::with_flags(name, false)
    }

    /// Creates a queue for work on which memory reclaim may depend: it has a rescuer thread for
    /// when no worker can be created.
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

    /// Creates a queue that runs one work item at a time, whose worker is called `name`.
    pub(crate) fn ordered(name: &CStr) -> Result<Self> {
        // SAFETY: `name` is a valid string for the duration of the call, which copies it.
        let raw = unsafe { bindings::dxgkrnl_helper_alloc_ordered_workqueue(name.as_char_ptr()) };

        // INVARIANT: The queue was just made.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
        })
    }

    /// Waits until all work items that are queued now have run.
    pub(crate) fn flush(&self) {
        // SAFETY: By the type invariant the queue is valid.
        unsafe { kernel::bindings::__flush_workqueue(self.raw.as_ptr()) }
    }

    /// Waits until the queue is empty, including work that its work items queue. No other thread
    /// may queue work meanwhile.
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
        // SAFETY: By the type invariant the queue is valid and only this object destroys it. As
        // `self` is gone afterwards, no work can be queued.
        unsafe { kernel::bindings::destroy_workqueue(self.raw.as_ptr()) }
    }
}
