// SPDX-License-Identifier: GPL-2.0
//! A guest that means ill: what it may send to the host, made of arbitrary bytes.
//!
//! Each function takes bytes for a script and plays it against one part of the host. It returns if the
//! part has coped, and panics otherwise; the same bytes always do the same. The fuzz targets in
//! `tools/gpupv-host/fuzz` give them what a fuzzer comes up with, and the tests here what a random
//! generator does.

#![forbid(unsafe_code)]

mod bus;
mod machine;
mod packets;
mod source;

pub use bus::{control, gpadl, hypercall, ring};
pub use packets::packets;

/// Reads bytes as a plan of faults, which a guest may write through a port.
pub fn plan(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        // Whether it is one is not the point.
        let _ = text.parse::<faults::Plan>();
    }
}
