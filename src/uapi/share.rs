// SPDX-License-Identifier: GPL-2.0

//! Structures about objects that several processes share.

use super::same_layout;
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
