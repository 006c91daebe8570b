// SPDX-License-Identifier: GPL-2.0
//! For the tests of the server: a device that tells what happens to it, and a guest in memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::{Arc, Mutex};

use hyperv::{MessagePort, PostStatus};
use uuid::Uuid;
use vmbus::gpadl::PageList;
use vmbus::proto::version;
use vmbus::ring::{Field, GuestRing};
use vmbus::{ChannelHandle, Closed, Device, GpadlView, Offer, OpenError, Packet, VmbusServer};

use crate::fake::FakePartition;
use crate::guest_ring::{GuestConsumer, GuestPacket, GuestProducer};
use crate::session::{self, decode_answer, Answer, Offered};

/// What the test device does with a packet, by its first byte.
pub const ECHO: u8 = 0;
pub const IGNORE: u8 = 1;
pub const RESCIND: u8 = 2;
/// Answers with as many packets of 1000 bytes as the second byte says, before the completion.
pub const FLOOD: u8 = 3;

/// A device that reports what happens to it.
pub struct TestDevice {
    instance: u128,
    channel: Option<ChannelHandle>,
    /// Sent at open.
    hello: bool,
    pub refuse: Arc<AtomicBool>,
    pub lent: Arc<AtomicU64>,
    closed: Sender<Closed>,
    handles: Arc<Mutex<Option<ChannelHandle>>>,
}

/// The test's end of a [`TestDevice`].
pub struct Probe {
    pub refuse: Arc<AtomicBool>,
    pub lent: Arc<AtomicU64>,
    pub closed: Receiver<Closed>,
    pub handle: Arc<Mutex<Option<ChannelHandle>>>,
}

pub fn device(instance: u128, hello: bool) -> (TestDevice, Probe) {
    let (closed, probe) = channel();
    let refuse = Arc::new(AtomicBool::new(false));
    let lent = Arc::new(AtomicU64::new(0));
    let handle = Arc::new(Mutex::new(None));
    let device = TestDevice {
        instance,
        channel: None,
        hello,
        refuse: Arc::clone(&refuse),
        lent: Arc::clone(&lent),
        closed,
        handles: Arc::clone(&handle),
    };
    let closed = probe;
    let probe = Probe {
        refuse,
        lent,
        closed,
        handle,
    };
    (device, probe)
}

impl Device for TestDevice {
    fn offer(&self) -> Offer {
        Offer {
            class: Uuid::from_u128(5),
            instance: Uuid::from_u128(self.instance),
            mmio_megabytes: 0,
            max_packet: Offer::DEFAULT_MAX_PACKET,
        }
    }

    fn open(&mut self, channel: ChannelHandle) -> Result<(), OpenError> {
        if self.refuse.load(Ordering::SeqCst) {
            return Err(OpenError("not today".to_owned()));
        }
        if self.hello {
            channel.send(b"hello...").unwrap();
        }
        *self.handles.lock().unwrap() = Some(channel.clone());
        self.channel = Some(channel);
        Ok(())
    }

    fn packet(&mut self, packet: Packet) {
        let channel = self.channel.as_ref().expect("a packet while closed");
        match packet.payload.first() {
            Some(&IGNORE) => return,
            Some(&RESCIND) => channel.rescind(),
            Some(&FLOOD) => {
                for n in 0..packet.payload[1] {
                    channel.send(&[n; 1000]).unwrap();
                }
            }
            _ => {}
        }
        if packet.completion_requested {
            let reply: Vec<u8> = packet.payload.iter().rev().copied().collect();
            channel.complete(packet.transaction_id, &reply).unwrap();
        }
    }

    fn closed(&mut self, why: Closed) {
        self.channel = None;
        self.closed.send(why).unwrap();
    }

    fn gpadl(&mut self, _id: u32, memory: Option<GpadlView>) {
        match memory {
            Some(_) => self.lent.fetch_add(1, Ordering::SeqCst),
            None => self.lent.fetch_sub(1, Ordering::SeqCst),
        };
    }
}

/// A guest with one connection.
pub struct Guest {
    pub partition: Arc<FakePartition>,
    pub server: Arc<VmbusServer>,
    next_gpadl: u32,
}

/// The guest's ends of an open channel.
pub struct Open {
    pub relid: u32,
    pub gpadl: u32,
    pub up: GuestProducer<GuestRing>,
    pub down: GuestConsumer<GuestRing>,
}

/// Pages of both rings.
pub const RING_PAGES: u64 = 4;

