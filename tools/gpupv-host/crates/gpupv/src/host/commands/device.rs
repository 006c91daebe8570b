// SPDX-License-Identifier: GPL-2.0
//! Devices.

use super::super::call::{success, Call, Reply};
use super::super::shared::Shared;
use crate::command::DeviceCommand;
use crate::device::Device;
use crate::handles::Handle;
use crate::status::NtStatus;
use crate::wire::FlushDevice;

impl Shared {
    pub(in crate::host) fn device_command(
        &mut self,
        command: DeviceCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            DeviceCommand::FlushDevice => self.flush_device(position, call),
            _ => Err(NtStatus::NOT_SUPPORTED.into()),
        }
    }

    fn flush_device(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: FlushDevice = call.read();
        let device = Handle(request.device.get());
        if device.0 == 0 {
            // The driver keeps a device that we refused to make, and flushes it at the end.
            return Err(NtStatus::INVALID_HANDLE.into());
        }
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        success()
    }
}
