// SPDX-License-Identifier: GPL-2.0

//! Priorities of contexts and allocations.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
