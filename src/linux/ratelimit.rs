// SPDX-License-Identifier: GPL-2.0

//! A rate limit for messages that user programs or the host can provoke at will.

use super::bindings;

/// Returns whether one more message may be printed now. There is one budget for the whole driver.
pub(crate) fn may_print() -> bool {
    // SAFETY: The function takes no argument and may be called from any context.
    unsafe { bindings::dxgkrnl_helper_ratelimit() }
}

/// Warns, unless too many such warnings were printed recently.
macro_rules! pr_warn_limited {
    ($($arg:tt)*) => {
        if $crate::linux::ratelimit::may_print() {
            kernel::pr_warn!($($arg)*);
        }
    };
}
pub(crate) use pr_warn_limited;
