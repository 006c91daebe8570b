// SPDX-License-Identifier: GPL-2.0
//! What the user-mode driver of this host's adapters learns of a context or a hardware queue that it
//! makes.
//!
//! A vendor is free in what it puts here; this is what ours does. All numbers are little-endian.
//!
//! | offset | size | content |
//! |---:|---:|---|
//! | 0 | 4 | the letters `GPVQ` |
//! | 4 | 4 | in: 0; out: the handle of the context or queue |
//!
//! Whatever follows, and data of another kind, are handed back unchanged.

use crate::handles::Handle;

const MAGIC: &[u8] = b"GPVQ";

/// Writes the handle into data that have a place for it.
pub(crate) fn fill(data: &mut [u8], handle: Handle) {
    if data.starts_with(MAGIC) {
        if let Some(place) = data.get_mut(4..8) {
            place.copy_from_slice(&handle.0.to_le_bytes());
        }
    }
}
