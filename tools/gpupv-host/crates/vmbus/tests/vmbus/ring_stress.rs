// SPDX-License-Identifier: GPL-2.0
//! Two threads on one ring, each asleep until the other signals: a signal that is decided wrongly,
//! or a fence that is missing, leaves one of them asleep for ever.

use std::sync::Arc;
use std::thread;

use vmbus::proto::PacketType;
use vmbus::ring::{Outgoing, RingReader, RingWriter, Written};

use crate::fake::TIMEOUT;
use crate::guest_ring::{GuestConsumer, GuestPacket, GuestProducer, Signal, TestRing};
use crate::random::Random;

const PACKETS: u64 = 150_000;
const SIZE: u32 = 512;

/// The `n`-th packet: content and length follow from the number.
fn payload(random: &mut Random, n: u64) -> Vec<u8> {
    let words = 1 + random.below(12);
    (0..words)
        .flat_map(|w| (n * 16 + w).to_le_bytes())
        .collect()
}

#[test]
fn guest_to_host_loses_no_signal() {
    let ring = TestRing::new(SIZE, 0);
    let (data, room) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    let guest = {
        let (data, room) = (Arc::clone(&data), Arc::clone(&room));
        let guest = GuestProducer {
            memory: ring.clone(),
        };
        thread::spawn(move || {
            let mut random = Random::new(5);
            for n in 0..PACKETS {
                let packet = GuestPacket {
                    kind: 6,
                    flags: 0,
                    id: n,
                    payload: payload(&mut random, n),
                };
                let total = packet.payload.len() as u32 + 24;
                let signal = loop {
                    if let Some(signal) = guest.write(&packet) {
                        break signal;
                    }
                    if !guest.ask_for_room(total) {
                        assert!(room.wait(TIMEOUT), "packet {n}: no signal for room");
                    }
                    guest.ask_no_more();
                };
                if signal {
                    data.fire();
                }
            }
        })
    };
    let mut random = Random::new(5);
    let mut reader = RingReader::new(ring).unwrap();
    let (mut next, mut batch) = (0, Vec::new());
    while next < PACKETS {
        let received = reader.receive(&mut batch).unwrap();
        if received.signal {
            room.fire();
        }
        for packet in batch.drain(..) {
            assert_eq!(packet.transaction_id, next);
            assert_eq!(packet.payload, payload(&mut random, next));
            next += 1;
        }
        if received.empty && next < PACKETS {
            assert!(data.wait(TIMEOUT), "no signal for packet {next}");
        }
    }
    guest.join().unwrap();
}

#[test]
fn host_to_guest_loses_no_signal() {
    let ring = TestRing::new(SIZE, 0);
    let (data, room) = (Arc::new(Signal::default()), Arc::new(Signal::default()));
    let guest = {
        let (data, room) = (Arc::clone(&data), Arc::clone(&room));
        let guest = GuestConsumer {
            memory: ring.clone(),
        };
        thread::spawn(move || {
            let mut random = Random::new(6);
            let mut next = 0;
            while next < PACKETS {
                guest.mask();
                while let Some((packet, signal)) = guest.read_one() {
                    assert_eq!(packet.id, next);
                    assert_eq!(packet.payload, payload(&mut random, next));
                    next += 1;
                    if signal {
                        room.fire();
                    }
                }
                if !guest.unmask() && next < PACKETS {
                    assert!(data.wait(TIMEOUT), "no signal for packet {next}");
                }
            }
        })
    };
    let mut random = Random::new(6);
    let mut writer = RingWriter::new(ring).unwrap();
    for n in 0..PACKETS {
        let payload = payload(&mut random, n);
        let packet = Outgoing {
            kind: PacketType::Completion,
            transaction_id: n,
            payload: &payload,
        };
        loop {
            match writer.write(&packet).unwrap() {
                Written::Done { signal } => {
                    if signal {
                        data.fire();
                    }
                    break;
                }
                Written::Full => assert!(room.wait(TIMEOUT), "packet {n}: no signal for room"),
            }
        }
    }
    guest.join().unwrap();
}
