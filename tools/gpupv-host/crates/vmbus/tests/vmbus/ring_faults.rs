// SPDX-License-Identifier: GPL-2.0
//! Rings that a guest has broken: each is an error, and none is read beyond its end.

use vmbus::ring::{Field, RingError, RingReader, RingWriter};

use crate::guest_ring::{GuestProducer, TestRing};
use crate::random::Random;

const SIZE: u32 = 256;

/// A descriptor with the given halves, and its payload.
fn packet(kind: u16, offset8: u16, len8: u16, flags: u16, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for half in [kind, offset8, len8, flags] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend([0x55; 8]);
    bytes.extend(vec![0xAA; payload]);
    bytes
}

/// What comes of reading a ring that holds these bytes, and a trailer.
fn read(bytes: Vec<u8>) -> Result<usize, RingError> {
    let ring = TestRing::new(SIZE, 240);
    let memory = ring.clone();
    GuestProducer { memory }.write_raw(bytes).unwrap();
    let mut batch = Vec::new();
    RingReader::new(ring)?.receive(&mut batch)?;
    Ok(batch[0].payload.len())
}

#[test]
fn frames_that_contradict_themselves() {
    assert_eq!(read(packet(6, 2, 4, 0, 16)).unwrap(), 16);
    assert_eq!(read(packet(6, 3, 4, 1, 16)).unwrap(), 8, "a longer head");
    assert_eq!(read(packet(11, 4, 4, 0, 16)).unwrap(), 0, "no payload");
    let frame = |bytes| matches!(read(bytes), Err(RingError::Frame { .. }));
    assert!(frame(packet(6, 1, 4, 0, 16)), "payload within the head");
    assert!(frame(packet(6, 5, 4, 0, 16)), "payload behind the end");
    assert!(frame(packet(6, 2, 5, 0, 16)), "no room for the trailer");
    assert!(frame(packet(6, 2, 0xFFFF, 0, 16)), "longer than the ring");
    assert!(frame(packet(6, 0, 0, 0, 16)), "nothing");
    assert!(
        frame(vec![6, 0].into_iter().chain([0; 6]).collect()),
        "half a descriptor and a trailer"
    );
    assert!(matches!(
        read(packet(8, 2, 4, 0, 16)),
        Err(RingError::Type { kind: 8, .. })
    ));
    assert!(matches!(
        read(packet(6, 2, 4, 2, 16)),
        Err(RingError::Flags { flags: 2, .. })
    ));
}

#[test]
fn less_than_a_descriptor() {
    let ring = TestRing::new(SIZE, 0);
    let mut reader = RingReader::new(ring.clone()).unwrap();
    ring.set(Field::WriteIndex, 8);
    let error = reader.receive(&mut Vec::new()).unwrap_err();
    assert!(matches!(error, RingError::Frame { used: 8, .. }));
}

#[test]
fn impossible_indices() {
    for index in [SIZE, SIZE + 8, 4, 7, u32::MAX, 1 << 31] {
        let ring = TestRing::new(SIZE, 0);
        let mut reader = RingReader::new(ring.clone()).unwrap();
        let mut writer = RingWriter::new(ring.clone()).unwrap();
        ring.set(Field::WriteIndex, index);
        assert!(reader.receive(&mut Vec::new()).is_err(), "write {index:#x}");
        assert!(RingWriter::new(ring.clone()).is_err());
        ring.set(Field::ReadIndex, index);
        let packet = vmbus::ring::Outgoing {
            kind: vmbus::proto::PacketType::InBand,
            transaction_id: 0,
            payload: &[],
        };
        assert!(writer.write(&packet).is_err(), "read {index:#x}");
        assert!(RingReader::new(ring).is_err());
    }
}

#[test]
fn packets_before_the_broken_one_are_delivered() {
    let ring = TestRing::new(SIZE, 0);
    let guest = GuestProducer {
        memory: ring.clone(),
    };
    guest.write_raw(packet(6, 2, 3, 0, 8)).unwrap();
    guest.write_raw(packet(99, 2, 3, 0, 8)).unwrap();
    let mut batch = Vec::new();
    assert!(RingReader::new(ring).unwrap().receive(&mut batch).is_err());
    assert_eq!(batch.len(), 1);
}

#[test]
fn garbage_never_panics() {
    let mut random = Random::new(42);
    let mut errors = 0;
    for _ in 0..20_000 {
        let start = random.below(u64::from(SIZE) / 8) as u32 * 8;
        let ring = TestRing::new(SIZE, start);
        ring.poke(0, &random.bytes(SIZE as usize));
        if random.chance(2) {
            // Something that looks like a packet, so that more than the first check is reached.
            let at = (start + 8) % (SIZE - 8);
            let like = packet(6, 2, random.below(20) as u16, random.below(2) as u16, 0);
            ring.poke(at / 8 * 8, &like[..8]);
        }
        let mut reader = RingReader::new(ring.clone()).unwrap();
        ring.set(
            Field::WriteIndex,
            random.below(u64::from(SIZE) / 8) as u32 * 8,
        );
        ring.set(Field::PendingSendSize, random.next() as u32);
        let mut batch = Vec::new();
        errors += u32::from(reader.receive(&mut batch).is_err());
        let bytes: usize = batch.iter().map(|packet| packet.payload.len() + 24).sum();
        assert!(bytes <= SIZE as usize);
    }
    assert!(errors > 10_000, "{errors}");
}
