// SPDX-License-Identifier: GPL-2.0

//! Structures for hardware queues.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of CreateHwQueue.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateHwQueue {
    /// In: context the queue belongs to.
    pub(crate) context: Handle,
    /// In: flags.
    pub(crate) flags: u32,
    /// In: size of `priv_drv_data` in bytes.
    pub(crate) priv_drv_data_size: u32,
    reserved: u32,
    /// Address of data of the vendor's driver, read and written.
    pub(crate) priv_drv_data: u64,
    /// Out: the new queue.
    pub(crate) queue: Handle,
    /// Out: its progress fence.
    pub(crate) queue_progress_fence: Handle,
    /// Out: address of the fence value in the program, read-only.
    pub(crate) queue_progress_fence_cpu_va: u64,
    /// Out: GPU virtual address of the fence value.
    pub(crate) queue_progress_fence_gpu_va: u64,
}

same_layout!(
    CreateHwQueue,
    d3dkmt_createhwqueue {
        context,
        flags,
        priv_drv_data_size,
        priv_drv_data,
        queue,
        queue_progress_fence,
        queue_progress_fence_cpu_va,
        queue_progress_fence_gpu_va
    }
);

/// Argument of DestroyHwQueue.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct DestroyHwQueue {
    /// In: queue to destroy.
    pub(crate) queue: Handle,
}

same_layout!(DestroyHwQueue, d3dkmt_destroyhwqueue { queue });
