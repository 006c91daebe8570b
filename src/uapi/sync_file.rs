// SPDX-License-Identifier: GPL-2.0

//! Structures about sync files.

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
    /// In: a device of the caller.
    pub(crate) device: Handle,
    /// In: a monitored fence.
    pub(crate) monitored_fence: Handle,
    /// In: at which value the file signals.
    pub(crate) fence_value: u64,
    /// Out: a file descriptor.
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
    /// In: a file descriptor.
    pub(crate) sync_file_handle: u64,
    /// In: who waits.
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
    /// In: a file descriptor.
    pub(crate) sync_file_handle: u64,
    /// In: on which device.
    pub(crate) device: Handle,
    /// Out: the fence.
    pub(crate) syncobj: Handle,
    /// Out: at which value the file signals.
    pub(crate) fence_value: u64,
    /// Out: where the program sees the value of the fence.
    pub(crate) fence_value_cpu_va: u64,
    /// Out: where the GPU sees it.
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
