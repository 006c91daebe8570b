// SPDX-License-Identifier: GPL-2.0

//! Where the driver meets the rest of the kernel: two buses and a device node, each bound to the
//! registry.

pub(crate) mod misc;
pub(crate) mod pci;
pub(crate) mod vmbus;
