// SPDX-License-Identifier: GPL-2.0

//! Structures about devices.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of CreateDevice.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateDevice {
    /// In: on which adapter.
    pub(crate) adapter: Handle,
    reserved3: u32,
    /// In.
    pub(crate) flags: u32,
    /// Out.
    pub(crate) device: Handle,
    /// Not used, as are the following ones.
    command_buffer: u64,
    command_buffer_size: u32,
    reserved: u32,
    allocation_list: u64,
    allocation_list_size: u32,
    reserved1: u32,
    patch_location_list: u64,
    patch_location_list_size: u32,
    reserved2: u32,
}

same_layout!(
    CreateDevice,
    d3dkmt_createdevice {
        adapter,
        flags,
        device
    }
);

/// Argument of DestroyDevice.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct DestroyDevice {
    /// In: which device.
    pub(crate) device: Handle,
}

same_layout!(DestroyDevice, d3dkmt_destroydevice { device });
