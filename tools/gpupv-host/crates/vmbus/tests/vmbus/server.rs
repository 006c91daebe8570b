// SPDX-License-Identifier: GPL-2.0
//! The whole server with its threads, against a guest in memory.

use std::sync::atomic::Ordering;

use hyperv::{MessagePort, PostStatus};
use uuid::Uuid;
use vmbus::proto::version;
use vmbus::{AddError, Closed, SendError};

use crate::fake::TIMEOUT;
use crate::guest_ring::GuestPacket;
use crate::server_guest::{device, Guest, ECHO, FLOOD, IGNORE, RESCIND};
use crate::session::{self, Answer};

fn payload(first: u8, len: usize) -> Vec<u8> {
    let mut payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
    payload[0] = first;
    payload
}

#[test]
fn packets_are_answered() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    assert_eq!(probe.lent.load(Ordering::SeqCst), 1);
    for id in 1..2000 {
        let sent = payload(ECHO, 8 + id as usize * 8 % 2000);
        let mut expected = sent.clone();
        expected.reverse();
        guest.send(&open, id, sent);
        let packet = guest.receive(&open);
        assert_eq!((packet.kind, packet.flags, packet.id), (11, 0, id));
        assert_eq!(packet.payload, expected);
    }
    guest.close(open);
    assert_eq!(probe.closed.recv_timeout(TIMEOUT), Ok(Closed::ByGuest));
    assert_eq!(probe.lent.load(Ordering::SeqCst), 0);
    let report = guest.report();
    assert_eq!((report.violation_count, report.gpadls), (0, 0));
}

#[test]
fn many_packets_wait_behind_a_full_ring() {
    let (device, _probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    // 200 packets of 1000 bytes for a ring of 12 KiB: most wait, in order.
    let mut request = payload(FLOOD, 8);
    request[1] = 200;
    guest.send(&open, 77, request);
    for n in 0..200 {
        let packet = guest.receive(&open);
        assert_eq!((packet.kind, packet.id), (6, 0));
        assert_eq!(packet.payload, [n; 1000]);
    }
    assert_eq!(guest.receive(&open).id, 77);
}

#[test]
fn what_is_sent_at_open_arrives_after_the_answer() {
    let (device, _probe) = device(1, true);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    assert_eq!(guest.receive(&open).payload, b"hello...");
    assert!(!guest.partition.has_messages());
}

#[test]
fn a_guest_that_missed_the_first_signal_gets_another() {
    let (device, _probe) = device(1, true);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.prepare(offers[0].relid);
    open.down.mask();
    guest.finish_open(&open, true);
    // Without looking, which a guest should not do.
    let _ = open.down.unmask();
    let (vp, flag) = guest.partition.next_event();
    assert_eq!((vp, flag), (0, open.relid));
}

#[test]
fn packets_from_before_the_open_are_read() {
    let (device, _probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.prepare(offers[0].relid);
    let packet = GuestPacket {
        kind: 6,
        flags: 1,
        id: 5,
        payload: payload(ECHO, 16),
    };
    assert_eq!(open.up.write(&packet), Some(true));
    guest.finish_open(&open, true);
    assert_eq!(guest.receive(&open).id, 5);
}

#[test]
fn a_device_can_refuse_to_open() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    probe.refuse.store(true, Ordering::SeqCst);
    let open = guest.prepare(offers[0].relid);
    guest.finish_open(&open, false);
    probe.refuse.store(false, Ordering::SeqCst);
    guest.finish_open(&open, true);
}

#[test]
fn sixty_four_channels() {
    let (devices, probes): (Vec<_>, Vec<_>) = (1..=64).map(|n| device(n, false)).unzip();
    let (mut guest, offers) = Guest::connected(devices);
    let instances: Vec<_> = offers.iter().map(|offer| offer.instance).collect();
    let expected: Vec<_> = (1..=64u128)
        .map(|n| Uuid::from_u128(n).to_bytes_le())
        .collect();
    assert_eq!(instances, expected);
    // Some at a time, since their rings share the guest's memory.
    for offer in offers.iter().step_by(9) {
        let open = guest.open(offer.relid);
        guest.send(&open, 1, payload(ECHO, 8));
        assert_eq!(guest.receive(&open).id, 1);
    }
    let many = guest.report().open_channels;
    let closed = probes
        .iter()
        .filter_map(|probe| probe.closed.try_recv().ok());
    let closed: Vec<_> = closed.collect();
    assert_eq!((closed.len(), many), (8, 8));
    assert!(closed.iter().all(|&why| why == Closed::Shutdown));
    assert!(guest.partition.bound().is_empty());
}

#[test]
fn a_device_rescinds_itself() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    guest.send(&open, 1, payload(RESCIND, 8));
    assert_eq!(guest.next(), Answer::Rescind(open.relid));
    assert_eq!(probe.closed.recv_timeout(TIMEOUT), Ok(Closed::Rescinded));
    let handle = probe.handle.lock().unwrap().clone().unwrap();
    assert_eq!(handle.send(b"too late"), Err(SendError::Closed));
    guest.partition.drop_events();
    guest.post(&session::close(open.relid));
    guest.post(&session::teardown(open.relid, open.gpadl));
    assert_eq!(guest.next(), Answer::TornDown(open.gpadl));
    guest.post(&session::released(open.relid));
    guest.post(&session::unload());
    assert_eq!(guest.next(), Answer::Unloaded);
    assert!(guest.partition.bound().is_empty());
    assert_eq!(guest.report().violation_count, 0);
}

