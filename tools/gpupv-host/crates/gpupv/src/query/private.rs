// SPDX-License-Identifier: GPL-2.0
//! What this host's adapters tell their user-mode driver: the answer to query type 0.
//!
//! A vendor is free in what it puts here; this is what ours does. All numbers are little-endian.
//!
//! | offset | size | content |
//! |---:|---:|---|
//! | 0 | 4 | the letters `GPVS` |
//! | 4 | 4 | size of this structure: 64 |
//! | 8 | 4 | version of this structure: 1 |
//! | 12 | 4 | 0 render, 1 compute-only |
//! | 16 | 4 | PCI vendor |
//! | 20 | 4 | PCI device |
//! | 24 | 4 | PCI revision |
//! | 28 | 4 | number of engines |
//! | 32 | 8 | dedicated memory in bytes |
//! | 40 | 8 | shared memory in bytes |
//! | 48 | 8 | driver version, its first part on top |
//! | 56 | 4 | bit 0: scheduling in hardware |
//! | 60 | 4 | 0 |

use crate::adapter::{AdapterDescription, AdapterKind};

const SIZE: u32 = 64;
const VERSION: u32 = 1;

/// The structure for `adapter`.
pub fn private_blob(adapter: &AdapterDescription) -> Vec<u8> {
    let kind: u32 = match adapter.kind {
        AdapterKind::Render => 0,
        AdapterKind::ComputeOnly => 1,
    };
    // CAST: at most AdapterDescription::ENGINES_MAX.
    let engines = adapter.engines.len() as u32;
    let mut blob = b"GPVS".to_vec();
    for word in [
        SIZE,
        VERSION,
        kind,
        adapter.vendor.into(),
        adapter.device.into(),
        adapter.revision.into(),
        engines,
    ] {
        blob.extend_from_slice(&word.to_le_bytes());
    }
    for word in [
        adapter.dedicated_memory,
        adapter.shared_memory,
        adapter.driver.to_u64(),
        adapter.hardware_scheduling.into(),
    ] {
        blob.extend_from_slice(&word.to_le_bytes());
    }
    blob
}
