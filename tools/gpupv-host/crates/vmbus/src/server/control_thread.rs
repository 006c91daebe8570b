// SPDX-License-Identifier: GPL-2.0
//! The control thread: events in, and the actions of the state machine carried out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};

use hyperv::Partition;
use vmm_sys_util::eventfd::EventFd;

use super::{BusReport, Event};
use crate::channel::{lock, Interrupt, Notice, Sender as ChannelSender, SharedDevice, Worker};
use crate::control::{Action, Control, DeviceId, OpenRequest};
use crate::device::{ChannelHandle, Closed};
use crate::gpadl::GpadlView;
use crate::injection::{HeldMessages, RingFaults};
use crate::proto::connection;
use crate::ring::{GuestRing, RingReader, RingWriter};

/// A channel whose device is open.
struct OpenChannel {
    serial: u64,
    device: DeviceId,
    interrupt: Arc<Interrupt>,
    sender: Arc<ChannelSender>,
    /// Until the channel starts; then the worker has it.
    reader: Option<RingReader<GuestRing>>,
    worker: Option<Worker>,
}

/// Everything that the control thread owns.
pub(super) struct ControlThread {
    partition: Arc<dyn Partition>,
    control: Control,
    events: Sender<Event>,
    inbound: Arc<AtomicUsize>,
    report: Arc<Mutex<BusReport>>,
    messages: u64,
    devices: BTreeMap<DeviceId, SharedDevice>,
    /// The faults of their rings.
    ring_faults: BTreeMap<DeviceId, Arc<RingFaults>>,
    held: HeldMessages,
    /// The guest's signals, by relid.
    signals: BTreeMap<u32, EventFd>,
    open: BTreeMap<u32, OpenChannel>,
    next_serial: u64,
}

impl ControlThread {
    pub(super) fn new(
        partition: Arc<dyn Partition>,
        control: Control,
        events: Sender<Event>,
        inbound: Arc<AtomicUsize>,
        report: Arc<Mutex<BusReport>>,
    ) -> Self {
        Self {
            partition,
            control,
            events,
            inbound,
            report,
            messages: 0,
            devices: BTreeMap::new(),
            ring_faults: BTreeMap::new(),
            held: HeldMessages::default(),
            signals: BTreeMap::new(),
            open: BTreeMap::new(),
            next_serial: 0,
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Event>) {
        for event in inbox {
            let last = matches!(event, Event::Shutdown);
            let actions = self.handle(event);
            self.perform(actions);
            if last {
                return;
            }
            self.publish();
        }
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        match event {
            Event::Message(payload) => {
                self.inbound.fetch_sub(1, Ordering::Relaxed);
                self.messages += 1;
                self.control.message(&payload)
            }
            Event::Add(id, device, faults) => {
                let offer = device.offer();
                self.ring_faults.insert(id, faults);
                self.devices.insert(id, Arc::new(Mutex::new(device)));
                self.control.add(id, offer)
            }
            Event::Rescind(id) => self.control.rescind(id, Closed::Rescinded),
            Event::OfferAgain(id) => self.control.offer_again(id),
            Event::Hold(kinds, observer) => {
                let free = self.held.set(&kinds, observer);
                let post = |(vp, payload)| Action::Post { vp, payload };
                free.into_iter().map(post).collect()
            }
            Event::Notice {
                relid,
                serial,
                notice,
            } => self.notice(relid, serial, notice),
            Event::Shutdown => {
                // What is open now is what the guest left behind.
                self.publish();
                self.control.shutdown()
            }
        }
    }

    fn notice(&mut self, relid: u32, serial: u64, notice: Notice) -> Vec<Action> {
        let device = match self.open.get(&relid) {
            Some(channel) if channel.serial == serial => channel.device,
            // The channel has been closed meanwhile; what it was about is gone.
            _ => return Vec::new(),
        };
        match notice {
            Notice::Violation(text) => {
                self.control.fault(format!("channel {relid}: {text}"));
                Vec::new()
            }
            Notice::Broken(text) => {
                self.control
                    .fault(format!("channel {relid} is broken: {text}"));
                self.control.rescind(device, Closed::RingBroken)
            }
            Notice::Rescind => self.control.rescind(device, Closed::Rescinded),
        }
    }

    fn perform(&mut self, actions: Vec<Action>) {
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            // What follows from an action comes before the actions after it.
            for next in self.act(action).into_iter().rev() {
                queue.push_front(next);
            }
        }
    }

    /// Carries one action out. Returns what follows from it.
    fn act(&mut self, action: Action) -> Vec<Action> {
        match action {
            Action::Post { vp, payload } => {
                if let Some((vp, payload)) = self.held.take(vp, payload) {
                    self.partition.post_message(vp, &payload);
                }
            }
            Action::ClearMessages => {
                self.held.clear();
                self.partition.clear_messages();
            }
            Action::Bind { device, relid } => self.bind(device, relid),
            Action::Unbind { relid } => self.unbind(relid),
            Action::Open(request) => {
                let relid = request.relid;
                let result = self.open(request);
                if let Err(reason) = &result {
                    log::warn!("channel {relid} cannot be opened: {reason}");
                }
                return self.control.opened(relid, result.is_ok());
            }
            Action::Start { relid } => return self.start(relid),
            Action::Close { relid, why } => self.close(relid, why),
            Action::Retarget { relid, vp } => {
                if let Some(channel) = self.open.get(&relid) {
                    channel.interrupt.set(Some(vp));
                }
            }
            Action::GpadlCreated {
                device,
                gpadl,
                pages,
            } => {
                if let Some(device) = self.devices.get(&device) {
                    let view = GpadlView::new(Arc::clone(&self.partition), &pages);
                    lock(device).gpadl(gpadl, Some(view));
                }
            }
            Action::GpadlGone { device, gpadl } => {
                if let Some(device) = self.devices.get(&device) {
                    lock(device).gpadl(gpadl, None);
                }
            }
        }
        Vec::new()
    }

