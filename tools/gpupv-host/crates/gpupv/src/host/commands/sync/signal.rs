// SPDX-License-Identifier: GPL-2.0
//! Signals, by a CPU or by work that gets to them.

use std::time::Instant;

use super::super::super::call::{broken, success, Call, Fail, Reply};
use super::super::super::shared::Shared;
use super::super::work::{queue_named, queue_selected};
use super::Named;
use crate::device::Device;
use crate::engine::Effect;
use crate::handles::Handle;
use crate::status::NtStatus;
use crate::sync::Primitive;
use crate::wire::SignalSyncObject;

/// How many objects a CPU can signal at once.
const OBJECTS_MAX: u32 = 32;

/// The request without its queues.
struct Signals {
    handles: Vec<Handle>,
    /// One for each object, or none.
    values: Option<Vec<u64>>,
    /// The value for fences that have no other.
    value: u64,
    rewind: bool,
}

impl Shared {
    pub(super) fn signal_sync_object(&mut self, position: usize, call: &Call<'_>) -> Reply {
        let request: SignalSyncObject = call.read();
        let (objects, contexts) = (request.object_count.get(), request.context_count.get());
        let flags = request.flags.get();
        let at = size_of::<SignalSyncObject>();
        let handles = call.handles(at, objects)?;
        let contexts_at = at + 4 * handles.len();
        let contexts = call.handles(contexts_at, contexts)?;
        let values_at = contexts_at + 4 * contexts.len();
        // Nothing says whether there are values, but for the length: padding is shorter than one.
        let values = call.longs(values_at, handles.len()).ok();
        let signals = Signals {
            values: values.filter(|values| !values.is_empty()),
            value: request.fence_value.get(),
            rewind: flags & SignalSyncObject::ALLOW_FENCE_REWIND != 0,
            handles,
        };
        let event = request.cpu_event_handle.get();
        let has_event = flags & SignalSyncObject::ENQUEUE_CPU_EVENT != 0;

        let Some((&first, others)) = contexts.split_first() else {
            // CAST: the low half is meant, the event's field is wider.
            let device = Handle(event as u32);
            return self.signal_from_cpu(position, call, device, flags, &signals);
        };
        let objects = &self.process(call)?.objects;
        let mut queues = vec![queue_selected(objects, position, first)?];
        for &other in others {
            queues.push(queue_named(objects, position, other)?);
        }
        if flags & !SignalSyncObject::FLAGS != 0 || has_event != signals.handles.is_empty() {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let effects = if has_event && event == 0 {
            return broken("an event without an id".to_owned());
        } else if has_event {
            vec![Effect::Event(event)]
        } else {
            self.effects(position, call, &signals, true)?
        };
        let now = Instant::now();
        if flags & SignalSyncObject::AT_SUBMISSION != 0 {
            self.engine.signal_now(&effects, now);
        } else {
            self.engine.submit_effects(&queues, effects, now)?;
        }
        success()
    }

    fn signal_from_cpu(
        &mut self,
        position: usize,
        call: &Call<'_>,
        device: Handle,
        flags: u32,
        signals: &Signals,
    ) -> Reply {
        // CAST: as many as there are in a packet.
        let count = signals.handles.len() as u32;
        if count > OBJECTS_MAX {
            return broken(format!("{count} objects"));
        }
        // A user may ask for an event and name neither objects nor contexts.
        if count == 0 {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let objects = &self.process(call)?.objects;
        objects.select::<Device>(position, device)?;
        let with_event = flags & SignalSyncObject::ENQUEUE_CPU_EVENT != 0;
        if flags & !SignalSyncObject::FLAGS != 0 || with_event {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let effects = self.effects(position, call, signals, false)?;
        self.engine.signal_now(&effects, Instant::now());
        success()
    }

    /// What the signals come to. Nothing is done if one of them cannot be.
    fn effects(
        &mut self,
        position: usize,
        call: &Call<'_>,
        signals: &Signals,
        gpu: bool,
    ) -> Result<Vec<Effect>, Fail> {
        let process = self.processes.get(&call.process);
        let objects = &process.ok_or(NtStatus::INVALID_HANDLE)?.objects;
        let mut effects = Vec::with_capacity(signals.handles.len());
        for (index, &handle) in signals.handles.iter().enumerate() {
            let named = Named::find(objects, &self.engine, position, handle)?;
            let own = signals.values.as_ref().map(|values| values[index]);
            let value = own.unwrap_or(signals.value);
            let possible = match named.primitive {
                Primitive::Periodic { .. } => false,
                // A message without values says nothing of what the fence has to reach.
                Primitive::Monitored(_) if own.is_none() => false,
                // A queue may have got to where this makes sense by the time that it counts.
                Primitive::Monitored(_) if gpu => true,
                Primitive::Monitored(fence) => signals.rewind || value >= fence.value(),
                _ => gpu,
            };
            if !possible || (named.is_of_queue() && !gpu) {
                return Err(NtStatus::INVALID_PARAMETER.into());
            }
            named.check_signal()?;
            effects.push(Effect::Signal {
                sync: named.sync,
                value,
                rewind: signals.rewind,
            });
        }
        Ok(effects)
    }
}
