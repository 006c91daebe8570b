// SPDX-License-Identifier: GPL-2.0

//! Work for the GPU.

use super::Entry;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[];
