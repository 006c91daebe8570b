// SPDX-License-Identifier: GPL-2.0

//! Structures for submitting work to the GPU.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Largest number of primaries that the ABI allows. An argument or a message has space for fewer.
pub(crate) const MAX_PRIMARIES: usize = 131_072;

/// Argument of SubmitCommand.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SubmitCommand {
    /// In: GPU virtual address of the commands.
    pub(crate) command_buffer: u64,
    /// In: length of the commands in bytes.
    pub(crate) command_length: u32,
    /// In: flags.
    pub(crate) flags: u32,
    /// In: token of a presentation.
    pub(crate) present_history_token: u64,
    /// In: number of valid entries of `broadcast_context`, at least 1.
    pub(crate) broadcast_context_count: u32,
    /// In: contexts to submit to.
    pub(crate) broadcast_context: [Handle; Self::MAX_CONTEXTS],
    reserved: u32,
    /// In: address of data of the vendor's driver.
    pub(crate) priv_drv_data: u64,
    /// In: size of `priv_drv_data` in bytes.
    pub(crate) priv_drv_data_size: u32,
    /// In: number of primaries that the commands write to.
    pub(crate) num_primaries: u32,
    /// In: the primaries, as far as there is space for them.
    pub(crate) written_primaries: [Handle; Self::PRIMARIES],
    /// In: number of history buffers.
    pub(crate) num_history_buffers: u32,
    reserved1: u32,
    /// In: address of the handles of the history buffers.
    pub(crate) history_buffer_array: u64,
}

impl SubmitCommand {
    /// Number of entries of [`Self::broadcast_context`].
    pub(crate) const MAX_CONTEXTS: usize = 64;
    /// Number of entries of [`Self::written_primaries`].
    const PRIMARIES: usize = 16;
    /// Largest number of history buffers.
    pub(crate) const MAX_HISTORY_BUFFERS: usize = 1024;
}

same_layout!(
    SubmitCommand,
    d3dkmt_submitcommand {
        command_buffer,
        command_length,
        flags,
        present_history_token,
        broadcast_context_count,
        broadcast_context,
        priv_drv_data,
        priv_drv_data_size,
        num_primaries,
        written_primaries,
        num_history_buffers,
        history_buffer_array
    }
);

/// Argument of SubmitCommandToHwQueue.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SubmitCommandToHwQueue {
    /// In: hardware queue to submit to.
    pub(crate) hwqueue: Handle,
    reserved: u32,
    /// In: value that the progress fence of the queue reaches when the commands are done.
    pub(crate) hwqueue_progress_fence_id: u64,
    /// In: GPU virtual address of the commands.
    pub(crate) command_buffer: u64,
    /// In: length of the commands in bytes.
    pub(crate) command_length: u32,
    /// In: size of `priv_drv_data` in bytes.
    pub(crate) priv_drv_data_size: u32,
    /// In: address of data of the vendor's driver.
    pub(crate) priv_drv_data: u64,
    /// In: number of primaries that the commands write to.
    pub(crate) num_primaries: u32,
    reserved1: u32,
    /// In: address of the handles of the primaries.
    pub(crate) written_primaries: u64,
}

same_layout!(
    SubmitCommandToHwQueue,
    d3dkmt_submitcommandtohwqueue {
        hwqueue,
        hwqueue_progress_fence_id,
        command_buffer,
        command_length,
        priv_drv_data_size,
        priv_drv_data,
        num_primaries,
        written_primaries
    }
);
