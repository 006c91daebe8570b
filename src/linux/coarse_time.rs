// SPDX-License-Identifier: GPL-2.0

//! Points in time that are cheap to take, with a resolution of some milliseconds.
//!
//! C header: `include/linux/jiffies.h`

use kernel::bindings;

/// A point in time, in jiffies. Times of 49 days and more may appear shorter.
#[derive(Clone, Copy)]
pub(crate) struct CoarseInstant(usize);

impl CoarseInstant {
    /// Returns the current time.
    pub(crate) fn now() -> Self {
        // SAFETY: The counter is always valid. Its only writer changes it as a whole.
        Self(unsafe { (&raw const bindings::jiffies).read_volatile() })
    }

    /// Returns the elapsed time in milliseconds.
    pub(crate) fn elapsed_ms(self) -> u32 {
        let jiffies = Self::now().0.wrapping_sub(self.0);

        // SAFETY: The function has no precondition.
        //
        // CAST: A word has at most 64 bits.
        let ms = unsafe { bindings::jiffies64_to_msecs(jiffies as u64) };

        u32::try_from(ms).unwrap_or(u32::MAX)
    }
}
