// SPDX-License-Identifier: GPL-2.0

//! The identity of a thread group.
//!
//! A process id can be reused as soon as its process is gone. `struct pid` is not: as long as a
//! reference is held, its address identifies this process only.
//!
//! C header: `include/linux/pid.h`

use super::bindings;
use core::ptr::NonNull;
use kernel::prelude::*;

/// The size of a task name in bytes, including the terminating zero.
pub(crate) const COMM_LEN: usize = 16;

/// A thread group, which may have exited.
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
    /// Returns the thread group of the current task.
    pub(crate) fn current() -> Result<Self> {
        // SAFETY: The current task has a valid thread group pid; it keeps its reference for the
        // duration of `get_pid`.
        let raw =
            unsafe { bindings::dxgkrnl_helper_get_pid(bindings::dxgkrnl_helper_current_tgid()) };

        // INVARIANT: `get_pid` took a reference.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ESRCH)?,
        })
    }

    /// Returns whether the current task belongs to this thread group.
    pub(crate) fn is_current(&self) -> bool {
        // SAFETY: The current task has a valid thread group pid; only its address is used.
        let current = unsafe { bindings::dxgkrnl_helper_current_tgid() };

        current == self.raw.as_ptr()
    }

    /// Returns a number that no other thread group has while this object exists.
    pub(crate) fn key(&self) -> usize {
        self.raw.as_ptr().addr()
    }

    /// Returns the process id in the initial pid namespace.
    pub(crate) fn number(&self) -> u32 {
        // SAFETY: By the type invariant the pid is valid.
        let nr = unsafe { bindings::dxgkrnl_helper_pid_nr(self.raw.as_ptr()) };

        nr.unsigned_abs()
    }

    /// Returns the process id in the current task's pid namespace, if the thread group is in that
    /// one.
    pub(crate) fn tgid_in_current_ns(&self) -> Option<u32> {
        // SAFETY:
        // - By the type invariant the pid is valid, and so is the namespace it was created in, to
        //   which it holds a reference.
        // - The current task keeps its thread group pid for the duration of the call.
        let (ours, theirs) = unsafe {
            (
                bindings::dxgkrnl_helper_ns_of_pid(self.raw.as_ptr()),
                bindings::dxgkrnl_helper_ns_of_pid(bindings::dxgkrnl_helper_current_tgid()),
            )
        };

        if ours.is_null() || ours != theirs {
            return None;
        }
        // SAFETY: Pid and namespace are valid as stated above.
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

/// Returns the name of the current task, padded with zeros.
pub(crate) fn current_name() -> [u8; COMM_LEN] {
    let mut name = [0; COMM_LEN];

    // SAFETY: The buffer has `TASK_COMM_LEN` bytes.
    unsafe { bindings::dxgkrnl_helper_current_comm(name.as_mut_ptr()) };
    name
}

static_assert!(COMM_LEN == kernel::bindings::TASK_COMM_LEN as usize);
