// SPDX-License-Identifier: GPL-2.0
//! VMBus in a partition: the control thread, and what other threads may ask of it.
//!
//! All state of the connection lives on the control thread. Everybody else, including the virtual
//! processors with their messages, sends it events.

mod control_thread;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{Builder, JoinHandle};

use hyperv::{MessagePort, Partition, PostStatus};
use thiserror::Error;
use uuid::Uuid;
use vm_memory::{GuestAddress, GuestMemory, GuestMemoryRegion};

use crate::channel::{lock, Notice};
use crate::control::{Control, ControlOptions};
use crate::device::Device;
use crate::injection::{Observer, RingFaults};
use crate::proto::{connection, version, MessageType, PAGE_SIZE};
use control_thread::ControlThread;

pub use crate::control::DeviceId;

/// How many messages may wait. The guest sends most requests one at a time, so this is never
/// reached in normal operation; it keeps a flood from filling our memory.
const INBOUND_LIMIT: usize = 4096;

/// How the server behaves.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// The newest protocol version to accept.
    pub max_version: u32,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            max_version: version::V5_3,
        }
    }
}

/// A device was not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AddError {
    /// The guest would drop the second offer.
    #[error("there is a device of class {class} and instance {instance} already")]
    Duplicate {
        /// The class of both.
        class: Uuid,
        /// The instance of both.
        instance: Uuid,
    },
    /// The server has been shut down.
    #[error("VMBus is shut down")]
    ShutDown,
}

/// What the control plane has seen.
#[derive(Clone, Debug, Default)]
pub struct BusReport {
    /// Control messages from the guest.
    pub messages: u64,
    /// Violations in words, the first hundred.
    pub violations: Vec<String>,
    /// How many violations there were.
    pub violation_count: u64,
    /// Unknown control messages and how often each came.
    pub unknown: BTreeMap<u32, u64>,
    /// Channels that are open, or were when the server was shut down.
    pub open_channels: usize,
    /// GPADLs that the guest has lent and not taken back.
    pub gpadls: usize,
    /// Those of them that were lent to a device, and not for the rings of its channel.
    pub lent_gpadls: usize,
}

/// What happens on the control thread.
enum Event {
    Message(Vec<u8>),
    Add(DeviceId, Box<dyn Device>, Arc<RingFaults>),
    Rescind(DeviceId),
    OfferAgain(DeviceId),
    Hold(Vec<MessageType>, Observer),
    /// From a channel; `serial` tells apart the openings of one relid.
    Notice {
        relid: u32,
        serial: u64,
        notice: Notice,
    },
    Shutdown,
}

