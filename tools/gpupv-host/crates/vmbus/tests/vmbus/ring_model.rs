// SPDX-License-Identifier: GPL-2.0
//! Rings against a queue, with random packets and every wrap point, in both directions.

use std::sync::Arc;

use vmbus::gpadl::PageList;
use vmbus::proto::PacketType;
use vmbus::ring::{Field, GuestRing, Outgoing, RingMemory, RingReader, RingWriter, Written};
use vmbus::GpadlView;

use crate::fake::FakePartition;
use crate::guest_ring::{GuestConsumer, GuestPacket, GuestProducer, Model, TestRing};
use crate::random::Random;

fn random_packet(random: &mut Random, longest: u64) -> GuestPacket {
    let len = random.below(longest / 8 + 1) as usize * 8;
    GuestPacket {
        kind: 6,
        flags: random.below(2) as u16,
        id: random.next(),
        payload: random.bytes(len),
    }
}

/// The guest writes and the host reads, in random turns.
fn to_host<M: RingMemory>(guest: &GuestProducer<M>, host: M, random: &mut Random, turns: u32) {
    let size = u64::from(host.size());
    let mut reader = RingReader::new(host).unwrap();
    let mut model = Model::new();
    let (mut came, mut full) = (0, 0);
    for _ in 0..turns {
        if random.chance(4) {
            let mut batch = Vec::new();
            let received = reader.receive(&mut batch).unwrap();
            assert!(received.empty);
            assert!(!received.signal, "nobody waits for room");
            came += batch.len();
            for packet in batch {
                let expected = model.pop_front().expect("a packet too many");
                assert_eq!(packet.kind, PacketType::InBand);
                assert_eq!(packet.completion_requested, expected.flags == 1);
                assert_eq!(packet.transaction_id, expected.id);
                assert_eq!(packet.payload, expected.payload);
            }
            assert!(model.is_empty(), "a packet too few");
        } else {
            let packet = random_packet(random, size / 2);
            match guest.write(&packet) {
                Some(signal) => {
                    assert_eq!(signal, model.is_empty(), "a signal for the first only");
                    model.push_back(packet);
                }
                None => full += 1,
            }
        }
    }
    assert!(came > 10 && full > 0, "{came} came, {full} times full");
}

/// The host writes and the guest reads, in random turns.
fn to_guest<M: RingMemory>(host: M, guest: &GuestConsumer<M>, random: &mut Random, turns: u32) {
    let size = u64::from(host.size());
    let mut writer = RingWriter::new(host).unwrap();
    let mut model = Model::new();
    let (mut came, mut full) = (0, 0);
    for _ in 0..turns {
        if random.chance(3) {
            let signals = std::iter::from_fn(|| guest.read_one()).map(|(packet, signal)| {
                let expected = model.pop_front().expect("a packet too many");
                assert_eq!(packet, expected);
                came += 1;
                u32::from(signal)
            });
            let signals: u32 = signals.sum();
            assert!(signals <= 1, "the threshold is passed once");
            assert!(model.is_empty(), "a packet too few");
        } else {
            let mut packet = random_packet(random, size / 2);
            packet.kind = [6, 11][random.below(2) as usize];
            packet.flags = 0;
            // The host may send any length, the guest sees it padded.
            let cut =
                packet.payload.len() - random.below(8).min(packet.payload.len() as u64) as usize;
            let kind = PacketType::try_from(packet.kind).unwrap();
            let outgoing = Outgoing {
                kind,
                transaction_id: packet.id,
                payload: &packet.payload[..cut],
            };
            match writer.write(&outgoing).unwrap() {
                Written::Done { signal } => {
                    assert_eq!(signal, model.is_empty(), "a signal for the first only");
                    packet.payload[cut..].fill(0);
                    model.push_back(packet);
                }
                Written::Full => full += 1,
            }
        }
    }
    assert!(came > 10 && full > 0, "{came} came, {full} times full");
}

#[test]
fn guest_to_host_from_every_start() {
    for start in (0..256).step_by(8) {
        let ring = TestRing::new(256, start);
        let memory = ring.clone();
        let mut random = Random::new(u64::from(start) + 1);
        to_host(&GuestProducer { memory }, ring, &mut random, 600);
    }
}

#[test]
fn host_to_guest_from_every_start() {
    for start in (0..256).step_by(8) {
        let ring = TestRing::new(256, start);
        let memory = ring.clone();
        let mut random = Random::new(u64::from(start) + 7);
        to_guest(ring, &GuestConsumer { memory }, &mut random, 600);
    }
}

