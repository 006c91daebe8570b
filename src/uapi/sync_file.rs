// SPDX-License-Identifier: GPL-2.0

//! Structures for sync files.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of CreateSyncFile.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateSyncFile {
    /// In: device of the caller.
    pub(crate) device: Handle,
    /// In: monitored fence.
    pub(crate) monitored_fence: Handle,
    /// In: value of the fence at which the file signals.
    pub(crate) fence_value: u64,
    /// Out: the new file descriptor.
    pub(crate) sync_file_handle: u64,
}

same_layout!(
    CreateSyncFile,
    d3dkmt_createsyncfile {
        device,
        monitored_fence,
        fence_value,
        sync_file_handle,
    }
);

/// Argument of WaitSyncFile.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct WaitSyncFile {
    /// In: file descriptor of a sync file.
    pub(crate) sync_file_handle: u64,
    /// In: context that waits.
    pub(crate) context: Handle,
    reserved: u32,
}

same_layout!(
    WaitSyncFile,
    d3dkmt_waitsyncfile {
        sync_file_handle,
        context,
        reserved,
    }
);

/// Argument of OpenSyncObjectFromSyncFile.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct OpenSyncObjectFromSyncFile {
    /// In: file descriptor of a sync file made from a shared monitored fence.
    pub(crate) sync_file_handle: u64,
    /// In: device.
    pub(crate) device: Handle,
    /// Out: the opened fence.
    pub(crate) syncobj: Handle,
    /// Out: value of the fence at which the file signals.
    pub(crate) fence_value: u64,
    /// Out: address of the current value of the fence in the program.
    pub(crate) fence_value_cpu_va: u64,
    /// Out: GPU virtual address of the value.
    pub(crate) fence_value_gpu_va: u64,
}

same_layout!(
    OpenSyncObjectFromSyncFile,
    d3dkmt_opensyncobjectfromsyncfile {
        sync_file_handle,
        device,
        syncobj,
        fence_value,
        fence_value_cpu_va,
        fence_value_gpu_va,
    }
);
