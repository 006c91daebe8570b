// SPDX-License-Identifier: GPL-2.0
//! Contexts, and work for them.

use zerocopy::byteorder::little_endian::{I32, U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// CREATECONTEXTVIRTUAL; the answer is the same struct. Driver data go on to the end.
    "dxgkvmb_command_createcontextvirtual" CreateContextVirtual {
        hdr: CommandHeader,
        context: U32,
        device: U32,
        node_ordinal: U32,
        engine_affinity: U32,
        flags: U32,
        client_hint: U32,
        priv_drv_data_size: U32,
        priv_drv_data: u8,
        padding: [u8; 3],
    }

    /// DESTROYCONTEXT.
    "dxgkvmb_command_destroycontext" DestroyContext {
        hdr: CommandHeader,
        context: U32,
        padding: U32,
    }

    /// SUBMITCOMMAND. Handles of history buffers follow, then driver data.
    "dxgkvmb_command_submitcommand" SubmitCommand {
        hdr: CommandHeader,
        command_buffer: U64,
        command_length: U32,
        flags: U32,
        present_history_token: U64,
        broadcast_context_count: U32,
        broadcast_context: [U32; 64],
        reserved: U32,
        priv_drv_data: U64,
        priv_drv_data_size: U32,
        num_primaries: U32,
        written_primaries: [U32; 16],
        num_history_buffers: U32,
        reserved1: U32,
        history_buffer_array: U64,
    }

    /// SETCONTEXTSCHEDULINGPRIORITY.
    "dxgkvmb_command_setcontextschedulingpriority2" SetContextSchedulingPriority {
        hdr: CommandHeader,
        context: U32,
        priority: I32,
        in_process: u8,
        padding: [u8; 7],
    }

    /// GETCONTEXTSCHEDULINGPRIORITY.
    "dxgkvmb_command_getcontextschedulingpriority" GetContextSchedulingPriority {
        hdr: CommandHeader,
        context: U32,
        in_process: u8,
        padding: [u8; 3],
    }

    /// The answer to [`GetContextSchedulingPriority`].
    "dxgkvmb_command_getcontextschedulingpriority_return" GetContextSchedulingPriorityReturn {
        status: U32,
        priority: I32,
    }
}

impl CreateContextVirtual {
    /// Where driver data start.
    pub const DATA_OFFSET: usize = 52;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x1F;
    /// The bit of `flags` for a context whose work goes through hardware queues.
    pub const HW_QUEUE_SUPPORTED: u32 = 1 << 4;
}

impl SubmitCommand {
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x3;
    /// The bit of `flags` for a buffer that is not executed.
    pub const NULL_RENDERING: u32 = 1 << 0;
    /// How many history buffers there can be.
    pub const HISTORY_MAX: u32 = 1024;
    /// How much driver data there can be.
    pub const DATA_MAX: u32 = 128 << 10;
}
