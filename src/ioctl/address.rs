// SPDX-License-Identifier: GPL-2.0

//! GPU virtual addresses.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
