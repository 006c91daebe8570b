// SPDX-License-Identifier: GPL-2.0
//! The commands of the virtual machine: processes, the IO space, features of the host.

use super::super::call::{answer, broken, success, Call, Reply};
use super::super::shared::{Shared, VmObject};
use crate::command::VmCommand;
use crate::feature;
use crate::handles::Handle;
use crate::io_space::IoSpace;
use crate::process::Process;
use crate::status::NtStatus;
use crate::wire::{CreateProcess, CreateProcessReturn, IsFeatureEnabled, SetIoSpaceRegion};

/// How the guest must align the IO space.
const IO_SPACE_ALIGNMENT: u64 = 64 << 10;

impl Shared {
    pub(in crate::host) fn vm_command(&mut self, command: VmCommand, call: &Call<'_>) -> Reply {
        match command {
            VmCommand::CreateProcess => self.create_process(&call.read()),
            VmCommand::DestroyProcess => self.destroy_process(call.process),
            VmCommand::SetIoSpaceRegion => self.set_io_space(&call.read()),
            VmCommand::IsFeatureEnabledGlobal => {
                let request: IsFeatureEnabled = call.read();
                answer(&feature::answer(request.feature_id.get(), None))
            }
        }
    }

    fn create_process(&mut self, request: &CreateProcess) -> Reply {
        if request.flags & !CreateProcess::LINUX_PROCESS != 0 {
            // Only Windows has the other kinds.
            return broken(format!("process flags {:#x}", request.flags));
        }
        let handle = self
            .handles
            .insert(VmObject::Process)
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        let first = self.behaviour.first_handle;
        self.processes.insert(handle, Process::new(request, first));
        self.report.processes_created += 1;
        answer(&CreateProcessReturn {
            hprocess: handle.0.into(),
        })
    }

    fn destroy_process(&mut self, process: Handle) -> Reply {
        // The objects of the process go with it, that is no fault of the guest.
        self.remove_process(process);
        success()
    }

    fn set_io_space(&mut self, request: &SetIoSpaceRegion) -> Reply {
        let (start, length) = (request.start.get(), request.length.get());
        let offered = u64::from(self.io_space_mib) << 20;
        if self.io_space.is_some() {
            return broken("set a second time".to_owned());
        }
        if start == 0 || start % IO_SPACE_ALIGNMENT != 0 || start.checked_add(length).is_none() {
            return broken(format!("start {start:#x}"));
        }
        if length != offered {
            return broken(format!("length {length:#x}, {offered:#x} was offered"));
        }
        let window = self.window.as_deref().ok_or(NtStatus::NOT_SUPPORTED)?;
        match IoSpace::new(window, start, length, self.behaviour.page_reuse) {
            Ok(space) => self.io_space = Some(space),
            Err(error) => return broken(format!("{length:#x} bytes at {start:#x}: {error}")),
        }
        success()
    }
}