    fn bind(&mut self, device: DeviceId, relid: u32) {
        match self.partition.bind_event(connection::CHANNEL_BASE + relid) {
            Ok(signal) => {
                self.signals.insert(relid, signal);
            }
            Err(error) => {
                // The guest could open the channel but never be heard. The offer is on its way, so
                // it is taken back afterwards.
                log::error!("channel {relid} has no event connection: {error}");
                // This very thread receives it.
                let _ = self.events.send(Event::Rescind(device));
            }
        }
    }

    fn unbind(&mut self, relid: u32) {
        if let Some(signal) = self.signals.remove(&relid) {
            let connection = connection::CHANNEL_BASE + relid;
            if let Err(error) = self.partition.unbind_event(connection, &signal) {
                log::error!("event connection of channel {relid}: {error}");
            }
        }
    }

    /// Opens rings and device; packets flow only after [`Self::start`].
    fn open(&mut self, request: OpenRequest) -> Result<(), String> {
        let OpenRequest {
            device: id,
            relid,
            vp,
            pages,
            downstream,
        } = request;
        let device = self.devices.get(&id).ok_or("no such device")?;
        let view = GpadlView::new(Arc::clone(&self.partition), &pages);
        let up = view.part(0, downstream).map_err(|e| e.to_string())?;
        let down = view
            .part(downstream, view.len().saturating_sub(downstream))
            .map_err(|e| e.to_string())?;
        let reader = GuestRing::new(up).and_then(RingReader::new);
        let writer = GuestRing::new(down).and_then(RingWriter::new);
        let (reader, writer) = match (reader, writer) {
            (Ok(reader), Ok(writer)) => (reader, writer),
            (Err(error), _) | (_, Err(error)) => {
                self.control
                    .fault(format!("rings of channel {relid}: {error}"));
                return Err(error.to_string());
            }
        };
        let serial = self.next_serial;
        self.next_serial += 1;
        let faults = self.ring_faults.get(&id).ok_or("no such device")?;
        let interrupt = Arc::new(Interrupt::new(
            Arc::clone(&self.partition),
            relid,
            vp,
            Arc::clone(faults),
        ));
        let mut device = lock(device);
        let sender = Arc::new(ChannelSender::new(
            writer,
            Arc::clone(&interrupt),
            device.offer().max_packet,
            self.notifier(relid, serial),
        ));
        device
            .open(ChannelHandle::new(Arc::clone(&sender) as _))
            .map_err(|error| error.to_string())?;
        self.open.insert(
            relid,
            OpenChannel {
                serial,
                device: id,
                interrupt,
                sender,
                reader: Some(reader),
                worker: None,
            },
        );
        Ok(())
    }

    /// A way for a channel to reach this thread.
    fn notifier(&self, relid: u32, serial: u64) -> Box<dyn Fn(Notice) + Send + Sync> {
        let events = self.events.clone();
        Box::new(move |notice| {
            // At shutdown there may be nobody left to hear it.
            let _ = events.send(Event::Notice {
                relid,
                serial,
                notice,
            });
        })
    }

    fn start(&mut self, relid: u32) -> Vec<Action> {
        match self.try_start(relid) {
            Ok(()) => Vec::new(),
            Err(error) => {
                log::error!("channel {relid} has no worker: {error}");
                match self.open.get(&relid) {
                    Some(channel) => self.control.rescind(channel.device, Closed::Rescinded),
                    None => Vec::new(),
                }
            }
        }
    }

    fn try_start(&mut self, relid: u32) -> std::io::Result<()> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let channel = self.open.get_mut(&relid).ok_or_else(missing)?;
        let signal = self.signals.get(&relid).ok_or_else(missing)?.try_clone()?;
        let device = self.devices.get(&channel.device).ok_or_else(missing)?;
        let reader = channel.reader.take().ok_or_else(missing)?;
        channel.sender.faults().connect(Some(signal.try_clone()?));
        channel.worker = Some(Worker::start(
            format!("channel {relid}"),
            signal,
            reader,
            Arc::clone(&channel.sender),
            Arc::clone(device),
        )?);
        channel.sender.start();
        Ok(())
    }

    fn close(&mut self, relid: u32, why: Closed) {
        let Some(channel) = self.open.remove(&relid) else {
            return;
        };
        // First nothing more goes out, then nothing more comes in, then the device may forget.
        channel.sender.close();
        channel.sender.faults().connect(None);
        if let Some(worker) = channel.worker {
            worker.stop();
        }
        if let Some(device) = self.devices.get(&channel.device) {
            lock(device).closed(why);
        }
    }

    /// Makes what is known now visible to [`super::VmbusServer::report`].
    fn publish(&self) {
        let faults = self.control.faults();
        let mut report = lock(&self.report);
        report.messages = self.messages;
        report.violations.clone_from(&faults.texts);
        report.violation_count = faults.count;
        report.unknown.clone_from(&faults.unknown);
        report.open_channels = self.control.open_channels();
        report.gpadls = self.control.gpadl_count();
        report.lent_gpadls = self.control.lent_gpadl_count();
    }
}
