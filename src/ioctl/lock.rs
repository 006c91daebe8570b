// SPDX-License-Identifier: GPL-2.0

//! Allocations in the address space of the program.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
