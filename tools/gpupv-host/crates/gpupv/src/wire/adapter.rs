// SPDX-License-Identifier: GPL-2.0
//! Opening and closing adapters, and what belongs to that.

use zerocopy::byteorder::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{CommandHeader, Luid};

/// SETIOSPACEREGION: where the guest will see memory of the host.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SetIoSpaceRegion {
    /// Process is 0.
    pub hdr: CommandHeader,
    /// Guest physical address.
    pub start: U64,
    /// Bytes.
    pub length: U64,
    /// A page shared with the host; only very old guests have one.
    pub shared_page_gpadl: U32,
    /// Zero.
    pub padding: U32,
}

/// OPENADAPTER.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OpenAdapter {
    /// Process is 0.
    pub hdr: CommandHeader,
    /// The interface version that the guest speaks.
    pub vmbus_interface_version: U32,
    /// The oldest that it could speak.
    pub vmbus_last_compatible_interface_version: U32,
    /// Not filled by known guests.
    pub guest_adapter_luid: Luid,
}

/// The answer to [`OpenAdapter`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct OpenAdapterReturn {
    /// For the adapter fields of later commands.
    pub host_adapter_handle: U32,
    /// Result.
    pub status: U32,
    /// The host's version.
    pub vmbus_interface_version: U32,
    /// The oldest that the host could speak.
    pub vmbus_last_compatible_interface_version: U32,
}

/// CLOSEADAPTER.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct CloseAdapter {
    /// Process is 0.
    pub hdr: CommandHeader,
    /// From [`OpenAdapterReturn`].
    pub host_handle: U32,
    /// Zero.
    pub padding: U32,
}

/// GETINTERNALADAPTERINFO.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct GetInternalAdapterInfo {
    /// Process is 0.
    pub hdr: CommandHeader,
}

/// The answer to [`GetInternalAdapterInfo`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct GetInternalAdapterInfoReturn {
    /// What kind of adapter it is, for the host.
    pub device_types: U32,
    /// Zero.
    pub driver_store_copy_mode: U32,
    /// Version of the driver model.
    pub driver_ddi_version: U32,
    /// See the constants.
    pub flags: U32,
    /// The adapter's id on the host.
    pub host_adapter_luid: Luid,
    /// UTF-16, zero terminated.
    pub device_description: [u8; 160],
    /// UTF-16, zero terminated.
    pub device_instance_id: [u8; 520],
    /// The vGPU's id on the host; absent below interface version 40.
    pub host_vgpu_luid: Luid,
}

impl GetInternalAdapterInfoReturn {
    /// `flags`: the virtual machine is a secure one.
    pub const SECURE_VIRTUAL_MACHINE: u32 = 1 << 0;
    /// `flags`: the host schedules in hardware.
    pub const HW_SCH_ENABLED: u32 = 1 << 3;
    /// `flags`: the host could schedule in hardware.
    pub const HW_SCH_CAPABLE: u32 = 1 << 4;
    /// `flags`: the guest shall use asynchronous messages.
    pub const ASYNC_MSG_ENABLED: u32 = 1 << 6;
    /// `device_types`: a virtual render device.
    pub const VIRTUAL_RENDER_DEVICE: u32 = 1 << 14;
    /// How long the answer is below interface version 40.
    pub const OLD_SIZE: usize = 704;
}
