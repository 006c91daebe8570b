// SPDX-License-Identifier: GPL-2.0
//! The commands, a file for each family.

mod adapter;
mod address;
mod allocation;
mod context;
mod device;
mod info;
mod queue;
mod residency;
mod share;
mod sync;
mod vm;
mod work;

pub(super) use address::protection;
