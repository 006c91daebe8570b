// SPDX-License-Identifier: GPL-2.0
//! Devices.

use zerocopy::byteorder::little_endian::{U32, U64};

use super::message::messages;
use super::CommandHeader;

messages! {
    /// CREATEDEVICE.
    "dxgkvmb_command_createdevice" CreateDevice {
        hdr: CommandHeader,
        flags: U32,
        cdd_device: u8,
        padding: [u8; 3],
        error_code: U64,
    }

    /// The answer to [`CreateDevice`].
    "dxgkvmb_command_createdevice_return" CreateDeviceReturn {
        device: U32,
    }

    /// DESTROYDEVICE.
    "dxgkvmb_command_destroydevice" DestroyDevice {
        hdr: CommandHeader,
        device: U32,
        padding: U32,
    }

    /// FLUSHDEVICE.
    "dxgkvmb_command_flushdevice" FlushDevice {
        hdr: CommandHeader,
        device: U32,
        reason: U32,
    }

    /// GETDEVICESTATE.
    "dxgkvmb_command_getdevicestate" GetDeviceState {
        hdr: CommandHeader,
        device: U32,
        state_type: U32,
        alignment: [u8; 48],
    }

    /// The answer to [`GetDeviceState`]; the state lies in the 48 bytes.
    "dxgkvmb_command_getdevicestate_return" GetDeviceStateReturn {
        device: U32,
        state_type: U32,
        alignment: [u8; 48],
        status: U32,
        padding: U32,
    }

    /// MARKDEVICEASERROR.
    "dxgkvmb_command_markdeviceaserror" MarkDeviceAsError {
        hdr: CommandHeader,
        device: U32,
        reason: U32,
    }

    /// SETGUESTDATA: news for the guest, unasked.
    "dxgkvmb_command_setguestdata" SetGuestData {
        hdr: CommandHeader,
        guest_pointer: U64,
        data64: U64,
        dereference: U32,
        padding: U32,
    }
}

impl CreateDevice {
    /// The bits of `flags` that mean something.
    pub const FLAGS: u32 = 0xF;
}

impl SetGuestData {
    /// Its number among the messages from the host to the virtual machine.
    pub const NUMBER: u32 = 2;
}
