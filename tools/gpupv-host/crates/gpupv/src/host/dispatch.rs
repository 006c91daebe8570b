// SPDX-License-Identifier: GPL-2.0
//! From a packet to its command, and from the result to the answer.

use vmbus::Packet;

use super::call::{Call, Fail, Reply};
use super::channels::Ticket;
use super::shared::{Shared, VmObject};
use crate::command::{self, AdapterCommand, CommandInfo, Handler, ProcessRule};
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

impl Source {
    /// The adapter whose channel it is.
    pub(super) fn adapter(self) -> Option<usize> {
        match self {
            Self::Global => None,
            Self::Vgpu(position) => Some(position),
        }
    }
}

impl Shared {
    /// Handles a packet, answers it if the guest waits for that, and passes on what came of it.
    pub(crate) fn packet(&mut self, source: Source, packet: &Packet) {
        self.answer_packet(source, packet);
        self.settle();
    }

    fn answer_packet(&mut self, source: Source, packet: &Packet) {
        let ticket = self.channels.ticket(source, packet);
        let violations = self.report.violation_count;
        self.report.excused = self.excuses.has_odd_version();
        let reply = match parse(&packet.payload, self.is_current_version()) {
            Ok(command) => {
                let waits = packet.completion_requested;
                self.report.excused |= self.is_excused(source, &command);
                self.command(source, &command, ticket, waits)
            }
            Err(text) => {
                self.report.message("(malformed)");
                self.report.violation(format!("{source:?}: {text}"));
                Some(NtStatus::INVALID_PARAMETER.0.to_le_bytes().to_vec())
            }
        };
        self.report.excused = false;
        self.trace_packet(source, packet, reply.as_deref(), violations);
        if let Some(reply) = reply {
            self.channels.answer(ticket, &reply);
        }
    }

    /// Whether the host has misled whoever sends a command.
    fn is_excused(&self, source: Source, command: &Command<'_>) -> bool {
        let process = command.header.process.get();
        let named = command.luid.and_then(|luid| self.position_of(luid));
        let adapter = source.adapter().or(named);
        self.excuses.has_process(process)
            || adapter.is_some_and(|adapter| self.excuses.has_channel(Some(adapter)))
            || process == 0 && self.excuses.has_channel(source.adapter())
    }

    /// The adapter whose vGPU has this LUID.
    fn position_of(&self, luid: Luid) -> Option<usize> {
        let mut adapters = self.adapters.iter();
        adapters.position(|adapter| adapter.identity.vgpu_luid == luid)
    }

    /// Handles a command. `None` if its answer comes later.
    fn command(
        &mut self,
        source: Source,
        command: &Command<'_>,
        ticket: Ticket,
        waits: bool,
    ) -> Option<Vec<u8>> {
        let family = command.channel_type;
        let number = command.header.command_type.get();
        let Some(info) = command::find(family, number) else {
            self.report.message("(unknown)");
            self.report.unknown(family, number);
            return Some(NtStatus::NOT_SUPPORTED.0.to_le_bytes().to_vec());
        };
        self.report.message(info.name);
        self.check_waiting(info, command, waits);
        let result = self
            .route(source, command)
            .and_then(|position| self.handle(info, position, command, (ticket, waits)));
        let status = match result {
            Ok(reply) => return self.held.take(info.handler, ticket, reply),
            Err(Fail::Later) => return None,
            Err(Fail::Status(status)) => status,
            Err(Fail::Violation(status, text)) => {
                self.report.violation(format!("{}: {text}", info.name));
                status
            }
        };
        let has_status = self.is_current_version();
        Some(info.failure.reply(command.bytes, status, has_status))
    }

