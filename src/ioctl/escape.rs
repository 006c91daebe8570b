// SPDX-License-Identifier: GPL-2.0

//! Private talk between the user-mode driver and the host's.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
