// SPDX-License-Identifier: GPL-2.0

//! Structures about hardware queues.

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
    /// In: of which context.
    pub(crate) context: Handle,
    /// In.
    pub(crate) flags: u32,
    /// In: how much data of the vendor's drivers there is.
    pub(crate) priv_drv_data_size: u32,
    reserved: u32,
    /// In: where it is, before and after.
    pub(crate) priv_drv_data: u64,
    /// Out.
    pub(crate) queue: Handle,
    /// Out: its fence.
    pub(crate) queue_progress_fence: Handle,
    /// Out: where the value of the fence is.
    pub(crate) queue_progress_fence_cpu_va: u64,
    /// Out: where the GPU sees it.
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
    /// In: which one.
    pub(crate) queue: Handle,
}

same_layout!(DestroyHwQueue, d3dkmt_destroyhwqueue { queue });