impl Guest {
    pub fn new() -> Self {
        let partition = FakePartition::new(2);
        Self {
            server: VmbusServer::new(Arc::clone(&partition) as _),
            partition,
            next_gpadl: 0xE1E10,
        }
    }

    /// A guest that has connected and knows the channels of these devices.
    pub fn connected(devices: Vec<TestDevice>) -> (Self, Vec<Offered>) {
        let guest = Self::new();
        let count = devices.len();
        for device in devices {
            guest.server.add_device(Box::new(device)).unwrap();
        }
        guest.post(&session::contact(version::V5_3, 1));
        assert!(matches!(
            guest.next(),
            Answer::Version {
                supported: true,
                ..
            }
        ));
        guest.post(&session::request_offers());
        let offers = (0..count).map(|_| guest.next_offer()).collect();
        assert_eq!(guest.next(), Answer::AllOffered);
        (guest, offers)
    }

    pub fn post(&self, message: &[u8]) {
        assert_eq!(self.server.message(4, message), PostStatus::Accepted);
    }

    pub fn next(&self) -> Answer {
        let (_, payload) = self.partition.next_message();
        decode_answer(&payload)
    }

    pub fn next_offer(&self) -> Offered {
        match self.next() {
            Answer::Offer(offer) => *offer,
            other => panic!("{other:?}"),
        }
    }

    /// The guest page frames of a channel's rings.
    pub fn pages(relid: u32) -> Vec<u64> {
        let first = 16 + u64::from(relid % 32) * 2 * RING_PAGES;
        (first..first + 2 * RING_PAGES).rev().collect()
    }

    pub fn view(&self, relid: u32) -> GpadlView {
        let pfns = Self::pages(relid);
        let pages = PageList {
            byte_offset: 0,
            byte_count: pfns.len() as u32 * 4096,
            pfns: pfns.into(),
        };
        GpadlView::new(Arc::clone(&self.partition) as _, &pages)
    }

    /// Lends the rings and sets them up, as a guest does before it asks to open.
    pub fn prepare(&mut self, relid: u32) -> Open {
        let gpadl = self.next_gpadl;
        self.next_gpadl += 1;
        for message in session::gpadl(relid, gpadl, &Self::pages(relid)) {
            self.post(&message);
        }
        let ok = true;
        assert_eq!(self.next(), Answer::Created { relid, gpadl, ok });
        let view = self.view(relid);
        view.write(0, &vec![0; view.len() as usize]).unwrap();
        let half = RING_PAGES * 4096;
        let ring = |at| GuestRing::new(view.part(at, half).unwrap()).unwrap();
        for at in [0, half] {
            let control = view.part(at, half).unwrap();
            control
                .store(Field::FeatureBits.offset() as u64, 1, Ordering::SeqCst)
                .unwrap();
        }
        Open {
            relid,
            gpadl,
            up: GuestProducer { memory: ring(0) },
            down: GuestConsumer { memory: ring(half) },
        }
    }

    pub fn open(&mut self, relid: u32) -> Open {
        let open = self.prepare(relid);
        self.finish_open(&open, true);
        open
    }

    pub fn finish_open(&self, open: &Open, ok: bool) {
        let (relid, open_id) = (open.relid, open.gpadl ^ 0xFF);
        self.post(&session::open(
            relid,
            open_id,
            open.gpadl,
            RING_PAGES as u32,
            0,
        ));
        assert_eq!(self.next(), Answer::Opened { relid, open_id, ok });
    }

    pub fn send(&self, open: &Open, id: u64, payload: Vec<u8>) {
        let packet = GuestPacket {
            kind: 6,
            flags: 1,
            id,
            payload,
        };
        if open.up.write(&packet).expect("room") {
            self.partition.signal_host(0x2000 + open.relid);
        }
    }

    /// The next packet of the host, waiting for its interrupts.
    pub fn receive(&self, open: &Open) -> GuestPacket {
        loop {
            if let Some((packet, signal)) = open.down.read_one() {
                if signal {
                    self.partition.signal_host(0x2000 + open.relid);
                }
                return packet;
            }
            // Nothing is there, and the ring was not masked: an interrupt must come.
            // Others may be left from packets that were found before their interrupt.
            while self.partition.next_event().1 != open.relid {}
        }
    }

    /// What there is to report at the end of the machine.
    pub fn report(&self) -> vmbus::BusReport {
        self.server.shutdown();
        self.server.report()
    }

    pub fn close(&self, open: Open) {
        self.post(&session::close(open.relid));
        self.post(&session::teardown(open.relid, open.gpadl));
        assert_eq!(self.next(), Answer::TornDown(open.gpadl));
    }
}
