// SPDX-License-Identifier: GPL-2.0
//! Tells the trace of messages, if there is one.

use vmbus::Packet;

use super::dispatch::Source;
use super::shared::Shared;
use crate::packet::{parse, Command};
use crate::trace::{Record, Tracer};

impl Source {
    fn name(self) -> String {
        match self {
            Self::Global => "global".to_owned(),
            Self::Vgpu(position) => format!("vgpu{position}"),
        }
    }
}

impl Shared {
    /// Traces a packet and what it was answered with. `violations` is how many there were before.
    pub(super) fn trace_packet(
        &mut self,
        source: Source,
        packet: &Packet,
        reply: Option<&[u8]>,
        violations: u64,
    ) {
        let current = self.is_current_version();
        let Some(tracer) = &mut self.tracer else {
            return;
        };
        let command = parse(&packet.payload, current).ok();
        let info = command.as_ref().and_then(Command::info);
        let name = match (&command, info) {
            (_, Some(info)) => info.name,
            (Some(_), None) => "(unknown)",
            (None, _) => "(malformed)",
        };
        let mut record = Record::new(source.name(), name, packet.payload.len());
        if let Some(command) = &command {
            record.request(command);
        }
        if let Some(reply) = reply.filter(|_| packet.completion_requested) {
            record.answer(info.map(|info| info.failure), reply, current);
        }
        if self.report.violation_count > violations {
            record.violation = self.report.last_violation.clone();
        }
        tracer.record(record);
    }

    /// Traces the answer to an earlier command.
    pub(super) fn trace_late(&mut self, source: Source, name: &str, reply: &[u8]) {
        if let Some(tracer) = &mut self.tracer {
            tracer.record(Record::late(source.name(), name, reply));
        }
    }

    /// Sends the guest a message that it did not ask for.
    pub(super) fn notify(&mut self, name: &str, message: &[u8]) {
        if let Some(tracer) = &mut self.tracer {
            tracer.record(Record::unasked(Source::Global.name(), name, message));
        }
        self.channels.notify(message);
    }

    /// Begins to trace.
    pub(crate) fn set_tracer(&mut self, tracer: Tracer) {
        self.tracer = Some(tracer);
    }
}
