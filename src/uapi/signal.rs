// SPDX-License-Identifier: GPL-2.0

//! Structures for signalling sync objects.

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

/// Flags of a signal that the driver interprets.
pub(crate) mod signal_flags {
    /// Signals an eventfd instead of objects.
    pub(crate) const ENQUEUE_CPU_EVENT: u32 = 1 << 1;
}

/// Largest number of objects in a [`SignalSynchronizationObject2`].
pub(crate) const MAX_OBJECTS: usize = 32;
/// Largest number of contexts in a [`SignalSynchronizationObject2`].
pub(crate) const MAX_CONTEXTS: usize = 64;

/// Argument of SignalSynchronizationObject2.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SignalSynchronizationObject2 {
    /// In: first context that signals.
    pub(crate) context: Handle,
    /// In: number of valid entries of `object_array`.
    pub(crate) object_count: u32,
    /// In: objects to signal.
    pub(crate) object_array: [Handle; MAX_OBJECTS],
    /// In: flags.
    pub(crate) flags: u32,
    /// In: number of valid entries of `contexts`.
    pub(crate) context_count: u32,
    /// In: further contexts that signal.
    pub(crate) contexts: [Handle; MAX_CONTEXTS],
    /// In: value of the fences, or an eventfd with [`signal_flags::ENQUEUE_CPU_EVENT`].
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
    /// In: device.
    pub(crate) device: Handle,
    /// In: number of objects.
    pub(crate) object_count: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: address of their values, `u64` each, or null.
    pub(crate) fence_values: u64,
    /// In: flags.
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
    /// In: context that signals.
    pub(crate) context: Handle,
    /// In: number of objects.
    pub(crate) object_count: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: address of their values, `u64` each, or null.
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
    /// In: number of objects; 0 with [`signal_flags::ENQUEUE_CPU_EVENT`].
    pub(crate) object_count: u32,
    reserved1: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: flags.
    pub(crate) flags: u32,
    /// In: number of contexts that signal.
    pub(crate) context_count: u32,
    /// In: address of the handles of the contexts.
    pub(crate) contexts: u64,
    /// In: address of the values of the objects, `u64` each, or null; an eventfd with
    /// [`signal_flags::ENQUEUE_CPU_EVENT`].
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
    /// In: flags.
    pub(crate) flags: u32,
    /// In: number of hardware queues that signal.
    pub(crate) hwqueue_count: u32,
    /// In: address of the handles of the queues.
    pub(crate) hwqueues: u64,
    /// In: number of objects.
    pub(crate) object_count: u32,
    reserved: u32,
    /// In: address of the handles of the objects.
    pub(crate) objects: u64,
    /// In: address of their values, `u64` each, or null.
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
