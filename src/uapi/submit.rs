// SPDX-License-Identifier: GPL-2.0

//! Structures about work for the GPU.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Most primaries, as far as the ABI goes. An argument or a message has room for fewer.
pub(crate) const MAX_PRIMARIES: usize = 131_072;

/// Argument of SubmitCommand.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct SubmitCommand {
    /// In: GPU address of the commands.
    pub(crate) command_buffer: u64,
    /// In: their length.
    pub(crate) command_length: u32,
    /// In.
    pub(crate) flags: u32,
    /// In.
    pub(crate) present_history_token: u64,
    /// In: how many contexts do it.
    pub(crate) broadcast_context_count: u32,
    /// In: those.
    pub(crate) broadcast_context: [Handle; Self::MAX_CONTEXTS],
    reserved: u32,
    /// In: where the data of the vendor's drivers is.
    pub(crate) priv_drv_data: u64,
    /// In: how much of it there is.
    pub(crate) priv_drv_data_size: u32,
    /// In: how many primaries are written.
    pub(crate) num_primaries: u32,
    /// In: those.
    pub(crate) written_primaries: [Handle; Self::PRIMARIES],
    /// In: how many history buffers there are.
    pub(crate) num_history_buffers: u32,
    reserved1: u32,
    /// In: where their handles are.
    pub(crate) history_buffer_array: u64,
}

impl SubmitCommand {
    /// Room for contexts.
    pub(crate) const MAX_CONTEXTS: usize = 64;
    /// Room for primaries.
    const PRIMARIES: usize = 16;
    /// Most history buffers.
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
    /// In: which queue.
    pub(crate) hwqueue: Handle,
    reserved: u32,
    /// In: the value of the queue's fence when the commands are done.
    pub(crate) hwqueue_progress_fence_id: u64,
    /// In: GPU address of the commands.
    pub(crate) command_buffer: u64,
    /// In: their length.
    pub(crate) command_length: u32,
    /// In: how much data of the vendor's drivers there is.
    pub(crate) priv_drv_data_size: u32,
    /// In: where it is.
    pub(crate) priv_drv_data: u64,
    /// In: how many primaries are written.
    pub(crate) num_primaries: u32,
    reserved1: u32,
    /// In: where their handles are.
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