#[test]
fn a_thousand_rescinds_leave_nothing() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let id = vmbus::DeviceId(0);
    let mut relid = offers[0].relid;
    for round in 0..1000 {
        // In turn: never opened, lent, open, open with a request on the way.
        let open = match round % 4 {
            0 => None,
            1 => Some(guest.prepare(relid)),
            2 => Some(guest.open(relid)),
            _ => {
                let open = guest.open(relid);
                guest.send(&open, 1, payload(IGNORE, 8));
                Some(open)
            }
        };
        guest.server.rescind(id);
        guest.server.offer_again(id);
        assert_eq!(guest.next(), Answer::Rescind(relid));
        if let Some(open) = open {
            if round % 3 == 0 {
                guest.post(&session::teardown(open.relid, open.gpadl));
                assert_eq!(guest.next(), Answer::TornDown(open.gpadl));
            }
            guest.post(&session::close(open.relid));
        }
        guest.post(&session::released(relid));
        relid = guest.next_offer().relid;
        assert_eq!(relid, 1, "numbers come back");
    }
    assert_eq!(guest.partition.binds(), 1001);
    assert_eq!(guest.partition.bound(), [0x2001]);
    assert_eq!(probe.lent.load(Ordering::SeqCst), 0);
    let closed = probe
        .closed
        .try_iter()
        .filter(|&why| why == Closed::Rescinded);
    // Half of them were open. In a third of those the guest took the rings after the rescind.
    assert_eq!(closed.count(), 500);
}

#[test]
fn a_broken_ring_ends_the_channel() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    let view = guest.view(open.relid);
    view.store(0, 12345, Ordering::SeqCst).unwrap();
    guest.partition.signal_host(0x2000 + open.relid);
    assert_eq!(guest.next(), Answer::Rescind(open.relid));
    assert_eq!(probe.closed.recv_timeout(TIMEOUT), Ok(Closed::RingBroken));
    guest.post(&session::released(open.relid));
    guest.post(&session::unload());
    assert_eq!(guest.next(), Answer::Unloaded);
    let report = guest.report();
    assert_eq!(report.violation_count, 1);
    assert!(report.violations[0].contains("12345") || report.violations[0].contains("0x3039"));
}

#[test]
fn packets_of_the_wrong_kind_are_refused_and_counted() {
    let (device, _probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    let packet = GuestPacket {
        kind: 9,
        flags: 1,
        id: 4,
        payload: vec![0; 24],
    };
    assert_eq!(open.up.write(&packet), Some(true));
    guest.partition.signal_host(0x2000 + open.relid);
    let answer = guest.receive(&open);
    assert_eq!((answer.id, answer.payload.len()), (4, 0));
    guest.send(&open, 5, payload(ECHO, 8));
    assert_eq!(guest.receive(&open).id, 5, "the channel survives");
    guest.close(open);
    assert_eq!(guest.report().violation_count, 1);
}

#[test]
fn packets_that_the_guest_cannot_take_are_not_sent() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    let handle = probe.handle.lock().unwrap().clone().unwrap();
    let (size, limit) = (4104, 4096);
    assert_eq!(
        handle.send(&[0; 4081]),
        Err(SendError::TooLarge { size, limit })
    );
    assert_eq!(handle.send(&[7; 4080]), Ok(()));
    assert_eq!(guest.receive(&open).payload.len(), 4080);
}

