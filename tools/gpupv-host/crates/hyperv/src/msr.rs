// SPDX-License-Identifier: GPL-2.0
//! Numbers of the synthetic model specific registers.

pub(crate) const VP_INDEX: u32 = 0x4000_0002;
pub(crate) const CRASH_PARAMETERS: [u32; 5] = [
    0x4000_0100,
    0x4000_0101,
    0x4000_0102,
    0x4000_0103,
    0x4000_0104,
];
