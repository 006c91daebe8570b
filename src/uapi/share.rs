// SPDX-License-Identifier: GPL-2.0

//! Structures for objects that several processes share.

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
    /// In: number of objects, which must be 1.
    pub(crate) object_count: u32,
    reserved: u32,
    /// In: address of the handle.
    pub(crate) objects: u64,
    /// Not used.
    object_attr: u64,
    /// Not used.
    desired_access: u32,
    reserved1: u32,
    /// In: address of a `u64`, filled with the new file descriptor.
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
    /// In: device of the caller.
    pub(crate) device_handle: Handle,
    /// In: resource or sync object.
    pub(crate) object_handle: Handle,
    reserved: u64,
    /// Out: NT handle of the object on the host.
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
