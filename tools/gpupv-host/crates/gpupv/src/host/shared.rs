// SPDX-License-Identifier: GPL-2.0
//! The state that all devices of the host share, under one lock.
//!
//! Nothing done under the lock waits for anything: answers are computed, not fetched. The one
//! exception is memory that goes, or a device that is flushed, while an engine works on it; that takes
//! a step of work at most.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vmbus::{ChannelHandle, Closed, GpadlView};

use super::call::{Call, Fail};
use super::channels::{Channels, Ticket};
use super::closing::ClosingQueue;
use super::dispatch::Source;
use super::engines::Engines;
use super::hold::Held;
use super::Config;
use crate::adapter::AdapterDescription;
use crate::behaviour::{Behaviour, VmHandles};
use crate::engine::worker::Alarm;
use crate::engine::{Engine, Owner};
use crate::handles::{Handle, HandleTable, Instance};
use crate::identity::Identity;
use crate::io_space::{GuestWindow, IoSpace};
use crate::memory::{GuestMemory, Memories, ShareId};
use crate::pci::HostConfigBlock;
use crate::process::{Process, ProcessTable};
use crate::report::{plural, AdapterReport, Excuses, Leftovers, ProcessReport, Recorder, Report};
use crate::status::NtStatus;
use crate::sync::SyncId;
use crate::trace::Tracer;

/// Locks; a device that panicked before must not take the others with it.
pub(crate) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a handle of the virtual machine names. One table for all, so that a guest that takes one
/// for the other is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VmObject {
    Process,
    /// By position.
    Adapter(usize),
    /// A sync object that several processes may have.
    GlobalSync(SyncId),
    /// What an NT handle names.
    NtShared(NtObject),
}

/// What an NT handle keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NtObject {
    Sync(SyncId),
    Resource(ShareId),
}

/// An adapter and what the guest has done with it.
pub(crate) struct AdapterState {
    pub(crate) description: AdapterDescription,
    pub(crate) identity: Identity,
    pub(crate) slot: u8,
    /// The handle that the guest has, while it has opened the adapter.
    pub(crate) handle: Option<Handle>,
    pub(crate) opened: u64,
}

/// The state.
pub(crate) struct Shared {
    /// When the clocks of the adapters were at 0.
    pub(super) started: Instant,
    pub(crate) block: HostConfigBlock,
    pub(crate) behaviour: Behaviour,
    /// How many devices were made so far.
    pub(super) devices_made: u64,
    pub(crate) io_space_mib: u16,
    pub(crate) adapters: Vec<AdapterState>,
    pub(crate) handles: HandleTable<VmObject>,
    pub(crate) processes: ProcessTable,
    pub(crate) memories: Memories,
    /// The memory that the guest lends on the global channel.
    pub(crate) gpadls: BTreeMap<u32, GpadlView>,
    /// What memory the guest has, if that is known.
    pub(crate) guest_memory: Option<Arc<dyn GuestMemory>>,
    /// Where the guest can see memory of ours.
    pub(crate) window: Option<Box<dyn GuestWindow>>,
    /// That memory, once the guest has said where it wants it.
    pub(crate) io_space: Option<IoSpace>,
    /// Whether the guest shall use asynchronous messages.
    pub(crate) asynchronous: bool,
    /// Whether it has been told to.
    pub(crate) asynchronous_announced: bool,
    pub(crate) report: Recorder,
    /// Whom the host misled.
    pub(crate) excuses: Excuses,
    pub(crate) channels: Channels,
    pub(crate) engine: Engine,
    /// The threads that execute command buffers.
    pub(super) engines: Engines,
    /// How long a command may hold an engine.
    pub(super) time_limit: Duration,
    /// Wakes the thread that lets the engine go on.
    pub(crate) alarm: Alarm,
    pub(super) tracer: Option<Tracer>,
    /// Who waits for a device to be idle.
    pub(super) flushes: Vec<(Owner, Ticket)>,
    /// Paging queues without a handle that still have work.
    pub(super) closing: Vec<ClosingQueue>,
    /// What is not answered yet because the host takes its time.
    pub(super) held: Held,
}

