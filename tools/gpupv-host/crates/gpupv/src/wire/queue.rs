// SPDX-License-Identifier: GPL-2.0
//! Paging queues and hardware queues, and work for the latter.

use zerocopy::byteorder::little_endian::{I32, U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// CREATEPAGINGQUEUE.
    "dxgkvmb_command_createpagingqueue" CreatePagingQueue {
        hdr: CommandHeader,
        device: U32,
        priority: I32,
        paging_queue: U32,
        sync_object: U32,
        fence_cpu_virtual_address: U64,
        physical_adapter_index: U32,
        padding: U32,
    }

    /// The answer to [`CreatePagingQueue`].
    "dxgkvmb_command_createpagingqueue_return" CreatePagingQueueReturn {
        paging_queue: U32,
        sync_object: U32,
        fence_storage_physical_address: U64,
        fence_storage_offset: U64,
    }

    /// DESTROYPAGINGQUEUE.
    "dxgkvmb_command_destroypagingqueue" DestroyPagingQueue {
        hdr: CommandHeader,
        paging_queue: U32,
        padding: U32,
    }

    /// CREATEHWQUEUE; the answer is the same struct. Driver data go on to the end.
    "dxgkvmb_command_createhwqueue" CreateHwQueue {
        hdr: CommandHeader,
        status: U32,
        hwqueue: U32,
        hwqueue_progress_fence: U32,
        padding: U32,
        hwqueue_progress_fence_cpuva: U64,
        hwqueue_progress_fence_gpuva: U64,
        context: U32,
        flags: U32,
        priv_drv_data_size: U32,
        priv_drv_data: u8,
        padding1: [u8; 3],
    }

    /// DESTROYHWQUEUE.
    "dxgkvmb_command_destroyhwqueue" DestroyHwQueue {
        hdr: CommandHeader,
        hwqueue: U32,
        padding: U32,
    }

    /// SUBMITCOMMANDTOHWQUEUE. Handles of primaries follow, then driver data.
    "dxgkvmb_command_submitcommandtohwqueue" SubmitCommandToHwQueue {
        hdr: CommandHeader,
        hwqueue: U32,
        reserved: U32,
        hwqueue_progress_fence_id: U64,
        command_buffer: U64,
        command_length: U32,
        priv_drv_data_size: U32,
        priv_drv_data: U64,
        num_primaries: U32,
        reserved1: U32,
        written_primaries: U64,
    }
}

impl CreateHwQueue {
    /// Where driver data start.
    pub const DATA_OFFSET: usize = 68;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0x1;
}

impl SubmitCommandToHwQueue {
    /// How many primaries and how much driver data there can be.
    pub const COUNT_MAX: u32 = 128 << 10;
}
