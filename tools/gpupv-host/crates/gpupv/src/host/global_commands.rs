// SPDX-License-Identifier: GPL-2.0
//! The commands of the virtual machine: processes, the IO space, features of the host.

use zerocopy::IntoBytes;

use super::dispatch::{Fail, Reply};
use super::shared::{Shared, VmObject};
use crate::command::Handler;
use crate::feature;
use crate::handles::Handle;
use crate::packet::Command;
use crate::process::Process;
use crate::status::NtStatus;
use crate::wire::{
    read_padded, CreateProcess, CreateProcessReturn, IsFeatureEnabled, SetIoSpaceRegion,
};

/// How the guest must align the IO space.
const IO_SPACE_ALIGNMENT: u64 = 64 << 10;

impl Shared {
    pub(super) fn global_command(
        &mut self,
        handler: Handler,
        process: Handle,
        command: &Command<'_>,
    ) -> Reply {
        match handler {
            Handler::CreateProcess => self.create_process(&read_padded(command.bytes)),
            Handler::DestroyProcess => self.destroy_process(process),
            Handler::SetIoSpaceRegion => self.set_io_space(&read_padded(command.bytes)),
            Handler::IsFeatureEnabledGlobal => {
                let request: IsFeatureEnabled = read_padded(command.bytes);
                let answer = feature::answer(request.feature_id.get(), None);
                Ok(answer.as_bytes().to_vec())
            }
            // The table of commands has these in the other family only.
            Handler::QueryAdapterInfo
            | Handler::OpenAdapter
            | Handler::CloseAdapter
            | Handler::QueryVideoMemoryInfo
            | Handler::GetInternalAdapterInfo
            | Handler::FlushDevice
            | Handler::IsFeatureEnabled => Err(NtStatus::NOT_SUPPORTED.into()),
        }
    }

    fn create_process(&mut self, request: &CreateProcess) -> Reply {
        if request.flags & !CreateProcess::LINUX_PROCESS != 0 {
            // Only Windows has the other kinds.
            let text = format!("process flags {:#x}", request.flags);
            return Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        }
        let handle = self
            .handles
            .insert(VmObject::Process)
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        self.processes.insert(handle, Process::new(request));
        self.report.processes_created += 1;
        let answer = CreateProcessReturn {
            hprocess: handle.0.into(),
        };
        Ok(answer.as_bytes().to_vec())
    }

    fn destroy_process(&mut self, process: Handle) -> Reply {
        // The objects of the process go with it, that is no fault of the guest.
        self.remove_process(process);
        success()
    }

    fn set_io_space(&mut self, request: &SetIoSpaceRegion) -> Reply {
        let (start, length) = (request.start.get(), request.length.get());
        let offered = u64::from(self.io_space_mib) << 20;
        let refuse = |text: String| Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        if self.io_window.is_some() {
            return refuse("set a second time".to_owned());
        }
        if start == 0 || start % IO_SPACE_ALIGNMENT != 0 || start.checked_add(length).is_none() {
            return refuse(format!("start {start:#x}"));
        }
        if length != offered {
            return refuse(format!("length {length:#x}, {offered:#x} was offered"));
        }
        self.io_window = Some((start, length));
        success()
    }
}

/// The answer of a command that has nothing to say but that it worked.
pub(super) fn success() -> Reply {
    Ok(NtStatus::SUCCESS.0.to_le_bytes().to_vec())
}
