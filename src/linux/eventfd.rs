// SPDX-License-Identifier: GPL-2.0

//! Eventfds of user programs.
//!
//! C header: `include/linux/eventfd.h`

use core::ptr::NonNull;
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*, //
};

/// An eventfd of a user program, which may have closed its descriptor meanwhile.
///
/// # Invariants
///
/// `context` is valid, and this object holds a reference to it.
pub(crate) struct EventFd {
    context: NonNull<bindings::eventfd_ctx>,
}

// SAFETY: An eventfd may be signalled, and its reference dropped, by any thread.
unsafe impl Send for EventFd {}
// SAFETY: An eventfd may be signalled by many threads at once.
unsafe impl Sync for EventFd {}

impl EventFd {
    /// Returns the eventfd behind a descriptor of the current task.
    ///
    /// # Errors
    ///
    /// `EBADF` if the descriptor is not open, `EINVAL` if it is not an eventfd.
    pub(crate) fn from_fd(fd: i32) -> Result<Self> {
        // SAFETY: The function has no precondition.
        let context = from_err_ptr(unsafe { bindings::eventfd_ctx_fdget(fd) })?;

        // INVARIANT: The function took a reference.
        Ok(Self {
            context: NonNull::new(context).ok_or(EINVAL)?,
        })
    }

    /// Adds one to the counter and wakes waiting threads. Does not sleep; may be called in
    /// interrupt context.
    pub(crate) fn signal(&self) {
        // SAFETY: By the type invariant the context is valid.
        unsafe { bindings::eventfd_signal_mask(self.context.as_ptr(), 0) }
    }
}

impl Drop for EventFd {
    /// Drops the reference. Does not sleep; may be called in interrupt context.
    fn drop(&mut self) {
        // SAFETY: By the type invariant this object holds a reference, given up here.
        unsafe { bindings::eventfd_ctx_put(self.context.as_ptr()) }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_eventfd)]
mod tests {
    use super::*;

    #[test]
    fn nothing_behind_the_descriptor() {
        assert_eq!(EventFd::from_fd(-1).err(), Some(EBADF));
        assert_eq!(EventFd::from_fd(i32::MAX).err(), Some(EBADF));
    }
}
