// SPDX-License-Identifier: GPL-2.0
//! Why a device is stopped.

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// An access that the address space does not allow.
    PageFault { address: u64, write: bool },
    /// A command that makes no sense, or that the engine does not know.
    Invalid,
    /// The buffer asked for it.
    Wanted(u32),
    /// The engine was held for too long.
    Hung,
    /// The host cannot hold the memory.
    NoMemory,
}

/// What went wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) stop: Stop,
    /// The number of the command in its buffer, counted from 1.
    pub(crate) command: u64,
    /// The address of the buffer.
    pub(crate) buffer: u64,
}

/// The bit of the flags for a write.
const WRITE: u32 = 1 << 0;
/// The general code for an instruction that is none.
const INVALID_INSTRUCTION: u32 = 1;
/// The bit of the error code for a code of the device's own.
const DEVICE_SPECIFIC: u32 = 1 << 0;
/// Where the codes are.
const CODE_SHIFT: u32 = 1;

impl Fault {
    /// There was no memory for what a device asked for, outside of any buffer.
    pub(crate) const NO_MEMORY: Self = Self {
        stop: Stop::NoMemory,
        command: 0,
        buffer: 0,
    };

    /// The answer to who asks for the fault: `d3dkmt_devicepagefault_state`.
    pub(crate) fn describe(&self) -> [u8; 32] {
        let (flags, code, address) = match self.stop {
            Stop::PageFault { address, write } => (if write { WRITE } else { 0 }, 0, address),
            Stop::Invalid => (0, INVALID_INSTRUCTION << CODE_SHIFT, self.buffer),
            Stop::Wanted(code) => (0, (code << CODE_SHIFT) | DEVICE_SPECIFIC, self.buffer),
            Stop::Hung | Stop::NoMemory => return [0; 32],
        };
        let mut answer = [0; 32];
        answer[..8].copy_from_slice(&self.command.to_le_bytes());
        // The stage is unknown, and there is no bind table.
        answer[16..20].copy_from_slice(&flags.to_le_bytes());
        answer[20..24].copy_from_slice(&code.to_le_bytes());
        answer[24..].copy_from_slice(&address.to_le_bytes());
        answer
    }
}
