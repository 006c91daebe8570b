// SPDX-License-Identifier: GPL-2.0

//! Structures about objects that several processes share.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of ShareObjects.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ShareObjects {
    /// In: must be one.
    pub(crate) object_count: u32,
    reserved: u32,
    /// In: where the handles are.
    pub(crate) objects: u64,
    /// Not used.
    object_attr: u64,
    /// Not used.
    desired_access: u32,
    reserved1: u32,
    /// In: where the file descriptor goes, 64 bits wide.
    pub(crate) shared_handle: u64,
}

same_layout!(
    ShareObjects,
    d3dkmt_shareobjects {
        object_count,
        reserved,
        objects,
        object_attr,
        desired_access,
        reserved1,
        shared_handle
    }
);

/// Argument of ShareObjectWithHost.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ShareObjectWithHost {
    /// In: a device of the caller.
    pub(crate) device_handle: Handle,
    /// In: a resource or sync object.
    pub(crate) object_handle: Handle,
    reserved: u64,
    /// Out: what programs of the host know it by.
    pub(crate) object_vail_nt_handle: u64,
}

same_layout!(
    ShareObjectWithHost,
    d3dkmt_shareobjectwithhost {
        device_handle,
        object_handle,
        reserved,
        object_vail_nt_handle
    }
);