#[test]
fn interrupts_follow_the_guest() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let open = guest.open(offers[0].relid);
    let relid = open.relid;
    let handle = probe.handle.lock().unwrap().clone().unwrap();
    for vp in [1, 0, 1] {
        guest.post(&session::modify(relid, vp));
        assert_eq!(guest.next(), Answer::Modified { relid, ok: true });
        handle.send(&[0; 8]).unwrap();
        assert_eq!(guest.partition.next_event(), (vp, relid));
        assert_eq!(open.down.read_one().unwrap().0.payload, [0; 8]);
    }
}

#[test]
fn kexec_starts_over() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    guest.open(offers[0].relid);
    guest.post(&session::contact(version::V5_0, 0));
    assert!(matches!(guest.next(), Answer::Version { .. }));
    assert_eq!(probe.closed.recv_timeout(TIMEOUT), Ok(Closed::Reset));
    assert!(guest.partition.bound().is_empty());
    guest.post(&session::request_offers());
    let relid = guest.next_offer().relid;
    assert_eq!(guest.next(), Answer::AllOffered);
    let open = guest.open(relid);
    guest.send(&open, 1, payload(ECHO, 8));
    assert_eq!(guest.receive(&open).id, 1);
}

#[test]
fn a_channel_without_event_connection_is_taken_back() {
    let (device, _probe) = device(1, false);
    let guest = Guest::new();
    guest.partition.fail_bind(true);
    guest.server.add_device(Box::new(device)).unwrap();
    guest.post(&session::contact(version::V5_3, 0));
    guest.next();
    guest.post(&session::request_offers());
    let first = guest.next();
    let second = guest.next();
    let kinds = [&first, &second].map(|answer| match answer {
        Answer::Offer(_) => "offer",
        Answer::Rescind(_) => "rescind",
        _ => "other",
    });
    assert_eq!(kinds, ["offer", "other"]);
    assert_eq!(guest.next(), Answer::Rescind(1));
}

#[test]
fn other_connections_and_duplicates_are_refused() {
    let guest = Guest::new();
    let message = session::request_offers();
    assert_eq!(
        guest.server.message(3, &message),
        PostStatus::UnknownConnection
    );
    assert_eq!(guest.server.message(1, &message), PostStatus::Accepted);
    guest
        .server
        .add_device(Box::new(device(1, false).0))
        .unwrap();
    let error = guest
        .server
        .add_device(Box::new(device(1, false).0))
        .unwrap_err();
    assert!(matches!(error, AddError::Duplicate { .. }));
    guest.server.shutdown();
    guest.server.shutdown();
    let error = guest
        .server
        .add_device(Box::new(device(2, false).0))
        .unwrap_err();
    assert_eq!(error, AddError::ShutDown);
}

#[test]
fn a_guest_that_never_reads_fills_no_memory() {
    let (device, probe) = device(1, false);
    let (mut guest, offers) = Guest::connected(vec![device]);
    let _open = guest.open(offers[0].relid);
    let handle = probe.handle.lock().unwrap().clone().unwrap();
    // Even packets without content come to an end.
    let mut answers = (1..4_000_000).map(|id| handle.complete(id, &[]));
    assert_eq!(answers.find(Result::is_err), Some(Err(SendError::Overflow)));
}

#[test]
fn a_guest_that_takes_no_answers_may_not_ask() {
    let (guest, _) = Guest::connected(Vec::new());
    guest.partition.back_up(true);
    let teardown = session::teardown(1, 5);
    assert_eq!(guest.server.message(4, &teardown), PostStatus::Busy);
    guest.partition.back_up(false);
    guest.post(&teardown);
    assert_eq!(guest.next(), Answer::TornDown(5));
    assert!(!guest.partition.has_messages());
}
