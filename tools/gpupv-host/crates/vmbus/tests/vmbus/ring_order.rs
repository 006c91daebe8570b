// SPDX-License-Identifier: GPL-2.0
//! Memory ordering, made certain instead of likely: the host's stores stay in a store buffer until a
//! fence, as the processor may do it, and the guest acts just after any one of the host's loads.
//! Whatever the moment, nobody may be left waiting.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use vmbus::proto::PacketType;
use vmbus::ring::{Field, Outgoing, RingError, RingMemory, RingReader, RingWriter, Written};

use crate::guest_ring::{GuestConsumer, GuestPacket, GuestProducer, TestRing};

enum Store {
    Word(Field, u32),
    Data(u32, Vec<u8>),
}

type Action = Box<dyn FnMut() + Send>;

/// The host's view of a ring through a store buffer.
struct Buffered {
    ring: TestRing,
    stores: RefCell<VecDeque<Store>>,
    /// What the guest does, and after how many more loads.
    guest: RefCell<Option<(u32, Action)>>,
}

impl Buffered {
    fn new(ring: TestRing, moment: u32, action: Action) -> Self {
        Self {
            ring,
            stores: RefCell::default(),
            guest: RefCell::new(Some((moment, action))),
        }
    }
}

impl RingMemory for Buffered {
    fn size(&self) -> u32 {
        self.ring.size()
    }

    fn load(&self, field: Field, order: Ordering) -> Result<u32, RingError> {
        // A processor sees its own stores at once.
        let own = self
            .stores
            .borrow()
            .iter()
            .rev()
            .find_map(|store| match store {
                Store::Word(stored, value) if *stored == field => Some(*value),
                _ => None,
            });
        let value = match own {
            Some(value) => value,
            None => self.ring.load(field, order)?,
        };
        let mut guest = self.guest.borrow_mut();
        match &mut *guest {
            Some((0, action)) => {
                action();
                *guest = None;
            }
            Some((moment, _)) => *moment -= 1,
            None => {}
        }
        Ok(value)
    }

    fn store(&self, field: Field, value: u32, _order: Ordering) -> Result<(), RingError> {
        self.stores
            .borrow_mut()
            .push_back(Store::Word(field, value));
        Ok(())
    }

    fn read(&self, offset: u32, into: &mut [u8]) -> Result<(), RingError> {
        self.ring.read(offset, into)
    }

    fn write(&self, offset: u32, from: &[u8]) -> Result<(), RingError> {
        let mut stores = self.stores.borrow_mut();
        stores.push_back(Store::Data(offset, from.to_vec()));
        Ok(())
    }

    fn fence(&self) {
        for store in self.stores.borrow_mut().drain(..) {
            match store {
                Store::Word(field, value) => self.ring.set(field, value),
                Store::Data(offset, data) => self.ring.poke(offset, &data),
            }
        }
    }
}

impl Drop for Buffered {
    /// The buffer does not hold stores back for ever.
    fn drop(&mut self) {
        self.fence();
    }
}

fn guest_packet(words: usize) -> GuestPacket {
    GuestPacket {
        kind: 6,
        flags: 0,
        id: 1,
        payload: vec![0; words * 8],
    }
}

/// More moments than any of the operations has loads.
const MOMENTS: u32 = 40;

#[test]
fn a_packet_that_comes_while_the_host_reads_is_read_or_signalled() {
    let mut acted = 0;
    for already in 0..3 {
        for moment in 0..MOMENTS {
            let ring = TestRing::new(256, 0);
            let guest = GuestProducer {
                memory: ring.clone(),
            };
            for _ in 0..already {
                guest.write(&guest_packet(1)).unwrap();
            }
            let signal = Arc::new(Mutex::new(None));
            let told = Arc::clone(&signal);
            let action: Action = Box::new(move || {
                *told.lock().unwrap() = guest.write(&guest_packet(1));
            });
            let mut batch = Vec::new();
            let mut reader = RingReader::new(Buffered::new(ring, moment + 1, action)).unwrap();
            let received = reader.receive(&mut batch).unwrap();
            let signal = *signal.lock().unwrap();
            if let Some(signalled) = signal {
                acted += 1;
                let all = batch.len() == already + 1;
                assert!(
                    all || signalled || !received.empty,
                    "{already} packets, moment {moment}: the host sleeps over a packet"
                );
            }
        }
    }
    assert!(acted > 6, "{acted}");
}

