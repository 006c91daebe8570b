// SPDX-License-Identifier: GPL-2.0

//! Commands for the state of devices.

use super::{
    FixedCommand,
    Opcode, //
};
use crate::wire::{
    Handle,
    NtStatus, //
};
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Size of a state in bytes.
const STATE: usize = 48;

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct GetDeviceStateBody {
    device: Handle,
    state_type: u32,
    state: [u8; STATE],
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct GetDeviceStateAnswer {
    device: Handle,
    state_type: u32,
    state: [u8; STATE],
    status: NtStatus,
    padding: u32,
}

static_assert!(size_of::<GetDeviceStateBody>() == 80 - 24);
static_assert!(size_of::<GetDeviceStateAnswer>() == 64);

/// Command GETDEVICESTATE: returns a state of a device.
pub(crate) struct GetDeviceState {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Kind of state.
    pub(crate) state_type: u32,
    /// The state in the user's argument: some kinds have selectors there.
    pub(crate) state: [u8; STATE],
}

impl FixedCommand for GetDeviceState {
    const OPCODE: Opcode = Opcode::Vgpu(28);

    type Body = GetDeviceStateBody;
    type ReplyBody = GetDeviceStateAnswer;
    type Reply = [u8; STATE];

    fn body(&self) -> GetDeviceStateBody {
        GetDeviceStateBody {
            device: self.device,
            state_type: self.state_type,
            state: self.state,
        }
    }

    fn reply(&self, answer: GetDeviceStateAnswer) -> Result<[u8; STATE]> {
        answer.status.into_result()?;
        Ok(answer.state)
    }
}

#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct MarkDeviceAsErrorBody {
    device: Handle,
    reason: u32,
}

static_assert!(size_of::<MarkDeviceAsErrorBody>() == 32 - 24);

/// Command MARKDEVICEASERROR: marks a device as failed, so that it executes no more commands.
pub(crate) struct MarkDeviceAsError {
    /// Handle of the device.
    pub(crate) device: Handle,
    /// Reason for giving the device up.
    pub(crate) reason: u32,
}

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
impl MarkDeviceAsError {
    /// Reason: unspecified.
    pub(crate) const GENERIC: u32 = 0x8000_0000;
}

impl FixedCommand for MarkDeviceAsError {
    const OPCODE: Opcode = Opcode::Vgpu(29);

    type Body = MarkDeviceAsErrorBody;
    type ReplyBody = NtStatus;
    type Reply = isize;

    fn body(&self) -> MarkDeviceAsErrorBody {
        MarkDeviceAsErrorBody {
            device: self.device,
            reason: self.reason,
        }
    }

    fn reply(&self, status: NtStatus) -> Result<isize> {
        status.into_result()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_message_device_state)]
mod tests {
    use super::*;
    use crate::{
        message::take_at,
        transport::mock::{
            envelope,
            Answer,
            Rig,
            LONG, //
        },
        wire::HostProcess, //
    };

    const DEVICE: Handle = Handle::from_raw(0x4000_0040);

    #[test]
    fn get() -> Result {
        let rig = Rig::new()?;
        let ask = |reply: &[u8]| {
            rig.host.then(Answer::reply(reply)?)?;
            rig.link(envelope(40))?.call(
                HostProcess::GUEST,
                GetDeviceState {
                    device: DEVICE,
                    state_type: 5,
                    state: [0xA5; STATE],
                },
                LONG,
            )
        };
        let mut reply = [0xEE; 64];

        reply[8..56].fill(7);
        reply[56..60].fill(0);
        assert_eq!(ask(&reply)?, [7; STATE]);
        assert!(ask(&reply[..63]).is_err());
        reply[59] = 0xC0;
        assert!(ask(&reply).is_err());

        let message = rig.host.message(0)?;

        assert_eq!(message.len(), 16 + 80);
        assert_eq!(take_at::<u32>(&message, 16 + 16)?, 28);
        assert_eq!(take_at::<Handle>(&message, 16 + 24)?, DEVICE);
        assert_eq!(take_at::<u32>(&message, 16 + 28)?, 5);
        assert_eq!(message[16 + 32..], [0xA5; STATE]);
        Ok(())
    }

    #[test]
    fn mark() -> Result {
        let rig = Rig::new()?;

        rig.host.then(Answer::reply(&[3, 1, 0, 0])?)?;

        let status = rig.link(envelope(27))?.call(
            HostProcess::GUEST,
            MarkDeviceAsError {
                device: DEVICE,
                reason: 0x8000_0006,
            },
            LONG,
        )?;
        let message = rig.host.message(0)?;

        assert_eq!(status, 0x103);
        assert_eq!(message.len(), 32);
        assert_eq!(take_at::<u32>(&message, 16)?, 29);
        assert_eq!(take_at::<Handle>(&message, 24)?, DEVICE);
        assert_eq!(take_at::<u32>(&message, 28)?, 0x8000_0006);
        Ok(())
    }
}
