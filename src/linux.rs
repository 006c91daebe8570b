// SPDX-License-Identifier: GPL-2.0

//! Abstractions that the kernel crate does not have yet, and the only layer with `unsafe`.
//!
//! Each module here is written as it would be proposed to `rust/kernel/`: it knows nothing of
//! GPU-PV, and its safe interface is sound whatever its callers do with it.

mod bindings;

pub(crate) mod anon_file;
pub(crate) mod channel;
pub(crate) mod coarse_time;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod dma_fence;
pub(crate) mod errno;
pub(crate) mod eventfd;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod fence_callback;
pub(crate) mod global;
pub(crate) mod guid;
pub(crate) mod irq_lock;
pub(crate) mod misc;
pub(crate) mod mmio;
#[cfg(not(dxgkrnl_linux_7_2))]
pub(crate) mod module;
#[cfg(dxgkrnl_linux_7_2)]
#[path = "../compat/linux_7_2.rs"]
pub(crate) mod module;
pub(crate) mod pci_config;
pub(crate) mod pid;
pub(crate) mod pin_limit;
pub(crate) mod queue;
pub(crate) mod ratelimit;
pub(crate) mod rwsem;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod sync_file;
pub(crate) mod trace;
pub(crate) mod user_mapping;
pub(crate) mod user_pages;
pub(crate) mod vmbus;
pub(crate) mod wait;

/// The structures of the UAPI header as generated for C, to check the driver's own against. In tree
/// this is `kernel::uapi`. The other declarations in the bindings cannot be called without
/// `unsafe`.
pub(crate) mod uapi_header {
    pub(crate) use super::bindings::*;
}
