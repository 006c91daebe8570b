// SPDX-License-Identifier: GPL-2.0

//! Structures about data of the vendor's drivers.

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
    /// In: which adapter.
    pub(crate) adapter: Handle,
    /// In: a device or nothing.
    pub(crate) device: Handle,
    /// In: for whom it is.
    pub(crate) r#type: u32,
    /// In.
    pub(crate) flags: u32,
    /// In: where the data is, before and after.
    pub(crate) priv_drv_data: u64,
    /// In: how much data.
    pub(crate) priv_drv_data_size: u32,
    /// In: a context or nothing.
    pub(crate) context: Handle,
}

impl Escape {
    /// For the vendor's driver.
    pub(crate) const DRIVER_PRIVATE: u32 = 0;
    /// In the flags: the data begins with the number of a known escape.
    pub(crate) const DRIVER_KNOWN: u32 = 1 << 6;
    /// Known escape: the host's number of an allocation.
    pub(crate) const TRANSLATE_ALLOCATION_HANDLE: u32 = 0;
    /// Known escape: the host's number of a resource.
    pub(crate) const TRANSLATE_RESOURCE_HANDLE: u32 = 1;
    /// Known escape: a command for tests.
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

/// Data of the escape that makes a command for tests.
#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct BuildTestCommandBuffer {
    /// In: the number of the escape.
    pub(crate) escape_type: u32,
    /// In.
    pub(crate) device: Handle,
    /// In.
    pub(crate) context: Handle,
    /// In.
    pub(crate) flags: u32,
    /// In: what the command is to do.
    pub(crate) command: [u8; 72],
    /// In: where the command is wanted.
    pub(crate) dma_buffer: u64,
    /// In: where its private data is wanted.
    pub(crate) dma_buffer_priv_data: u64,
    /// In: room for the command. Out: its length.
    pub(crate) dma_buffer_size: u32,
    /// In: room for its private data. Out: its length.
    pub(crate) dma_buffer_priv_data_size: u32,
}

impl BuildTestCommandBuffer {
    /// Least room for a command.
    pub(crate) const MIN_DMA: u32 = 4;
    /// Most room for a command.
    pub(crate) const MAX_DMA: u32 = 4096;
    /// Most room for its private data.
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
