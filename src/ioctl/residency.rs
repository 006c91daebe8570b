// SPDX-License-Identifier: GPL-2.0

//! Which allocations are in the memory of the GPU.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
