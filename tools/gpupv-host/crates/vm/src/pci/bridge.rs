// SPDX-License-Identifier: GPL-2.0
//! The host bridge at 00:00.0. The guest trusts the configuration ports only if it finds one.

use super::PciFunction;

/// Vendor 1B36, device 0008: the generic host bridge of virtual machines.
const IDENTITY: u32 = 0x0008_1B36;
/// Class: bridge, host bridge. Revision 0.
const CLASS: u32 = 0x0600_0000;

pub(super) struct HostBridge;

impl PciFunction for HostBridge {
    fn read(&mut self, register: u8) -> u32 {
        match register {
            0x00 => IDENTITY,
            0x08 => CLASS,
            _ => 0,
        }
    }

    fn write(&mut self, _register: u8, _value: u32, _byte_mask: u8) {}
}
