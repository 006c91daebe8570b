// SPDX-License-Identifier: GPL-2.0

//! The identity of a thread group.
//!
//! The number of a process can be given to another one as soon as it is gone. `struct pid` cannot:
//! as long as a reference is held its address stands for this process and no other.
//!
//! C header: `include/linux/pid.h`

use super::bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

/// Bytes of a task name, including the terminating zero.
pub(crate) const COMM_LEN: usize = 16;

/// A thread group, alive or not.
///
/// # Invariants
///
/// `raw` points at a `struct pid` to which this object holds a reference.
pub(crate) struct ThreadGroup {
    raw: NonNull<kernel::bindings::pid>,
}

// SAFETY: `struct pid` may be used by, and its reference dropped from, any thread.
unsafe impl Send for ThreadGroup {}
// SAFETY: What is read through a shared reference never changes while a reference is held.
unsafe impl Sync for ThreadGroup {}

impl ThreadGroup {
    /// The thread group that runs this code.
    pub(crate) fn current() -> Result<Self> {
        // SAFETY: The current task has a valid thread group pid; it lends its reference for the
        // duration of `get_pid`.
        let raw =
            unsafe { bindings::dxgkrnl_helper_get_pid(bindings::dxgkrnl_helper_current_tgid()) };

        // INVARIANT: `get_pid` took a reference.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ESRCH)?,
        })
    }

    /// Whether the code that asks runs in this thread group.
    pub(crate) fn is_current(&self) -> bool {
        // SAFETY: The current task has a valid thread group pid; only its address is used.
        let current = unsafe { bindings::dxgkrnl_helper_current_tgid() };

        current == self.raw.as_ptr()
    }

    /// A number that no other thread group has while this object exists.
    pub(crate) fn key(&self) -> usize {
        self.raw.as_ptr().addr()
    }

    /// The process id in the initial namespace.
    pub(crate) fn number(&self) -> u32 {
        // SAFETY: By the type invariant the pid is valid.
        let nr = unsafe { bindings::dxgkrnl_helper_pid_nr(self.raw.as_ptr()) };

        nr.unsigned_abs()
    }

    /// The process id as the current task sees it, if both are in the same pid namespace.
    pub(crate) fn tgid_in_current_ns(&self) -> Option<u32> {
        // SAFETY:
        // - By the type invariant the pid is valid, and so is the namespace it was made in,
        //   which it keeps.
        // - The current task lends its thread group pid for the duration of the call.
        let (ours, theirs) = unsafe {
            (
                bindings::dxgkrnl_helper_ns_of_pid(self.raw.as_ptr()),
                bindings::dxgkrnl_helper_ns_of_pid(bindings::dxgkrnl_helper_current_tgid()),
            )
        };

        if ours.is_null() || ours != theirs {
            return None;
        }
        // SAFETY: Pid and namespace are valid as said above.
        let nr = unsafe { kernel::bindings::pid_nr_ns(self.raw.as_ptr(), ours) };

        Some(nr.unsigned_abs())
    }
}

impl Drop for ThreadGroup {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this object holds a reference, given up here.
        unsafe { kernel::bindings::put_pid(self.raw.as_ptr()) }
    }
}

/// The name of the current task, padded with zeros.
pub(crate) fn current_name() -> [u8; COMM_LEN] {
    let mut name = [0; COMM_LEN];

    // SAFETY: The buffer has `TASK_COMM_LEN` bytes.
    unsafe { bindings::dxgkrnl_helper_current_comm(name.as_mut_ptr()) };
    name
}

static_assert!(COMM_LEN == kernel::bindings::TASK_COMM_LEN as usize);
