// SPDX-License-Identifier: GPL-2.0
//! The adapter itself: opened, closed, described to the guest's driver.

use zerocopy::IntoBytes;

use super::super::call::{answer, broken, success, Call, Fail, Reply};
use super::super::shared::{Shared, VmObject};
use crate::command::AdapterCommand;
use crate::feature;
use crate::handles::Handle;
use crate::status::NtStatus;
use crate::wire::{
    utf16, CloseAdapter, GetInternalAdapterInfoReturn, IsFeatureEnabled, Luid, OpenAdapter,
    OpenAdapterReturn,
};

/// The oldest interface version that the host could speak.
const LAST_COMPATIBLE_VERSION: u32 = 16;

impl Shared {
    pub(in crate::host) fn adapter_command(
        &mut self,
        command: AdapterCommand,
        position: usize,
        call: &Call<'_>,
    ) -> Reply {
        match command {
            AdapterCommand::OpenAdapter => self.open_adapter(position, &call.read()),
            AdapterCommand::CloseAdapter => {
                let request: CloseAdapter = call.read();
                self.check_adapter(position, request.host_handle.get())?;
                self.close_adapter(position);
                success()
            }
            AdapterCommand::GetInternalAdapterInfo => Ok(self.internal_info(position)),
            AdapterCommand::IsFeatureEnabled => {
                let request: IsFeatureEnabled = call.read();
                let adapter = &self.adapters[position].description;
                answer(&feature::answer(request.feature_id.get(), Some(adapter)))
            }
        }
    }

    /// `handle` must be the handle of the adapter.
    pub(in crate::host) fn check_adapter(&self, position: usize, handle: u32) -> Result<(), Fail> {
        let (given, own) = (Handle(handle), self.adapters[position].handle);
        if own == Some(given) {
            Ok(())
        } else {
            let text = format!("adapter {given}, it is {own:?}");
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
            return broken(text);
        }
        let handle = self
            .handles
            .insert(VmObject::Adapter(position))
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        let adapter = &mut self.adapters[position];
        adapter.handle = Some(handle);
        adapter.opened += 1;
        answer(&OpenAdapterReturn {
            host_adapter_handle: handle.0.into(),
            status: NtStatus::SUCCESS.0.into(),
            vmbus_interface_version: effective.into(),
            vmbus_last_compatible_interface_version: LAST_COMPATIBLE_VERSION.into(),
        })
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
        if description.secure {
            flags |= Info::SECURE_VIRTUAL_MACHINE;
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
}
