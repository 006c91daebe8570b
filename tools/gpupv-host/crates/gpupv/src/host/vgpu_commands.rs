// SPDX-License-Identifier: GPL-2.0
//! The commands of an adapter.

use zerocopy::IntoBytes;

use super::dispatch::{Fail, Reply};
use super::global_commands::success;
use super::shared::{Shared, VmObject};
use crate::budget::{budget, SegmentGroup};
use crate::command::Handler;
use crate::feature;
use crate::handles::Handle;
use crate::packet::Command;
use crate::query;
use crate::status::NtStatus;
use crate::wire::{
    read_padded, utf16, CloseAdapter, FlushDevice, GetInternalAdapterInfoReturn, IsFeatureEnabled,
    Luid, OpenAdapter, OpenAdapterReturn, QueryAdapterInfo, QueryVideoMemoryInfo,
};

/// The oldest interface version that the host could speak.
const LAST_COMPATIBLE_VERSION: u32 = 16;

impl Shared {
    pub(super) fn vgpu_command(
        &mut self,
        handler: Handler,
        position: usize,
        process: Handle,
        command: &Command<'_>,
    ) -> Reply {
        match handler {
            Handler::OpenAdapter => self.open_adapter(position, &read_padded(command.bytes)),
            Handler::CloseAdapter => {
                let request: CloseAdapter = read_padded(command.bytes);
                self.check_adapter(position, request.host_handle.get())?;
                self.close_adapter(position);
                success()
            }
            Handler::FlushDevice => {
                self.flush_device(position, process, &read_padded(command.bytes))
            }
            Handler::GetInternalAdapterInfo => {
                self.check_open(position)?;
                Ok(self.internal_info(position))
            }
            Handler::QueryAdapterInfo => {
                self.check_open(position)?;
                self.query_adapter_info(position, command)
            }
            Handler::QueryVideoMemoryInfo => {
                self.query_video_memory(position, &read_padded(command.bytes))
            }
            Handler::IsFeatureEnabled => {
                self.check_open(position)?;
                let request: IsFeatureEnabled = read_padded(command.bytes);
                let adapter = &self.adapters[position].description;
                let answer = feature::answer(request.feature_id.get(), Some(adapter));
                Ok(answer.as_bytes().to_vec())
            }
            // The table of commands has these in the other family only.
            Handler::CreateProcess
            | Handler::DestroyProcess
            | Handler::SetIoSpaceRegion
            | Handler::IsFeatureEnabledGlobal => Err(NtStatus::NOT_SUPPORTED.into()),
        }
    }

    /// The adapter must be open.
    fn check_open(&self, position: usize) -> Result<Handle, Fail> {
        self.adapters[position].handle.ok_or_else(|| {
            let text = "the adapter is not open".to_owned();
            Fail::Violation(NtStatus::DEVICE_REMOVED, text)
        })
    }

    /// The adapter must be open, and `handle` be its handle.
    fn check_adapter(&self, position: usize, handle: u32) -> Result<(), Fail> {
        let own = self.check_open(position)?;
        if own == Handle(handle) {
            Ok(())
        } else {
            let text = format!("adapter {:?}, it is {own}", Handle(handle));
            Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
        }
    }

    fn open_adapter(&mut self, position: usize, request: &OpenAdapter) -> Reply {
        let effective = self.block.effective_version();
        let version = request.vmbus_interface_version.get();
        let oldest = request.vmbus_last_compatible_interface_version.get();
        if version != effective || oldest > effective {
            let text = format!("version {version} (at least {oldest}), {effective} is spoken");
            return Err(Fail::Violation(NtStatus::NOT_SUPPORTED, text));
        }
        if let Some(handle) = self.adapters[position].handle {
            let text = format!("the adapter is open already, as {handle}");
            return Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        }
        let handle = self
            .handles
            .insert(VmObject::Adapter(position))
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        let adapter = &mut self.adapters[position];
        adapter.handle = Some(handle);
        adapter.opened += 1;
        let answer = OpenAdapterReturn {
            host_adapter_handle: handle.0.into(),
            status: NtStatus::SUCCESS.0.into(),
            vmbus_interface_version: effective.into(),
            vmbus_last_compatible_interface_version: LAST_COMPATIBLE_VERSION.into(),
        };
        Ok(answer.as_bytes().to_vec())
    }

