// SPDX-License-Identifier: GPL-2.0

//! Structures about signalling sync objects.

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

/// How to signal: the flag that matters to the driver.
pub(crate) mod signal_flags {
    /// Signal an eventfd.
    pub(crate) const ENQUEUE_CPU_EVENT: u32 = 1 << 1;
}

/// Most objects in an argument of SignalSynchronizationObject2.
pub(crate) const MAX_OBJECTS: usize = 32;
/// Most contexts there.
pub(crate) const MAX_CONTEXTS: usize = 64;

/// Argument of SignalSynchronizationObject2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SignalSynchronizationObject2 {
    /// In: the first context.
    pub(crate) context: Handle,
    /// In: how many objects count.
    pub(crate) object_count: u32,
    /// In.
    pub(crate) object_array: [Handle; MAX_OBJECTS],
    /// In.
    pub(crate) flags: u32,
    /// In: how many further contexts count.
    pub(crate) context_count: u32,
    /// In.
    pub(crate) contexts: [Handle; MAX_CONTEXTS],
    /// In: a value, or an eventfd.
    pub(crate) value: u64,
    reserved: [u64; 7],
}

same_layout!(
    SignalSynchronizationObject2,
    d3dkmt_signalsynchronizationobject2 {
        context,
        object_count,
        object_array,
        flags,
        context_count,
        contexts
    }
);
static_assert!(
    offset_of!(SignalSynchronizationObject2, value)
        == offset_of!(
            uapi_header::d3dkmt_signalsynchronizationobject2,
            __bindgen_anon_1
        )
);

/// Argument of SignalSynchronizationObjectFromCpu.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SignalSynchronizationObjectFromCpu {
    /// In.
    pub(crate) device: Handle,
    /// In.
    pub(crate) object_count: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// In: where the values are.
    pub(crate) fence_values: u64,
    /// In.
    pub(crate) flags: u32,
    pad: u32,
}

same_layout!(
    SignalSynchronizationObjectFromCpu,
    d3dkmt_signalsynchronizationobjectfromcpu {
        device,
        object_count,
        objects,
        fence_values,
        flags,
        pad
    }
);

/// Argument of SignalSynchronizationObjectFromGpu.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SignalSynchronizationObjectFromGpu {
    /// In.
    pub(crate) context: Handle,
    /// In.
    pub(crate) object_count: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// In: where the values are.
    pub(crate) monitored_fence_values: u64,
    reserved: [u64; 7],
}

same_layout!(
    SignalSynchronizationObjectFromGpu,
    d3dkmt_signalsynchronizationobjectfromgpu {
        context,
        object_count,
        objects
    }
);
static_assert!(
    offset_of!(SignalSynchronizationObjectFromGpu, monitored_fence_values)
        == offset_of!(
            uapi_header::d3dkmt_signalsynchronizationobjectfromgpu,
            __bindgen_anon_1
        )
);

/// Argument of SignalSynchronizationObjectFromGpu2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SignalSynchronizationObjectFromGpu2 {
    /// In.
    pub(crate) object_count: u32,
    reserved1: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// In.
    pub(crate) flags: u32,
    /// In.
    pub(crate) context_count: u32,
    /// In: where their handles are.
    pub(crate) contexts: u64,
    /// In: where the values are; or an eventfd.
    pub(crate) values: u64,
    reserved: [u64; 7],
}

same_layout!(
    SignalSynchronizationObjectFromGpu2,
    d3dkmt_signalsynchronizationobjectfromgpu2 {
        object_count,
        reserved1,
        objects,
        flags,
        context_count,
        contexts
    }
);
static_assert!(
    offset_of!(SignalSynchronizationObjectFromGpu2, values)
        == offset_of!(
            uapi_header::d3dkmt_signalsynchronizationobjectfromgpu2,
            __bindgen_anon_1
        )
);

/// Argument of SubmitSignalSyncObjectsToHwQueue.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SubmitSignalSyncObjectsToHwQueue {
    /// In.
    pub(crate) flags: u32,
    /// In.
    pub(crate) hwqueue_count: u32,
    /// In: where the handles of the queues are.
    pub(crate) hwqueues: u64,
    /// In.
    pub(crate) object_count: u32,
    reserved: u32,
    /// In: where the handles of the objects are.
    pub(crate) objects: u64,
    /// In: where the values are.
    pub(crate) fence_values: u64,
}

same_layout!(
    SubmitSignalSyncObjectsToHwQueue,
    d3dkmt_submitsignalsyncobjectstohwqueue {
        flags,
        hwqueue_count,
        hwqueues,
        object_count,
        reserved,
        objects,
        fence_values
    }
);
