// SPDX-License-Identifier: GPL-2.0
//! The execution of command buffers: what an engine does next, and how it ends.

use std::time::{Duration, Instant};

use super::shared::Shared;
use super::translation::Translation;
use crate::engine::{Effect, NodeId, Owner, QueueId, Turn};
use crate::fence::FENCE_ADDRESSES;
use crate::gpu::{Command, Fault, Next, Piece, Range, Stop};
use crate::handles::Handle;
use crate::payload::Payload;
use crate::sync::{Primitive, SyncId};

/// How many commands without steps are done before others get the lock.
const COMMANDS_AT_ONCE: usize = 32;
/// How long an engine looks away while it is held.
const PAUSE: Duration = Duration::from_millis(1);

/// What an engine does without the lock.
pub(crate) enum Slice {
    /// Arithmetic.
    Piece(Box<Piece>, Work),
    /// Nothing for a while.
    Pause(Duration),
    /// Nothing: it is others' turn to have the lock.
    Yield,
}

/// Whose a piece is.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    queue: QueueId,
    owner: Owner,
    /// What it is to the guest if it fails.
    fault: Fault,
}

/// What came of looking at a buffer.
enum Progress {
    Slice(Slice),
    Held(Duration),
    Command,
    End,
}

impl Shared {
    /// What an engine does next. `None` if there is nothing.
    pub(crate) fn begin_slice(&mut self, node: NodeId, now: Instant) -> Option<Slice> {
        let slice = self.find_slice(node, now);
        self.settle();
        slice
    }

    /// A piece of work could not be done.
    pub(crate) fn fail_piece(&mut self, failed: Work, stop: Stop) {
        // The device may be gone, and another have its handle.
        if self.engine.is_on_node(failed.queue) {
            let fault = Fault {
                stop,
                ..failed.fault
            };
            self.fail_device(failed.owner, fault);
            self.settle();
        }
    }

    fn find_slice(&mut self, node: NodeId, now: Instant) -> Option<Slice> {
        for _ in 0..COMMANDS_AT_ONCE {
            let mut turn = self.engine.take_turn(node, now)?;
            let (queue, owner) = (turn.queue, turn.owner);
            let (slice, holds) = match self.take_step(node, &mut turn, now) {
                Ok(Progress::Slice(slice)) => (Some(slice), false),
                Ok(Progress::Held(pause)) => (Some(Slice::Pause(pause)), true),
                Ok(Progress::Command) => (None, false),
                Ok(Progress::End) => {
                    self.engine.finish_job(node, queue, now);
                    continue;
                }
                Err(stop) => {
                    self.fail_device(owner, turn.program.fault(stop));
                    continue;
                }
            };
            self.engine.end_turn(node, queue, turn.program, holds, now);
            if slice.is_some() {
                return slice;
            }
        }
        Some(Slice::Yield)
    }

    fn take_step(&mut self, node: NodeId, turn: &mut Turn, now: Instant) -> Result<Progress, Stop> {
        let engines = &self.adapters[node.adapter].description.engines;
        // CAST: u32 to usize, on a 64-bit host.
        let kind = *engines.get(node.ordinal as usize).ok_or(Stop::Invalid)?;
        let owner = turn.owner;
        let mut translation =
            Translation::new(self, owner.process, node.adapter).ok_or(Stop::Invalid)?;
        let next = turn.program.next(kind, |address, into| {
            let len = into.len() as u64;
            let span = translation.span(Range { address, len }, false)?;
            span.read(into)
        })?;
        match next {
            Next::End => Ok(Progress::End),
            Next::Step(step) => {
                let piece = Piece::new(&step, |range, write| translation.span(range, write))?;
                let fault = turn.program.fault(Stop::Invalid);
                turn.program.advance();
                let (queue, owner) = (turn.queue, turn.owner);
                let work = Work {
                    queue,
                    owner,
                    fault,
                };
                Ok(Progress::Slice(Slice::Piece(Box::new(piece), work)))
            }
            Next::Command(command) => {
                drop(translation);
                let progress = self.do_command(node.adapter, turn, command, now)?;
                if !matches!(progress, Progress::Held(_)) {
                    turn.program.finish_command();
                }
                Ok(progress)
            }
        }
    }

    fn do_command(
        &mut self,
        adapter: usize,
        turn: &Turn,
        command: Command,
        now: Instant,
    ) -> Result<Progress, Stop> {
        match command {
            Command::Fence { address, value } if address >= FENCE_ADDRESSES => {
                let write = true;
                let sync = self
                    .fence_at(turn.owner.process, adapter, address)
                    .ok_or(Stop::PageFault { address, write })?;
                let rewind = false;
                let signal = Effect::Signal {
                    sync,
                    value,
                    rewind,
                };
                self.engine.signal_now(&[signal], now);
                // Finding the fence may have taken long.
                Ok(Progress::Slice(Slice::Yield))
            }
            Command::Fence { address, value } => {
                let process = turn.owner.process;
                let mut translation =
                    Translation::new(self, process, adapter).ok_or(Stop::Invalid)?;
                let range = Range { address, len: 8 };
                translation.span(range, true)?.write(&value.to_le_bytes())?;
                Ok(Progress::Command)
            }
            Command::Fault(code) => Err(Stop::Wanted(code)),
            Command::Busy(duration) => {
                let held = turn.held.unwrap_or_default();
                let left = duration.map(|duration| duration.saturating_sub(held));
                if left == Some(Duration::ZERO) {
                    Ok(Progress::Command)
                } else if held >= self.time_limit {
                    Err(Stop::Hung)
                } else {
                    Ok(Progress::Held(PAUSE.min(left.unwrap_or(PAUSE))))
                }
            }
            // The others have steps.
            Command::Nop | Command::Elementwise { .. } | Command::Matmul { .. } => {
                Ok(Progress::Command)
            }
        }
    }

    /// The fence of a process that the GPU sees at an address, and may signal. Those of queues are the
    /// queues' alone.
    fn fence_at(&self, process: Handle, adapter: usize, address: u64) -> Option<SyncId> {
        let objects = self.processes.get(&process)?.objects.iter();
        let on_adapter = objects.filter(|(_, object)| object.adapter == adapter);
        let syncs = on_adapter.filter_map(|(_, object)| match &object.payload {
            Payload::SyncObject(object)
                if object.flags.may_signal() && object.flags.has_gpu_address() =>
            {
                Some(object.sync)
            }
            _ => None,
        });
        let is_there = |sync: &SyncId| {
            let primitive = self.engine.primitive(*sync);
            let fence = primitive.and_then(Primitive::watched);
            fence.is_some_and(|fence| fence.gpu_address() == address)
        };
        syncs.into_iter().find(is_there)
    }

    /// A device did what it may not, and is stopped.
    pub(in crate::host) fn fail_device(&mut self, owner: Owner, fault: Fault) {
        let process = self.processes.get_mut(&owner.process);
        let device = process.and_then(|process| process.objects.payload_mut(owner.device));
        let Some(Payload::Device(device)) = device else {
            return;
        };
        let cookie = device.fail(fault);
        self.stop_device(owner.process, owner.device);
        if let Some(cookie) = cookie {
            self.tell_of_device(cookie);
        }
    }
}
