// SPDX-License-Identifier: GPL-2.0

//! Structures for devices.

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
    /// In: adapter.
    pub(crate) adapter: Handle,
    reserved3: u32,
    /// In: flags.
    pub(crate) flags: u32,
    /// Out: the new device.
    pub(crate) device: Handle,
    /// Not used, like all fields below.
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
    /// In: device to destroy.
    pub(crate) device: Handle,
}

same_layout!(DestroyDevice, d3dkmt_destroydevice { device });

/// Argument of GetDeviceState.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct GetDeviceState {
    /// In: device.
    pub(crate) device: Handle,
    /// In: kind of state that is asked for.
    pub(crate) state_type: u32,
    /// Out: the state; also in for kinds that have selectors there.
    pub(crate) state: [u8; Self::STATE],
}

impl GetDeviceState {
    /// Size of a state in bytes.
    pub(crate) const STATE: usize = 48;
    /// Kind of state: whether the device executes commands, as a `u32`.
    pub(crate) const EXECUTION: u32 = 1;
}

const _: () = {
    use crate::linux::uapi_header::d3dkmt_getdevicestate as Theirs;
    use core::mem::offset_of;

    assert!(size_of::<GetDeviceState>() == size_of::<Theirs>());
    assert!(offset_of!(GetDeviceState, device) == offset_of!(Theirs, device));
    assert!(offset_of!(GetDeviceState, state_type) == offset_of!(Theirs, state_type));
    assert!(offset_of!(GetDeviceState, state) == offset_of!(Theirs, __bindgen_anon_1));
};

/// Argument of MarkDeviceAsError.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MarkDeviceAsError {
    /// In: device.
    pub(crate) device: Handle,
    /// In: reason for giving the device up.
    pub(crate) reason: u32,
}

same_layout!(
    MarkDeviceAsError,
    d3dkmt_markdeviceaserror { device, reason }
);
