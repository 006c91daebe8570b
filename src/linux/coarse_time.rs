// SPDX-License-Identifier: GPL-2.0

//! Points in time that cost next to nothing to note down, and are known to some milliseconds.
//!
//! C header: `include/linux/jiffies.h`

use kernel::bindings;

/// A point in time. After 49 days it is taken for a younger one.
#[derive(Clone, Copy)]
pub(crate) struct CoarseInstant(usize);

impl CoarseInstant {
    /// Returns the current time.
    pub(crate) fn now() -> Self {
        // SAFETY: The counter is always there. Its only writer changes it as a whole.
        Self(unsafe { (&raw const bindings::jiffies).read_volatile() })
    }

    /// Returns how many milliseconds have gone by since.
    pub(crate) fn elapsed_ms(self) -> u32 {
        let jiffies = Self::now().0.wrapping_sub(self.0);

        // SAFETY: The function has no precondition.
        //
        // CAST: A word has at most 64 bits.
        let ms = unsafe { bindings::jiffies64_to_msecs(jiffies as u64) };

        u32::try_from(ms).unwrap_or(u32::MAX)
    }
}
