// SPDX-License-Identifier: GPL-2.0

//! The state of devices.

use super::{
    entry,
    user_args::{
        write_field,
        Argument, //
    },
    Caller,
    Entry,
    Ioctl, //
};
use crate::{
    message::device_state as command,
    objects::device::DeviceGuard,
    uapi::device as abi, //
};
use kernel::prelude::*;

/// The ioctls of this family.
pub(super) const ENTRIES: &[Entry] = &[entry::<GetDeviceState>(), entry::<MarkDeviceAsError>()];

/// 0x0E: returns a state of a device. The execution state is cached.
struct GetDeviceState;

impl GetDeviceState {
    fn ask(
        caller: &Caller<'_>,
        device: &DeviceGuard,
        argument: &abi::GetDeviceState,
    ) -> Result<[u8; abi::GetDeviceState::STATE]> {
        device.active().call(
            caller.process.on_host()?,
            command::GetDeviceState {
                device: device.handle(),
                state_type: argument.state_type,
                state: argument.state,
            },
        )
    }

    fn execution(
        caller: &Caller<'_>,
        device: &DeviceGuard,
        argument: &abi::GetDeviceState,
    ) -> Result<u32> {
        match device.execution().look() {
            Ok(state) => Ok(state),
            Err(asked) => {
                let [a, b, c, d, ..] = Self::ask(caller, device, argument)?;

                Ok(device
                    .execution()
                    .learn(asked, u32::from_le_bytes([a, b, c, d])))
            }
        }
    }
}

impl Ioctl for GetDeviceState {
    const REQUEST: u32 = 0xC038_470E;

    type Argument = abi::GetDeviceState;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let device = caller.process.device(argument.device)?;

        if argument.state_type == abi::GetDeviceState::EXECUTION {
            let state = Self::execution(caller, &device, &argument)?;

            write_field!(argument, abi::GetDeviceState, state, &state)?;
        } else {
            let state = Self::ask(caller, &device, &argument)?;

            write_field!(argument, abi::GetDeviceState, state, &state)?;
        }
        Ok(0)
    }
}

/// 0x26: marks a device as failed, so that it executes no more commands.
struct MarkDeviceAsError;

impl Ioctl for MarkDeviceAsError {
    const REQUEST: u32 = 0xC008_4726;

    type Argument = abi::MarkDeviceAsError;

    fn run(caller: &Caller<'_>, argument: Argument<Self::Argument>) -> Result<isize> {
        let device = caller.process.device(argument.device)?;
        let status = device.active().call(
            caller.process.on_host()?,
            command::MarkDeviceAsError {
                device: device.handle(),
                reason: argument.reason,
            },
        )?;

        // The host's notification about the change may arrive later.
        device.execution().mark();
        Ok(status)
    }
}
