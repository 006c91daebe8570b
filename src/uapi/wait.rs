// SPDX-License-Identifier: GPL-2.0

//! Structures for waiting for sync objects.

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

/// Largest number of objects that a context or a hardware queue waits for at once.
pub(crate) const MAX_OBJECTS: usize = 32;

/// Argument of WaitForSynchronizationObject2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct WaitForSynchronizationObject2 {
    /// In: context that waits.
    pub(crate) context: Handle,
    /// In: number of valid entries of `object_array`.
    pub(crate) object_count: u32,
    /// In: objects to wait for.
    pub(crate) object_array: [Handle; MAX_OBJECTS],
    /// In: value of the fences.
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
    /// In: context that waits.
    pub(crate) context: Handle,
    /// In: number of objects.
    pub(crate) object_count: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: address of the values of monitored fences, `u64` each; for other objects, the value
    /// itself.
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
    /// In: hardware queue that waits.
    pub(crate) hwqueue: Handle,
    /// In: number of objects.
    pub(crate) object_count: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: address of their values, `u64` each.
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
    /// In: device.
    pub(crate) device: Handle,
    /// In: number of objects.
    pub(crate) object_count: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: address of their values, `u64` each.
    pub(crate) fence_values: u64,
    /// In: eventfd to signal instead of blocking the caller, or 0.
    pub(crate) async_event: u64,
    /// In: flags.
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
