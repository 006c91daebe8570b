// SPDX-License-Identifier: GPL-2.0
//! Faults that are injected into rings and control messages.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{channel, Receiver};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vmbus::proto::MessageType;
use vmbus::ring::{Field, GuestRing, RingMemory};
use vmbus::{DeviceId, Injected, Observer, PacketFault, RingFaults, Silence};

use crate::fake::TIMEOUT;
use crate::guest_ring::{GuestConsumer, GuestPacket};
use crate::server_guest::{device, Guest, Open, ECHO};
use crate::session::{self, Answer};

/// A guest with two open channels. Faults are those of the first one.
struct Scene {
    guest: Guest,
    open: Open,
    other: Open,
    faults: Arc<RingFaults>,
    seen: Receiver<Injected>,
}

fn scene() -> Scene {
    let (devices, _probes): (Vec<_>, Vec<_>) = (1..=2).map(|n| device(n, false)).unzip();
    // The devices tell their probes of their end.
    std::mem::forget(_probes);
    let (mut guest, offers) = Guest::connected(devices);
    let (open, other) = (guest.open(offers[0].relid), guest.open(offers[1].relid));
    let faults = guest.server.ring_faults(DeviceId(0)).unwrap();
    let (observer, seen) = observer();
    faults.observe(observer);
    Scene {
        guest,
        open,
        other,
        faults,
        seen,
    }
}

fn observer() -> (Observer, Receiver<Injected>) {
    let (sender, seen) = channel();
    let sender = Mutex::new(sender);
    let observer = move |injected| {
        // The test may have seen enough.
        let _ = sender.lock().unwrap().send(injected);
    };
    (Arc::new(observer), seen)
}

impl Scene {
    fn send(&self, id: u64) {
        self.guest.send(&self.open, id, vec![ECHO; 64]);
    }

    /// Gives the host time for everything that was sent before: others are served meanwhile.
    fn pass(&self) {
        std::thread::sleep(Duration::from_millis(300));
        self.guest.send(&self.other, 9, vec![ECHO; 64]);
        assert_eq!(self.guest.receive(&self.other).id, 9);
    }

    fn read_index(&self) -> u32 {
        load(&self.open.up.memory, Field::ReadIndex)
    }
}

fn load(ring: &GuestRing, field: Field) -> u32 {
    ring.load(field, Ordering::SeqCst).unwrap()
}