#[test]
fn a_guest_that_wants_room_while_the_host_reads_gets_it_or_a_signal() {
    let mut waited = 0;
    for moment in 0..MOMENTS {
        let ring = TestRing::new(256, 64);
        let guest = GuestProducer {
            memory: ring.clone(),
        };
        while guest.write(&guest_packet(2)).is_some() {}
        let has_room = Arc::new(Mutex::new(None));
        let told = Arc::clone(&has_room);
        let action: Action = Box::new(move || {
            *told.lock().unwrap() = Some(guest.ask_for_room(40));
        });
        let mut reader = RingReader::new(Buffered::new(ring, moment + 1, action)).unwrap();
        let received = reader.receive(&mut Vec::new()).unwrap();
        let has_room = *has_room.lock().unwrap();
        if has_room == Some(false) {
            waited += 1;
            assert!(
                received.signal,
                "moment {moment}: the guest waits for room that is there"
            );
        }
    }
    assert!(waited > 0);
}

#[test]
fn a_packet_written_while_the_guest_falls_asleep_is_signalled() {
    let mut slept = 0;
    for already in 0..3 {
        for moment in 0..MOMENTS {
            let ring = TestRing::new(256, 0);
            let host = ring.clone();
            let guest = GuestConsumer { memory: ring };
            let packet = Outgoing {
                kind: PacketType::InBand,
                transaction_id: 0,
                payload: &[0; 8],
            };
            for _ in 0..already {
                RingWriter::new(host.clone())
                    .unwrap()
                    .write(&packet)
                    .unwrap();
            }
            guest.mask();
            let asleep = Arc::new(Mutex::new(None));
            let told = Arc::clone(&asleep);
            let action: Action = Box::new(move || {
                while guest.read_one().is_some() {}
                *told.lock().unwrap() = Some(!guest.unmask());
            });
            // Making the writer takes two loads.
            let memory = Buffered::new(host.clone(), moment + 2, action);
            let mut writer = RingWriter::new(memory).unwrap();
            let written = writer.write(&packet).unwrap();
            let asleep = *asleep.lock().unwrap();
            drop(writer);
            let left = host.get(Field::WriteIndex) != host.get(Field::ReadIndex);
            if asleep == Some(true) && left {
                slept += 1;
                assert_eq!(
                    written,
                    Written::Done { signal: true },
                    "{already} packets, moment {moment}: the guest sleeps over a packet"
                );
            }
        }
    }
    assert!(slept > 0);
}

#[test]
fn room_that_comes_while_the_host_gives_up_is_seen_or_signalled() {
    let mut full = 0;
    for moment in 0..MOMENTS {
        let ring = TestRing::new(256, 64);
        let packet = Outgoing {
            kind: PacketType::InBand,
            transaction_id: 0,
            payload: &[0; 40],
        };
        let mut before = RingWriter::new(ring.clone()).unwrap();
        while before.write(&packet).unwrap() != Written::Full {}
        ring.set(Field::PendingSendSize, 0);
        let guest = GuestConsumer {
            memory: ring.clone(),
        };
        let signal = Arc::new(Mutex::new(None));
        let told = Arc::clone(&signal);
        let action: Action = Box::new(move || {
            *told.lock().unwrap() = guest.read_one().map(|(_, signal)| signal);
        });
        let mut writer = RingWriter::new(Buffered::new(ring, moment + 2, action)).unwrap();
        let written = writer.write(&packet).unwrap();
        let signal = *signal.lock().unwrap();
        if let (Written::Full, Some(signalled)) = (written, signal) {
            full += 1;
            assert!(
                signalled,
                "moment {moment}: the host waits for room that is there"
            );
        }
    }
    assert!(full > 0);
}
