// SPDX-License-Identifier: GPL-2.0

//! The entry points of the driver: two buses and a device node, each bound to the registry.

pub(crate) mod misc;
pub(crate) mod pci;
pub(crate) mod vmbus;