impl Shared {
    pub(super) fn new(
        config: &Config,
        block: HostConfigBlock,
        identities: &[Identity],
        slots: &[u8],
        alarm: Alarm,
    ) -> Self {
        let adapters = config.adapters.iter().zip(identities).zip(slots);
        Self {
            started: Instant::now(),
            block,
            behaviour: config.behaviour,
            devices_made: 0,
            io_space_mib: config.io_space_mib,
            adapters: adapters
                .map(|((description, &identity), &slot)| AdapterState {
                    description: description.clone(),
                    identity,
                    slot,
                    handle: None,
                    opened: 0,
                })
                .collect(),
            handles: HandleTable::default(),
            processes: ProcessTable::new(),
            memories: Memories::default(),
            gpadls: BTreeMap::new(),
            guest_memory: None,
            window: None,
            io_space: None,
            asynchronous: config.asynchronous,
            asynchronous_announced: false,
            report: Recorder::default(),
            excuses: Excuses::default(),
            channels: Channels::new(config.adapters.len(), config.behaviour.reply_padding),
            engine: Engine::new(config.seed),
            engines: Engines::default(),
            time_limit: config.time_limit,
            alarm,
            tracer: None,
            flushes: Vec::new(),
            closing: Vec::new(),
            held: Held::default(),
        }
    }

    /// Whether messages have an extended header, and replies a status where old ones had none.
    pub(crate) fn is_current_version(&self) -> bool {
        self.block.effective_version() >= HostConfigBlock::CURRENT_VERSION
    }

    /// Whether guest pages may be handed over as lists of page numbers.
    pub(super) fn maps_guest_memory(&self) -> bool {
        let offered = self.block.host_caps & HostConfigBlock::CAP_MAP_GUEST_MEMORY != 0;
        offered && self.is_current_version()
    }

    /// Gives a shared object a handle in the virtual machine. `None` if there are no more.
    pub(super) fn insert_shared(&mut self, object: VmObject) -> Option<Handle> {
        let instance = match self.behaviour.vm_handles {
            VmHandles::Marked => Instance::Global,
            VmHandles::LikeObjects => Instance::Local,
        };
        self.handles.try_insert(object, instance).ok()
    }

    /// Closes an adapter: its handle and everything on it are gone.
    pub(crate) fn close_adapter(&mut self, position: usize) {
        let handle = self.adapters[position].handle.take();
        if let Some(handle) = handle {
            self.handles.remove(handle);
        }
        let mut gone = Vec::new();
        for (&handle, process) in &mut self.processes {
            gone.push((handle, process.objects.remove_adapter(position)));
        }
        for (handle, removed) in gone {
            self.release(handle, removed);
        }
        for process in self.processes.values_mut() {
            process.leave(position);
        }
    }

    /// The caller of a command.
    pub(super) fn process(&mut self, call: &Call<'_>) -> Result<&mut Process, Fail> {
        // The process was looked up when the command came.
        let found = self.processes.get_mut(&call.process);
        found.ok_or_else(|| NtStatus::INVALID_HANDLE.into())
    }

    /// Removes an object of the caller, and everything that dies with it.
    pub(super) fn remove_object(&mut self, call: &Call<'_>, handle: Handle) -> Result<(), Fail> {
        let removed = self.process(call)?.objects.remove(handle);
        self.release(call.process, removed);
        Ok(())
    }

    /// Removes a process and everything it has.
    pub(crate) fn remove_process(&mut self, handle: Handle) {
        let Some(process) = self.processes.get_mut(&handle) else {
            return;
        };
        let removed = process.objects.remove_all();
        self.release(handle, removed);
        self.engine.forget_usage(handle);
        self.processes.remove(&handle);
        self.handles.remove(handle);
    }

