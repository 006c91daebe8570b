// SPDX-License-Identifier: GPL-2.0

//! Structures for paging queues.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of CreatePagingQueue.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreatePagingQueue {
    /// In: device.
    pub(crate) device: Handle,
    /// In: priority of the queue.
    pub(crate) priority: i32,
    /// Out: the new queue.
    pub(crate) paging_queue: Handle,
    /// Out: its fence.
    pub(crate) sync_object: Handle,
    /// Out: address of the fence value in the program, read-only.
    pub(crate) fence_cpu_virtual_address: u64,
    /// In: index of the GPU in a linked adapter.
    pub(crate) physical_adapter_index: u32,
    pad: u32,
}

same_layout!(
    CreatePagingQueue,
    d3dkmt_createpagingqueue {
        device,
        priority,
        paging_queue,
        sync_object,
        fence_cpu_virtual_address,
        physical_adapter_index
    }
);

/// Argument of DestroyPagingQueue.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct DestroyPagingQueue {
    /// In: queue to destroy.
    pub(crate) paging_queue: Handle,
}

same_layout!(
    DestroyPagingQueue,
    d3dddi_destroypagingqueue { paging_queue }
);
