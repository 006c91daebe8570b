// SPDX-License-Identifier: GPL-2.0
//! From a packet to its command, and from the result to the answer.

use vmbus::Packet;

use super::shared::{Shared, VmObject};
use crate::command::{self, CommandInfo, Handler, ProcessRule};
use crate::handles::Handle;
use crate::packet::{parse, Command};
use crate::status::NtStatus;
use crate::wire::{ChannelType, Luid};

/// Where a packet came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The global channel.
    Global,
    /// The channel of the adapter at this position.
    Vgpu(usize),
}

/// Why a command fails.
#[derive(Debug)]
pub(super) enum Fail {
    /// As it may.
    Status(NtStatus),
    /// Because the guest did something that no guest should do.
    Violation(NtStatus, String),
}

impl From<NtStatus> for Fail {
    fn from(status: NtStatus) -> Self {
        Self::Status(status)
    }
}

/// What a command is answered with.
pub(super) type Reply = Result<Vec<u8>, Fail>;

impl Shared {
    /// Handles a packet. Returns the payload of its completion, if the guest waits for one.
    pub(crate) fn packet(&mut self, source: Source, packet: &Packet) -> Option<Vec<u8>> {
        let reply = match parse(&packet.payload, self.is_current_version()) {
            Ok(command) => self.command(source, &command, packet.completion_requested),
            Err(text) => {
                self.report.message("(malformed)");
                self.report.violation(format!("{source:?}: {text}"));
                NtStatus::INVALID_PARAMETER.0.to_le_bytes().to_vec()
            }
        };
        packet.completion_requested.then_some(reply)
    }

    fn command(&mut self, source: Source, command: &Command<'_>, waits: bool) -> Vec<u8> {
        let family = command.channel_type;
        let number = command.header.command_type.get();
        let Some(info) = command::find(family, number) else {
            self.report.message("(unknown)");
            self.report.unknown(family, number);
            return NtStatus::NOT_SUPPORTED.0.to_le_bytes().to_vec();
        };
        self.report.message(info.name);
        self.check_waiting(info, command, waits);
        let result = self
            .route(source, command)
            .and_then(|position| self.handle(info, position, command));
        let status = match result {
            Ok(reply) => return reply,
            Err(Fail::Status(status)) => status,
            Err(Fail::Violation(status, text)) => {
                self.report.violation(format!("{}: {text}", info.name));
                status
            }
        };
        let has_status = self.is_current_version();
        info.failure.reply(command.bytes, status, has_status)
    }

    /// Notes a contradiction between what the headers say and whether the guest waits.
    fn check_waiting(&mut self, info: &CommandInfo, command: &Command<'_>, waits: bool) {
        /// SUBMITCOMMAND, WAITFORSYNCOBJECTFROMGPU, SIGNALSYNCOBJECT, SUBMITCOMMANDTOHWQUEUE.
        const MAY_BE_ASYNCHRONOUS: [u32; 4] = [20, 25, 26, 52];
        let may = self.asynchronous_announced
            && command.channel_type == ChannelType::VgpuToHost
            && MAY_BE_ASYNCHRONOUS.contains(&info.number);
        let name = info.name;
        if command.asynchronous && !may {
            self.report
                .violation(format!("{name}: may not be asynchronous"));
        }
        if command.asynchronous == waits {
            let text = if waits {
                "asks for"
            } else {
                "does not ask for"
            };
            self.report
                .violation(format!("{name}: {text} a completion"));
        }
    }

    /// Which adapter a command is for; `None` for a global one.
    fn route(&mut self, source: Source, command: &Command<'_>) -> Result<Option<usize>, Fail> {
        let refuse = |text: String| Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        match (command.channel_type, source) {
            (ChannelType::VmToHost, Source::Global) => match command.luid {
                Some(luid) if luid != Luid::ZERO => {
                    refuse(format!("vGPU {luid} named in a global command"))
                }
                _ => Ok(None),
            },
            (ChannelType::VmToHost, Source::Vgpu(_)) => {
                refuse("global command on a vGPU's channel".to_owned())
            }
            (ChannelType::VgpuToHost, Source::Vgpu(position)) => {
                let own = self.adapters[position].identity.vgpu_luid;
                match command.luid {
                    Some(luid) if luid != own => {
                        refuse(format!("vGPU {luid} named on the channel of {own}"))
                    }
                    _ => Ok(Some(position)),
                }
            }
            (ChannelType::VgpuToHost, Source::Global) if !self.asynchronous_announced => {
                refuse("vGPU command on the global channel in synchronous mode".to_owned())
            }
            (ChannelType::VgpuToHost, Source::Global) => {
                let named = |luid| {
                    self.adapters
                        .iter()
                        .position(|a| a.identity.vgpu_luid == luid)
                };
                match command.luid.and_then(named) {
                    Some(position) => Ok(Some(position)),
                    None => refuse(format!("no vGPU {:?}", command.luid)),
                }
            }
        }
    }

    fn handle(
        &mut self,
        info: &CommandInfo,
        position: Option<usize>,
        command: &Command<'_>,
    ) -> Reply {
        let Some(handler) = info.handler else {
            self.report.unknown(command.channel_type, info.number);
            return Err(NtStatus::NOT_SUPPORTED.into());
        };
        let (len, need) = (command.bytes.len(), handler.min_len());
        if len < need {
            let text = format!("{len} bytes, at least {need} are needed");
            return Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        }
        let process = self.caller(handler, command)?;
        match position {
            None => self.global_command(handler, process, command),
            Some(position) => self.vgpu_command(handler, position, process, command),
        }
    }

    /// The process in the header, as the command wants it.
    fn caller(&mut self, handler: Handler, command: &Command<'_>) -> Result<Handle, Fail> {
        let process = Handle(command.header.process.get());
        let fits = match handler.process_rule() {
            ProcessRule::Zero => process.0 == 0,
            ProcessRule::Live => self.handles.get(process) == Some(&VmObject::Process),
        };
        if fits {
            Ok(process)
        } else {
            let text = format!("process {process} in the header");
            Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
        }
    }
}
