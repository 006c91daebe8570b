// SPDX-License-Identifier: GPL-2.0

//! Structures about waiting for sync objects.

use super::same_layout;
use crate::{
    linux::uapi_header,
    wire::Handle, //
};
use core::mem::offset_of;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Most objects that a context or a hardware queue waits for at once.
pub(crate) const MAX_OBJECTS: usize = 32;

/// Argument of WaitForSynchronizationObject2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct WaitForSynchronizationObject2 {
    /// In: who waits.
    pub(crate) context: Handle,
    /// In: how many objects count.
    pub(crate) object_count: u32,
    /// In.
    pub(crate) object_array: [Handle; MAX_OBJECTS],
    /// In.
    pub(crate) fence_value: u64,
    reserved: [u64; 7],
}

same_layout!(
    WaitForSynchronizationObject2,
    d3dkmt_waitforsynchronizationobject2 {
        context,
        object_count,
        object_array
    }
);
static_assert!(
    offset_of!(WaitForSynchronizationObject2, fence_value)
        == offset_of!(
            uapi_header::d3dkmt_waitforsynchronizationobject2,
            __bindgen_anon_1
        )
);

/// Argument of WaitForSynchronizationObjectFromGpu.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct WaitForSynchronizationObjectFromGpu {
    /// In: who waits.
    pub(crate) context: Handle,
    /// In.
    pub(crate) object_count: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// In: where the values of monitored fences are; for other objects, the value itself.
    pub(crate) values: u64,
    reserved: [u64; 7],
}

same_layout!(
    WaitForSynchronizationObjectFromGpu,
    d3dkmt_waitforsynchronizationobjectfromgpu {
        context,
        object_count,
        objects
    }
);
static_assert!(
    offset_of!(WaitForSynchronizationObjectFromGpu, values)
        == offset_of!(
            uapi_header::d3dkmt_waitforsynchronizationobjectfromgpu,
            __bindgen_anon_1
        )
);

/// Argument of SubmitWaitForSyncObjectsToHwQueue.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SubmitWaitForSyncObjectsToHwQueue {
    /// In: who waits.
    pub(crate) hwqueue: Handle,
    /// In.
    pub(crate) object_count: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// In: where the values are.
    pub(crate) fence_values: u64,
}

same_layout!(
    SubmitWaitForSyncObjectsToHwQueue,
    d3dkmt_submitwaitforsyncobjectstohwqueue {
        hwqueue,
        object_count,
        objects,
        fence_values
    }
);

/// Argument of WaitForSynchronizationObjectFromCpu.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct WaitForSynchronizationObjectFromCpu {
    /// In.
    pub(crate) device: Handle,
    /// In.
    pub(crate) object_count: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// In: where the values are.
    pub(crate) fence_values: u64,
    /// In: an eventfd. 0: the caller waits.
    pub(crate) async_event: u64,
    /// In.
    pub(crate) flags: u32,
    pad: u32,
}

same_layout!(
    WaitForSynchronizationObjectFromCpu,
    d3dkmt_waitforsynchronizationobjectfromcpu {
        device,
        object_count,
        objects,
        fence_values,
        async_event,
        flags,
        pad
    }
);
