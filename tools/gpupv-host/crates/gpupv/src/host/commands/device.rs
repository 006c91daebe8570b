// SPDX-License-Identifier: GPL-2.0
//! Devices.

use zerocopy::IntoBytes;

use super::super::call::{answer, broken, success, Call, Fail, Reply};
use super::super::shared::Shared;
use crate::behaviour::DeviceNews;
use crate::command::DeviceCommand;
use crate::device::{Device, StateType};
use crate::engine::Owner;
use crate::handles::Handle;
use crate::objects::Object;
use crate::payload::Payload;
use crate::status::NtStatus;
use crate::wire::{
    CommandHeader, CreateDevice, CreateDeviceReturn, DestroyDevice, FlushDevice, GetDeviceState,
    GetDeviceStateReturn, MarkDeviceAsError, SetGuestData,
};

/// Reasons that users give for giving a device up: any error, and one of their driver.
const ERROR_REASONS: [u32; 2] = [0x8000_0000, 0x8000_0006];

impl Shared {
    pub(in crate::host) fn device_command(
        &mut self,
        command: DeviceCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            DeviceCommand::CreateDevice => self.create_device(position, call),
            DeviceCommand::DestroyDevice => {
                let request: DestroyDevice = call.read();
                let device = Handle(request.device.get());
                let objects = &self.process(call)?.objects;
                objects.select::<Device>(position, device)?;
                self.remove_object(call, device)?;
                success()
            }
            DeviceCommand::FlushDevice => self.flush_device(position, call),
            DeviceCommand::GetDeviceState => self.device_state(position, call),
            DeviceCommand::MarkDeviceAsError => self.mark_device(position, call),
        }
    }

    fn create_device(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: CreateDevice = call.read();
        if request.cdd_device != 0 {
            // Only Windows has a display driver of that kind.
            return broken(format!("display device {}", request.cdd_device));
        }
        if request.flags.get() & !CreateDevice::FLAGS != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.devices_made += 1;
        let device = Device::new(request.error_code.get(), self.devices_made);
        let device = Object {
            adapter: position,
            parent: None,
            payload: Payload::Device(device),
        };
        let handle = self.process(call)?.objects.insert(device);
        answer(&CreateDeviceReturn {
            device: handle.ok_or(NtStatus::NO_MEMORY)?.0.into(),
        })
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
        let process = call.process;
        self.answer_when_idle(Owner { process, device }, call.ticket);
        Err(Fail::Later)
    }

    fn device_state(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: GetDeviceState = call.read();
        let objects = &self.process(call)?.objects;
        let device: &Device = objects.select(position, Handle(request.device.get()))?;
        let what = StateType::try_from(request.state_type.get())
            .map_err(|_| NtStatus::INVALID_PARAMETER)?;
        answer(&GetDeviceStateReturn {
            device: request.device,
            state_type: request.state_type,
            alignment: device.describe(what),
            status: NtStatus::SUCCESS.0.into(),
            padding: 0.into(),
        })
    }

    fn mark_device(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: MarkDeviceAsError = call.read();
        let objects = &self.process(call)?.objects;
        let handle = Handle(request.device.get());
        objects.select::<Device>(position, handle)?;
        if !ERROR_REASONS.contains(&request.reason.get()) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.give_up_device(call.process, handle);
        success()
    }

    /// Gives a device up, and tells the guest if that is news.
    pub(in crate::host) fn give_up_device(&mut self, process: Handle, handle: Handle) {
        let found = self.processes.get_mut(&process);
        let payload = found.and_then(|process| process.objects.payload_mut(handle));
        let Some(Payload::Device(device)) = payload else {
            return;
        };
        if let Some(cookie) = device.give_up() {
            self.stop_device(process, handle);
            self.tell_of_device(cookie);
        }
    }

    /// The cookie of the device that was made before all others that there are.
    fn oldest_cookie(&self) -> Option<u64> {
        let processes = self.processes.values();
        let objects = processes.flat_map(|process| process.objects.iter());
        let devices = objects.filter_map(|(_, object)| match &object.payload {
            Payload::Device(device) => Some(device.identity()),
            _ => None,
        });
        devices.min().map(|(_, cookie)| cookie)
    }

    /// Tells the guest that one of its devices is not what it was.
    pub(in crate::host) fn tell_of_device(&mut self, cookie: u64) {
        let cookie = match self.behaviour.device_news {
            DeviceNews::Changed => cookie,
            DeviceNews::Oldest => self.oldest_cookie().unwrap_or(cookie),
        };
        let news = SetGuestData {
            hdr: CommandHeader::to_guest(SetGuestData::NUMBER),
            guest_pointer: cookie.into(),
            // Any number but 0 counts, as 32 bits.
            data64: 1.into(),
            dereference: 0.into(),
            padding: 0.into(),
        };
        self.notify("SETGUESTDATA", news.as_bytes());
    }
}