    fn internal_info(&mut self, position: usize) -> Vec<u8> {
        use GetInternalAdapterInfoReturn as Info;
        let current = self.is_current_version();
        self.asynchronous_announced = self.asynchronous;
        let adapter = &self.adapters[position];
        let description = &adapter.description;
        let mut flags = 0;
        if description.hardware_scheduling {
            flags |= Info::HW_SCH_CAPABLE | Info::HW_SCH_ENABLED;
        }
        if self.asynchronous {
            flags |= Info::ASYNC_MSG_ENABLED;
        }
        let instance_id = format!(
            "PCI\\VEN_{:04X}&DEV_{:04X}&SUBSYS_{:04X}{:04X}&REV_{:02X}\\{:08X}",
            description.vendor,
            description.device,
            description.device,
            description.vendor,
            description.revision,
            adapter.identity.adapter_luid.a.get(),
        );
        let info = Info {
            device_types: Info::VIRTUAL_RENDER_DEVICE.into(),
            driver_store_copy_mode: 0.into(),
            driver_ddi_version: description.wddm.into(),
            flags: flags.into(),
            host_adapter_luid: adapter.identity.adapter_luid,
            device_description: utf16(&description.name),
            device_instance_id: utf16(&instance_id),
            host_vgpu_luid: if current {
                adapter.identity.vgpu_luid
            } else {
                Luid::ZERO
            },
        };
        let mut answer = info.as_bytes().to_vec();
        if !current {
            answer.truncate(Info::OLD_SIZE);
        }
        answer
    }

    fn query_adapter_info(&mut self, position: usize, command: &Command<'_>) -> Reply {
        let request: QueryAdapterInfo = read_padded(command.bytes);
        // CAST: u32 to usize, on a 64-bit host.
        let size = request.private_data_size.get() as usize;
        let data = command.bytes.get(QueryAdapterInfo::DATA_OFFSET..);
        let Some(data) = data
            .and_then(|data| data.get(..size))
            .filter(|d| !d.is_empty())
        else {
            let text = format!("{size} bytes of data in {}", command.bytes.len());
            return Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        };
        let mut data = data.to_vec();
        let adapter = &self.adapters[position];
        let number = request.query_type.get();
        query::answer(&adapter.description, adapter.slot, number, &mut data)?;
        Ok(if self.is_current_version() {
            let mut answer = NtStatus::SUCCESS.0.to_le_bytes().to_vec();
            answer.append(&mut data);
            answer
        } else {
            data
        })
    }

    fn query_video_memory(&mut self, position: usize, request: &QueryVideoMemoryInfo) -> Reply {
        self.check_adapter(position, request.adapter.get())?;
        // Both come from the user unchecked, so neither is a fault of the driver.
        let group = SegmentGroup::try_from(request.memory_segment_group.get())
            .map_err(|_| NtStatus::INVALID_PARAMETER)?;
        if request.physical_adapter_index.get() != 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        // No command makes an allocation, so no process uses memory.
        let answer = budget(&self.adapters[position].description, group, 0);
        Ok(answer.as_bytes().to_vec())
    }

    fn flush_device(&mut self, position: usize, process: Handle, request: &FlushDevice) -> Reply {
        // A process may end after its adapter was closed, and its driver then flushes all the same.
        if self.adapters[position].handle.is_none() {
            return Err(NtStatus::DEVICE_REMOVED.into());
        }
        let device = Handle(request.device.get());
        if device.0 == 0 {
            // The driver keeps a device that we refused to make, and flushes it at the end.
            return Err(NtStatus::INVALID_HANDLE.into());
        }
        let owned = self
            .processes
            .get(&process)
            .and_then(|process| process.objects.get(device))
            .is_some_and(|object| object.adapter == position);
        if owned {
            success()
        } else {
            let text = format!("device {device}");
            Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
        }
    }
}