    /// Notes a contradiction between what the headers say and whether the guest waits.
    fn check_waiting(&mut self, info: &CommandInfo, command: &Command<'_>, waits: bool) {
        let may =
            self.asynchronous_announced && info.handler.is_some_and(Handler::may_be_asynchronous);
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
                match command.luid.and_then(|luid| self.position_of(luid)) {
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
        (ticket, waits): (Ticket, bool),
    ) -> Reply {
        let Some(handler) = info.handler else {
            self.report.unknown(command.channel_type, info.number);
            return Err(NtStatus::NOT_SUPPORTED.into());
        };
        let (len, need) = (command.bytes.len(), info.min_len);
        if len < need {
            let text = format!("{len} bytes, at least {need} are needed");
            return Err(Fail::Violation(NtStatus::INVALID_PARAMETER, text));
        }
        let process = self.caller(handler, position, command)?;
        let call = Call {
            process,
            bytes: command.bytes,
            ticket,
        };
        match position {
            None => self.global_command(handler, &call),
            Some(position) => {
                self.check_open_for(handler, position)?;
                let result = self.vgpu_command(handler, position, &call);
                if let Err(Fail::Status(status) | Fail::Violation(status, _)) = result {
                    if !waits && handler.may_be_asynchronous() {
                        self.lose_work(handler, position, &call, status);
                    }
                }
                result
            }
        }
    }

    fn global_command(&mut self, handler: Handler, call: &Call<'_>) -> Reply {
        match handler {
            Handler::Vm(command) => self.vm_command(command, call),
            Handler::Share(command) => self.share_command(command, call),
            // The table of commands has the other families in its other half.
            _ => Err(NtStatus::NOT_SUPPORTED.into()),
        }
    }

    fn vgpu_command(&mut self, handler: Handler, position: usize, call: &Call<'_>) -> Reply {
        match handler {
            Handler::Adapter(command) => self.adapter_command(command, position, call),
            Handler::Device(command) => self.device_command(command, position, call),
            Handler::Context(command) => self.context_command(command, position, call),
            Handler::Queue(command) => self.queue_command(command, position, call),
            Handler::Sync(command) => self.sync_command(command, position, call),
            Handler::Allocation(command) => self.allocation_command(command, position, call),
            Handler::Residency(command) => self.residency_command(command, position, call),
            Handler::Address(command) => self.address_command(command, position, call),
            Handler::Info(command) => self.info_command(command, position, call),
            // The table of commands has the other families in its other half.
            Handler::Vm(_) | Handler::Share(_) => Err(NtStatus::NOT_SUPPORTED.into()),
        }
    }

    /// The adapter must be open, but for the command that opens it.
    fn check_open_for(&self, handler: Handler, position: usize) -> Result<(), Fail> {
        let open = self.adapters[position].handle.is_some();
        if open || handler == Handler::Adapter(AdapterCommand::OpenAdapter) {
            Ok(())
        } else if handler.may_come_late() {
            Err(NtStatus::DEVICE_REMOVED.into())
        } else {
            let text = "the adapter is not open".to_owned();
            Err(Fail::Violation(NtStatus::DEVICE_REMOVED, text))
        }
    }

    /// The process in the header, as the command wants it.
    fn caller(
        &mut self,
        handler: Handler,
        position: Option<usize>,
        command: &Command<'_>,
    ) -> Result<Handle, Fail> {
        let process = Handle(command.header.process.get());
        let is_process = self.handles.get(process) == Some(&VmObject::Process);
        let ended = !is_process && self.handles.was_given(process);
        let fits = match handler.process_rule() {
            ProcessRule::Zero => process.0 == 0,
            // All processes ended with the global channel. Whoever uses an adapter may not have
            // heard of that.
            ProcessRule::Live | ProcessRule::Examined
                if ended && position.is_some() && !self.channels.is_open(Source::Global) =>
            {
                return Err(NtStatus::DEVICE_REMOVED.into());
            }
            ProcessRule::Live => is_process,
            ProcessRule::Examined if ended => {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            ProcessRule::Examined => is_process,
        };
        if fits {
            Ok(process)
        } else {
            let text = format!("process {process} in the header");
            Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
        }
    }
}
