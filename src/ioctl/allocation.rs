// SPDX-License-Identifier: GPL-2.0

//! Allocations and resources.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
