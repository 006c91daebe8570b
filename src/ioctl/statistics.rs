// SPDX-License-Identifier: GPL-2.0

//! Statistics, clocks and memory reservations of an adapter.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