/// The VMBus of one partition.
pub struct VmbusServer {
    events: Mutex<Sender<Event>>,
    /// Where answers go. The partition has us for its messages.
    partition: Weak<dyn Partition>,
    /// Messages in `events`.
    inbound: Arc<AtomicUsize>,
    next_device: AtomicU32,
    known: Mutex<HashSet<(Uuid, Uuid)>>,
    ring_faults: Mutex<BTreeMap<DeviceId, Arc<RingFaults>>>,
    report: Arc<Mutex<BusReport>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl VmbusServer {
    /// Starts VMBus in `partition`, with the default options.
    pub fn new(partition: Arc<dyn Partition>) -> Arc<Self> {
        Self::with_options(partition, ServerOptions::default())
    }

    /// Starts VMBus in `partition`.
    ///
    /// # Panics
    ///
    /// The system gives no thread.
    pub fn with_options(partition: Arc<dyn Partition>, options: ServerOptions) -> Arc<Self> {
        let (events, inbox) = channel();
        let inbound = Arc::new(AtomicUsize::new(0));
        let report = Arc::new(Mutex::new(BusReport::default()));
        let memory = partition.memory();
        let control = Control::new(ControlOptions {
            max_version: options.max_version,
            vp_count: partition.vp_count(),
            ram_pages: memory.iter().map(|region| region.len()).sum::<u64>() / PAGE_SIZE,
            is_ram: {
                let partition = Arc::clone(&partition);
                Box::new(move |pfn| is_ram(&*partition, pfn))
            },
        });
        let answers = Arc::downgrade(&partition);
        let thread = ControlThread::new(
            partition,
            control,
            events.clone(),
            Arc::clone(&inbound),
            Arc::clone(&report),
        );
        let thread = Builder::new()
            .name("vmbus".to_owned())
            .spawn(move || thread.run(&inbox))
            .expect("a thread for VMBus");
        Arc::new(Self {
            events: Mutex::new(events),
            partition: answers,
            inbound,
            next_device: AtomicU32::new(0),
            known: Mutex::new(HashSet::new()),
            ring_faults: Mutex::default(),
            report,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Adds a device. A guest that is connected sees it at once.
    ///
    /// # Errors
    ///
    /// There is one with the same class and instance, or the server has been shut down.
    pub fn add_device(&self, device: Box<dyn Device>) -> Result<DeviceId, AddError> {
        let offer = device.offer();
        let (class, instance) = (offer.class, offer.instance);
        if !lock(&self.known).insert((class, instance)) {
            return Err(AddError::Duplicate { class, instance });
        }
        let id = DeviceId(self.next_device.fetch_add(1, Ordering::Relaxed));
        let faults = Arc::<RingFaults>::default();
        lock(&self.ring_faults).insert(id, Arc::clone(&faults));
        self.event(Event::Add(id, device, faults))
            .map_err(|_| AddError::ShutDown)?;
        Ok(id)
    }

    /// Takes the offer of a device back.
    pub fn rescind(&self, device: DeviceId) {
        // After a shutdown there is nothing to take back.
        let _ = self.event(Event::Rescind(device));
    }

    /// Offers a device again, as soon as the guest has let go of the rescinded channel.
    pub fn offer_again(&self, device: DeviceId) {
        // After a shutdown there is nobody to offer to.
        let _ = self.event(Event::OfferAgain(device));
    }

    /// The faults of the rings of a device's channel.
    pub fn ring_faults(&self, device: DeviceId) -> Option<Arc<RingFaults>> {
        lock(&self.ring_faults).get(&device).cloned()
    }

    /// Holds control messages of these types back from now on, and sends those of other types that were
    /// held back. `observer` hears of each.
    pub fn hold_messages(&self, kinds: &[MessageType], observer: Observer) {
        // After a shutdown nothing is sent.
        let _ = self.event(Event::Hold(kinds.to_vec(), observer));
    }

    /// What the control plane has seen so far.
    pub fn report(&self) -> BusReport {
        lock(&self.report).clone()
    }

    /// Closes all channels and ends all threads. Later calls do nothing.
    pub fn shutdown(&self) {
        let Some(thread) = lock(&self.thread).take() else {
            return;
        };
        // If the thread is gone already, joining it is all that is left.
        let _ = self.event(Event::Shutdown);
        if thread.join().is_err() {
            log::error!("the VMBus thread panicked");
        }
    }

    fn event(&self, event: Event) -> Result<(), ShutDown> {
        lock(&self.events).send(event).map_err(|_| ShutDown)
    }
}

/// The control thread has ended.
struct ShutDown;

impl Drop for VmbusServer {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl MessagePort for VmbusServer {
    fn message(&self, connection: u32, payload: &[u8]) -> PostStatus {
        if ![connection::MESSAGE_BEFORE_5_0, connection::MESSAGE_5_0].contains(&connection) {
            return PostStatus::UnknownConnection;
        }
        // Most requests have an answer, for which there must be room, too.
        let partition = self.partition.upgrade();
        if partition.is_some_and(|partition| partition.is_backed_up()) {
            return PostStatus::Busy;
        }
        if self.inbound.fetch_add(1, Ordering::Relaxed) >= INBOUND_LIMIT {
            self.inbound.fetch_sub(1, Ordering::Relaxed);
            return PostStatus::Busy;
        }
        match self.event(Event::Message(payload.to_vec())) {
            Ok(()) => PostStatus::Accepted,
            Err(ShutDown) => PostStatus::UnknownConnection,
        }
    }
}

/// Whether a whole page is RAM.
fn is_ram(partition: &dyn Partition, pfn: u64) -> bool {
    match pfn.checked_mul(PAGE_SIZE) {
        // CAST: the size of a page.
        Some(address) => partition
            .memory()
            .check_range(GuestAddress(address), PAGE_SIZE as usize),
        None => false,
    }
}
