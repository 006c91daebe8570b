// SPDX-License-Identifier: GPL-2.0

//! A limit on messages that somebody outside the kernel can provoke at will.

use super::bindings;

/// Whether one more message may be printed now. One budget for the whole driver.
pub(crate) fn may_print() -> bool {
    // SAFETY: The function takes no argument and may be called from any context.
    unsafe { bindings::dxgkrnl_helper_ratelimit() }
}

/// Warns, unless too many such warnings were printed lately.
macro_rules! pr_warn_limited {
    ($($arg:tt)*) => {
        if $crate::linux::ratelimit::may_print() {
            kernel::pr_warn!($($arg)*);
        }
    };
}
pub(crate) use pr_warn_limited;
