// SPDX-License-Identifier: GPL-2.0

//! Paging queues.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
