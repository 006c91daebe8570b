// SPDX-License-Identifier: GPL-2.0

//! Structures for escapes, which carry data of the vendor's drivers.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of Escape.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct Escape {
    /// In: adapter.
    pub(crate) adapter: Handle,
    /// In: device, or 0.
    pub(crate) device: Handle,
    /// In: receiver of the data.
    pub(crate) r#type: u32,
    /// In: flags.
    pub(crate) flags: u32,
    /// Address of the data, read and written.
    pub(crate) priv_drv_data: u64,
    /// In: size of the data in bytes.
    pub(crate) priv_drv_data_size: u32,
    /// In: context, or 0.
    pub(crate) context: Handle,
}

impl Escape {
    /// Type: data for the vendor's driver.
    pub(crate) const DRIVER_PRIVATE: u32 = 0;
    /// Flag: the data begins with the number of a driver-known escape.
    pub(crate) const DRIVER_KNOWN: u32 = 1 << 6;
    /// Driver-known escape: asks for the host's handle of an allocation.
    pub(crate) const TRANSLATE_ALLOCATION_HANDLE: u32 = 0;
    /// Driver-known escape: asks for the host's handle of a resource.
    pub(crate) const TRANSLATE_RESOURCE_HANDLE: u32 = 1;
    /// Driver-known escape: builds a test command buffer.
    pub(crate) const BUILD_TEST_COMMAND_BUFFER: u32 = 3;
}

const _: () = {
    use crate::linux::uapi_header::d3dkmt_escape as Theirs;
    use core::mem::offset_of;

    assert!(size_of::<Escape>() == size_of::<Theirs>());
    assert!(offset_of!(Escape, adapter) == offset_of!(Theirs, adapter));
    assert!(offset_of!(Escape, device) == offset_of!(Theirs, device));
    assert!(offset_of!(Escape, r#type) == offset_of!(Theirs, type_));
    assert!(offset_of!(Escape, flags) == offset_of!(Theirs, flags));
    assert!(offset_of!(Escape, priv_drv_data) == offset_of!(Theirs, priv_drv_data));
    assert!(offset_of!(Escape, priv_drv_data_size) == offset_of!(Theirs, priv_drv_data_size));
    assert!(offset_of!(Escape, context) == offset_of!(Theirs, context));
};

/// Data of the escape that builds a test command buffer.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct BuildTestCommandBuffer {
    /// In: [`Escape::BUILD_TEST_COMMAND_BUFFER`].
    pub(crate) escape_type: u32,
    /// In: device.
    pub(crate) device: Handle,
    /// In: context.
    pub(crate) context: Handle,
    /// In: flags for the host.
    pub(crate) flags: u32,
    /// In: the command to build.
    pub(crate) command: [u8; 72],
    /// In: address of space for the command buffer.
    pub(crate) dma_buffer: u64,
    /// In: address of space for its private data.
    pub(crate) dma_buffer_priv_data: u64,
    /// In: space at `dma_buffer` in bytes. Out: size of the command buffer.
    pub(crate) dma_buffer_size: u32,
    /// In: space at `dma_buffer_priv_data` in bytes. Out: size of the private data.
    pub(crate) dma_buffer_priv_data_size: u32,
}

impl BuildTestCommandBuffer {
    /// Smallest space for a command buffer, in bytes.
    pub(crate) const MIN_DMA: u32 = 4;
    /// Largest space for a command buffer, in bytes.
    pub(crate) const MAX_DMA: u32 = 4096;
    /// Largest space for its private data, in bytes.
    pub(crate) const MAX_PRIVATE: u32 = 1024;
}

same_layout!(
    BuildTestCommandBuffer,
    d3dddi_buildtestcommandbuffer {
        escape_type,
        device,
        context,
        flags,
        command,
        dma_buffer,
        dma_buffer_priv_data,
        dma_buffer_size,
        dma_buffer_priv_data_size
    }
);
