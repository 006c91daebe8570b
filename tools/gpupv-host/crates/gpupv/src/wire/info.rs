// SPDX-License-Identifier: GPL-2.0
//! Memory reservations, statistics, clocks, escapes.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::{CommandHeader, Luid};

messages! {
    /// CHANGEVIDEOMEMORYRESERVATION.
    "dxgkvmb_command_changevideomemoryreservation" ChangeVideoMemoryReservation {
        hdr: CommandHeader,
        process: U64,
        adapter: U32,
        memory_segment_group: U32,
        reservation: U64,
        physical_adapter_index: U32,
        padding: U32,
    }

    /// QUERYSTATISTICS. Behind the result stands what is asked about: a segment, a node, a source.
    "dxgkvmb_command_querystatistics" QueryStatistics {
        hdr: CommandHeader,
        r#type: U32,
        adapter_luid: Luid,
        padding: U32,
        process: U64,
        result: [u8; 776],
        padding_id: U32,
        padding1: U32,
    }

    /// The answer to [`QueryStatistics`].
    "dxgkvmb_command_querystatistics_return" QueryStatisticsReturn {
        status: U32,
        reserved: U32,
        result: [u8; 776],
    }

    /// QUERYCLOCKCALIBRATION.
    "dxgkvmb_command_queryclockcalibration" QueryClockCalibration {
        hdr: CommandHeader,
        adapter: U32,
        node_ordinal: U32,
        physical_adapter_index: U32,
        clock_data: [u8; 28],
    }

    /// The answer to [`QueryClockCalibration`].
    "dxgkvmb_command_queryclockcalibration_return" QueryClockCalibrationReturn {
        status: U32,
        gpu_frequency: U64,
        gpu_clock_counter: U64,
        cpu_clock_counter: U64,
        flags: U32,
    }

    /// FLUSHHEAPTRANSITIONS.
    "dxgkvmb_command_flushheaptransitions" FlushHeapTransitions {
        hdr: CommandHeader,
    }

    /// ESCAPE, and the first byte of its data.
    "dxgkvmb_command_escape" Escape {
        hdr: CommandHeader,
        adapter: U32,
        device: U32,
        r#type: U32,
        flags: U32,
        priv_drv_data_size: U32,
        context: U32,
        priv_drv_data: [u8; 1],
        padding: [u8; 7],
    }

    /// The data of the escape that builds a test command buffer, before the buffers.
    "d3dddi_buildtestcommandbuffer" BuildTestCommandBuffer {
        escape_type: U32,
        device: U32,
        context: U32,
        flags: U32,
        command: [u8; 72],
        dma_buffer: U64,
        dma_buffer_priv_data: U64,
        dma_buffer_size: U32,
        dma_buffer_priv_data_size: U32,
    }
}

impl Escape {
    /// Where the data start.
    pub const DATA_OFFSET: usize = 48;
    /// `type`: from the user-mode driver to its kernel-mode driver.
    pub const DRIVER_PRIVATE: u32 = 0;
    /// `flags`: the data start with the number of a known escape.
    pub const KNOWN: u32 = 1 << 6;
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0xEF;
}

impl BuildTestCommandBuffer {
    /// `escape_type`: this escape.
    pub const NUMBER: u32 = 3;
    /// The largest command buffer.
    pub const BUFFER_MAX: u32 = 4096;
    /// The smallest command buffer.
    pub const BUFFER_MIN: u32 = 4;
    /// The most driver data beside the command buffer.
    pub const PRIVATE_MAX: u32 = 1024;
}