/// The next packet, without any interrupt.
fn poll(down: &GuestConsumer<GuestRing>) -> GuestPacket {
    loop {
        if let Some((packet, _)) = down.read_one() {
            return packet;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_stalled_ring_is_read_afterwards() {
    let s = scene();
    s.send(1);
    assert_eq!(s.guest.receive(&s.open).id, 1);
    let before = s.read_index();
    s.faults.stall(true);
    // A worker may have been about to read when the stall began.
    s.pass();
    s.send(2);
    s.send(3);
    s.pass();
    assert_eq!(s.read_index(), before);
    s.faults.stall(false);
    for id in [2, 3] {
        assert_eq!(s.guest.receive(&s.open).id, id);
    }
}

#[test]
fn a_guest_that_waits_for_room_is_not_told() {
    let s = scene();
    s.faults.stall(true);
    s.pass();
    let packet = GuestPacket {
        kind: 6,
        flags: 0,
        id: 0,
        payload: vec![ECHO; 1000],
    };
    while s.open.up.write(&packet).is_some() {}
    assert!(!s.open.up.ask_for_room(1024));
    s.guest.partition.drop_events();
    s.faults.silence(Silence::Room);
    s.faults.stall(false);
    let missed = Injected::NoInterrupt(Silence::Room);
    assert_eq!(s.seen.recv_timeout(TIMEOUT), Ok(missed));
    // It is told when the silence ends.
    s.faults.silence(Silence::None);
    while s.guest.partition.next_event().1 != s.open.relid {}
}

#[test]
fn a_guest_is_interrupted_when_the_silence_ends() {
    let s = scene();
    s.faults.silence(Silence::All);
    s.guest.partition.drop_events();
    s.send(1);
    let missed = Injected::NoInterrupt(Silence::All);
    assert_eq!(s.seen.recv_timeout(TIMEOUT), Ok(missed));
    assert_eq!(poll(&s.open.down).id, 1);
    s.send(2);
    s.faults.silence(Silence::None);
    while s.guest.partition.next_event().1 != s.open.relid {}
    assert_eq!(poll(&s.open.down).id, 2);
}

#[test]
fn a_packet_has_impossible_lengths() {
    for (fault, at, expected) in [
        (
            PacketFault::Length {
                offset8: 7,
                len8: 0xFFFF,
            },
            2,
            [7, 0, 0xFF, 0xFF],
        ),
        (PacketFault::Type(0x1234), 0, [0x34, 0x12, 2, 0]),
    ] {
        let s = scene();
        s.faults.next_packet(fault);
        s.send(1);
        assert_eq!(s.seen.recv_timeout(TIMEOUT), Ok(Injected::Packet(fault)));
        let mut head = [0; 16];
        s.open.down.memory.read(0, &mut head).unwrap();
        assert_eq!(head[at..at + 4], expected);
        // The next one lies where it should.
        let ring = &s.open.down.memory;
        let next = load(ring, Field::WriteIndex);
        ring.store(Field::ReadIndex, next, Ordering::SeqCst)
            .unwrap();
        s.send(2);
        assert_eq!(poll(&s.open.down).id, 2);
    }
}

#[test]
fn a_write_index_is_out_of_range_once() {
    let s = scene();
    s.faults.next_packet(PacketFault::Index(0xFFFF_FFF1));
    s.send(1);
    assert!(s.seen.recv_timeout(TIMEOUT).is_ok());
    assert_eq!(load(&s.open.down.memory, Field::WriteIndex), 0xFFFF_FFF1);
    s.send(2);
    let size = s.open.down.memory.size();
    while load(&s.open.down.memory, Field::WriteIndex) >= size {
        std::thread::yield_now();
    }
    assert_eq!(poll(&s.open.down).id, 1);
    assert_eq!(poll(&s.open.down).id, 2);
}

#[test]
fn an_unstable_packet_is_right_at_the_end() {
    let s = scene();
    s.faults.next_packet(PacketFault::Unstable(100));
    s.send(1);
    let seen = s.seen.recv_timeout(TIMEOUT);
    assert_eq!(seen, Ok(Injected::Packet(PacketFault::Unstable(100))));
    let packet = poll(&s.open.down);
    assert_eq!((packet.id, packet.payload), (1, vec![ECHO; 64]));
}

#[test]
fn a_stall_does_not_keep_a_channel_from_closing() {
    let s = scene();
    s.faults.stall(true);
    s.send(1);
    s.guest.close(s.open);
    s.guest.server.shutdown();
}

#[test]
fn control_messages_are_held_back() {
    let s = scene();
    let (observer, seen) = observer();
    let server = &s.guest.server;
    server.hold_messages(&[MessageType::GpadlTorndown], Arc::clone(&observer));
    let Open { relid, gpadl, .. } = s.open;
    s.guest.post(&session::close(relid));
    s.guest.post(&session::teardown(relid, gpadl));
    let held = Injected::Held(MessageType::GpadlTorndown);
    assert_eq!(seen.recv_timeout(TIMEOUT), Ok(held));
    // Others go on.
    for message in session::gpadl(relid, 77, &[5]) {
        s.guest.post(&message);
    }
    let (gpadl_made, ok) = (77, true);
    let created = Answer::Created {
        relid,
        gpadl: gpadl_made,
        ok,
    };
    assert_eq!(s.guest.next(), created);
    server.hold_messages(&[], observer);
    assert_eq!(s.guest.next(), Answer::TornDown(gpadl));
}