    /// The guest opened a channel.
    pub(crate) fn channel_opened(&mut self, source: Source, channel: ChannelHandle) {
        self.excuses.channel_opened(source.adapter());
        self.channels.opened(source, channel);
    }

    /// The channel of an adapter was closed.
    pub(crate) fn vgpu_closed(&mut self, position: usize, why: Closed) {
        self.channels.closed(Source::Vgpu(position));
        if why == Closed::Shutdown {
            // What is left at the end is what the report is about.
            return;
        }
        let excused = self.excuses.has_channel(Some(position));
        if self.adapters[position].handle.is_some() && is_drivers_choice(why) && !excused {
            let name = &self.adapters[position].description.name;
            let text = format!("channel of \"{name}\" closed without CLOSEADAPTER");
            self.report.violation(text);
        }
        self.close_adapter(position);
        self.settle();
    }

    /// The global channel was closed: the guest can no longer destroy its processes.
    pub(crate) fn global_closed(&mut self, why: Closed) {
        self.channels.closed(Source::Global);
        self.gpadls.clear();
        if why == Closed::Shutdown {
            return;
        }
        let blamed = self.processes.keys();
        let blamed = blamed.filter(|handle| !self.excuses.has_process(handle.0));
        let count = blamed.count() as u64;
        if count > 0 && is_drivers_choice(why) && !self.excuses.has_channel(None) {
            let count = plural(count, "process");
            let text = format!("global channel closed with {count} left");
            self.report.violation(text);
        }
        let processes: Vec<Handle> = self.processes.keys().copied().collect();
        for handle in processes {
            self.remove_process(handle);
        }
        self.drop_shares();
        self.io_space = None;
        self.settle();
    }

    /// How many objects all processes have.
    pub(super) fn object_count(&self) -> u64 {
        let objects = |process: &Process| process.objects.iter().count() as u64;
        self.processes.values().map(objects).sum()
    }

    /// What there is to report.
    pub(super) fn report(&self) -> Report {
        let adapter = |state: &AdapterState| AdapterReport {
            name: state.description.name.clone(),
            kind: state.description.kind.to_string(),
            luid: state.identity.channel_luid.to_string(),
            opened: state.opened,
            open: state.handle.is_some(),
        };
        let process = |(handle, process): (&Handle, &Process)| ProcessReport {
            handle: handle.to_string(),
            pid: process.pid,
            name: process.name.clone(),
            objects: process
                .objects
                .count()
                .into_iter()
                .map(|(kind, count)| (kind.to_string(), count))
                .collect(),
            excused: self.excuses.has_process(handle.0),
        };
        let messages = self.report.messages.iter();
        Report {
            messages: messages.map(|(&name, &n)| (name.to_owned(), n)).collect(),
            unknown: self.report.unknown_commands(),
            pci: self.report.pci.clone(),
            adapters: self.adapters.iter().map(adapter).collect(),
            processes_created: self.report.processes_created,
            processes_left: self.processes.iter().map(process).collect(),
            leftovers: Leftovers {
                shared_objects: self.nt_handles().count() as u64,
                fences: self.engine.sync_count() as u64,
                queues: self.engine.queue_count() as u64,
                waits: self.engine.wait_count() as u64,
                memories: self.memories.count() as u64,
                io_pages: self.io_space.as_ref().map_or(0, IoSpace::used),
                gpadls: 0,
            },
            violations: self.report.violations.clone(),
            violation_count: self.report.violation_count,
            bus_messages: 0,
            faults: BTreeMap::new(),
            excused_violations: self.report.excused_count,
            excused_leftovers: self.excuses.any(),
        }
    }
}

/// Whether the driver closed the channel by itself, and so could have cleaned up before.
fn is_drivers_choice(why: Closed) -> bool {
    match why {
        Closed::ByGuest | Closed::RingsTornDown => true,
        Closed::Rescinded | Closed::RingBroken | Closed::Reset | Closed::Shutdown => false,
    }
}
