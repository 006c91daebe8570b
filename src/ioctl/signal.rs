// SPDX-License-Identifier: GPL-2.0

//! Signalling sync objects.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