/// The two ends of a ring in scattered guest pages.
fn guest_rings(start: u32) -> (GuestRing, GuestRing) {
    let partition = FakePartition::new(1);
    let pages = PageList {
        pfns: Arc::new([9, 4, 6]),
        byte_offset: 0,
        byte_count: 3 * 4096,
    };
    let view = GpadlView::new(partition, &pages);
    let ring = || GuestRing::new(view.clone()).unwrap();
    for field in [Field::WriteIndex, Field::ReadIndex] {
        let order = std::sync::atomic::Ordering::SeqCst;
        ring().store(field, start, order).unwrap();
    }
    (ring(), ring())
}

#[test]
fn rings_in_guest_memory() {
    for start in [0, 8, 4080, 4088, 4096, 8184] {
        let mut random = Random::new(u64::from(start) + 3);
        let (host, memory) = guest_rings(start);
        to_host(&GuestProducer { memory }, host, &mut random, 400);
        let (host, memory) = guest_rings(start);
        to_guest(host, &GuestConsumer { memory }, &mut random, 400);
    }
}

#[test]
fn a_masked_guest_is_not_signalled() {
    let ring = TestRing::new(256, 0);
    let mut writer = RingWriter::new(ring.clone()).unwrap();
    let packet = Outgoing {
        kind: PacketType::InBand,
        transaction_id: 0,
        payload: &[1; 8],
    };
    ring.set(Field::InterruptMask, 1);
    let signal = false;
    assert_eq!(writer.write(&packet).unwrap(), Written::Done { signal });
    assert!(!writer.is_waiting().unwrap());
    ring.set(Field::InterruptMask, 0);
    assert!(writer.is_waiting().unwrap(), "a look would find it");
    assert_eq!(ring.get(Field::FeatureBits) & 1, 1, "feature bit");
}

#[test]
fn a_masked_host_is_unmasked_after_reading() {
    let ring = TestRing::new(256, 0);
    let guest = GuestProducer {
        memory: ring.clone(),
    };
    let mut reader = RingReader::new(ring.clone()).unwrap();
    ring.set(Field::InterruptMask, 1);
    assert!(reader.receive(&mut Vec::new()).unwrap().empty);
    assert_eq!(ring.get(Field::InterruptMask), 0);
    let packet = random_packet(&mut Random::new(1), 32);
    assert_eq!(guest.write(&packet), Some(true));
}

#[test]
fn a_guest_that_waits_for_room_is_signalled_once() {
    let ring = TestRing::new(256, 40);
    let guest = GuestProducer {
        memory: ring.clone(),
    };
    let mut reader = RingReader::new(ring).unwrap();
    let packet = GuestPacket {
        kind: 6,
        flags: 0,
        id: 1,
        payload: vec![0; 40],
    };
    while guest.write(&packet).is_some() {}
    assert!(!guest.ask_for_room(64));
    let mut batch = Vec::new();
    assert!(reader.receive(&mut batch).unwrap().signal);
    assert_eq!(batch.len(), 3);
    // The threshold has been passed; going further from it is no news.
    assert!(guest.write(&packet).is_some());
    assert!(!reader.receive(&mut batch).unwrap().signal);
}

#[test]
fn a_full_ring_asks_for_a_signal_and_takes_the_wish_back() {
    let ring = TestRing::new(256, 0);
    let guest = GuestConsumer {
        memory: ring.clone(),
    };
    let mut writer = RingWriter::new(ring.clone()).unwrap();
    let packet = Outgoing {
        kind: PacketType::Completion,
        transaction_id: 3,
        payload: &[0; 72],
    };
    // 96 bytes each: two fit, and a third would fill the ring to the last 64.
    assert!(matches!(
        writer.write(&packet).unwrap(),
        Written::Done { .. }
    ));
    assert!(matches!(
        writer.write(&packet).unwrap(),
        Written::Done { .. }
    ));
    assert_eq!(writer.write(&packet).unwrap(), Written::Full);
    assert_eq!(ring.get(Field::PendingSendSize), 96);
    let (_, signal) = guest.read_one().unwrap();
    assert!(signal, "64 + 96 bytes are free, 96 were wanted");
    assert!(matches!(
        writer.write(&packet).unwrap(),
        Written::Done { .. }
    ));
    assert_eq!(ring.get(Field::PendingSendSize), 0);
}

#[test]
fn a_ring_is_never_filled_to_the_last_byte() {
    let ring = TestRing::new(256, 128);
    let mut writer = RingWriter::new(ring.clone()).unwrap();
    let packet = |payload| Outgoing {
        kind: PacketType::InBand,
        transaction_id: 0,
        payload,
    };
    // 16 + 232 + 8 = 256: can never fit.
    assert!(writer.write(&packet(&[0; 232])).is_err());
    assert!(matches!(
        writer.write(&packet(&[0; 224])).unwrap(),
        Written::Done { .. }
    ));
    assert_eq!(ring.get(Field::WriteIndex), 120);
}
