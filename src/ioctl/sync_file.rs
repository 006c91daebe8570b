// SPDX-License-Identifier: GPL-2.0

//! Sync files.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
