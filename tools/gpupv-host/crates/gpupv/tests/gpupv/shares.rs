// SPDX-License-Identifier: GPL-2.0
//! Sync objects that several processes have.

use crate::bench::{Bench, ACCESS_DENIED, INVALID_HANDLE, INVALID_PARAMETER};
use crate::guest::{long, word, words};

fn open(bench: &mut Bench, process: u32, fields: [u32; 4]) -> Vec<u8> {
    let reply = bench.guest.global(1002, process, &words(&fields));
    assert_eq!(reply.len(), 24);
    reply
}

fn nt_handle(bench: &mut Bench, process: u32, object: u32) -> u32 {
    let reply = bench.guest.global(1004, process, &words(&[object]));
    assert_eq!(reply.len(), 4);
    word(&reply, 0)
}

fn destroy_nt(bench: &mut Bench, handle: u32) -> u32 {
    word(&bench.guest.global(1005, 0, &words(&[handle])), 0)
}

#[test]
fn another_process_sees_the_same_value() {
    let mut bench = Bench::new();
    let fence = bench.shared_fence(5);
    assert_ne!(fence.global, 0);
    let other = bench.guest.create_process(2, "other");
    let device = bench.guest.create_device(0, other, 2);
    let reply = open(&mut bench, other, [device, fence.global, 0, 3]);
    assert_eq!(word(&reply, 4), 0, "status");
    assert_ne!(word(&reply, 0), 0);
    assert_eq!((long(&reply, 8), long(&reply, 16)), (fence.gpu, fence.page));
    assert_eq!(bench.signal_now(fence.handle, 6), 0);
    assert_eq!(bench.value(long(&reply, 16)), 6);
    // It lives as long as one of them has it.
    assert_eq!(bench.guest.destroy_process(bench.process), 0);
    assert_eq!(bench.guest.host.report().leftovers.fences, 1);
    assert_eq!(bench.value(fence.page), 6);
    assert_eq!(bench.guest.destroy_process(other), 0);
    assert!(bench.guest.host.report().verdict().is_clean());
}

#[test]
fn an_nt_handle_keeps_it_alive() {
    let mut bench = Bench::new();
    let fence = bench.shared_fence(5);
    let process = bench.process;
    let first = nt_handle(&mut bench, process, fence.handle);
    let second = nt_handle(&mut bench, process, fence.handle);
    assert!(first != 0 && second != 0 && first != second);
    assert_eq!(bench.guest.destroy_process(process), 0);
    let report = bench.guest.host.report();
    assert_eq!(report.leftovers.shared_objects, 2);
    assert!(report
        .verdict()
        .reasons
        .contains(&"2 shared objects left".to_owned()));
    // A later process still finds it.
    let other = bench.guest.create_process(2, "other");
    let device = bench.guest.create_device(0, other, 2);
    let reply = open(&mut bench, other, [device, fence.global, 1, 0x13]);
    assert_eq!(word(&reply, 4), 0);
    let opened = word(&reply, 0);
    assert_eq!(destroy_nt(&mut bench, first), 0);
    assert_eq!(destroy_nt(&mut bench, first), INVALID_PARAMETER);
    assert_eq!(destroy_nt(&mut bench, second), 0);
    assert_eq!(
        word(&bench.guest.global(1003, other, &words(&[opened])), 0),
        0
    );
    // Now it is gone, and a late driver is not to blame.
    let reply = open(&mut bench, other, [device, fence.global, 0, 0]);
    assert_eq!((word(&reply, 0), word(&reply, 4)), (0, INVALID_PARAMETER));
    bench.guest.assert_clean();
    assert_eq!(bench.guest.host.report().leftovers, Default::default());
}

#[test]
fn opening_is_checked() {
    let mut bench = Bench::new();
    let fence = bench.shared_fence(0);
    let (process, device) = (bench.process, bench.device);
    let elsewhere = bench.guest.create_device(1, process, 1);
    for fields in [
        [elsewhere, fence.global, 0, 3],
        [device, fence.global, 2, 3],
        [device, fence.global, 0, 1 << 9],
        [device, fence.global, 0, 0x30],
    ] {
        let reply = open(&mut bench, process, fields);
        assert_eq!((word(&reply, 0), word(&reply, 4)), (0, INVALID_PARAMETER));
    }
    bench.guest.assert_clean();
    for fields in [
        [0x7FC0, fence.global, 0, 3],
        [device, fence.handle | 0x3FC0, 0, 3],
        [device, process, 0, 3],
    ] {
        let reply = open(&mut bench, process, fields);
        assert_eq!((word(&reply, 0), word(&reply, 4)), (0, INVALID_HANDLE));
    }
    assert_eq!(bench.guest.violations().len(), 3);
}

#[test]
fn what_was_opened_allows_what_its_flags_say() {
    let mut bench = Bench::new();
    let fence = bench.shared_fence(0);
    let (process, device) = (bench.process, bench.device);
    let opened = open(&mut bench, process, [device, fence.global, 0, 0x13]);
    let opened = word(&opened, 0);
    assert_eq!(bench.signal_now(opened, 1), ACCESS_DENIED);
    assert_eq!(bench.wait(9, 0, &[(opened, 1)]), 0);
    assert_eq!(bench.signal_now(fence.handle, 1), 0);
    assert_eq!(bench.events(), [9]);
    // It can be shared on, whatever its flags.
    let plain = open(&mut bench, process, [device, fence.global, 0, 0]);
    let nt = nt_handle(&mut bench, process, word(&plain, 0));
    assert_ne!(nt, 0);
    assert_eq!(destroy_nt(&mut bench, nt), 0);
    // A wait ends with the handle that it was begun with, and with no other.
    assert_eq!(bench.wait(10, 0, &[(opened, 2)]), 0);
    assert_eq!(bench.wait(11, 0, &[(fence.handle, 2)]), 0);
    assert_eq!(bench.destroy_sync(opened), 0);
    assert_eq!(bench.events(), [10]);
    bench.end();
}

#[test]
fn not_everything_can_be_shared() {
    let mut bench = Bench::new();
    let private = bench.fence(0).handle;
    let (process, device) = (bench.process, bench.device);
    for object in [private, device, 0, 0x7FC0] {
        assert_eq!(nt_handle(&mut bench, process, object), 0);
    }
    bench.guest.assert_clean();
    assert_eq!(destroy_nt(&mut bench, process), INVALID_HANDLE);
    assert_eq!(destroy_nt(&mut bench, 0x3FC0), INVALID_HANDLE);
    assert_eq!(bench.guest.violations().len(), 2);
}

#[test]
fn the_host_learns_of_objects() {
    let mut bench = Bench::new();
    let (first, second) = (bench.shared_fence(0), bench.shared_fence(0));
    let private = bench.fence(0).handle;
    let process = bench.process;
    let elsewhere = bench.guest.create_device(1, process, 1);
    let share = |bench: &mut Bench, device: u32, object: u32| {
        let body = words(&[device, object, 0, 0]);
        let reply = bench.guest.global(1021, process, &body);
        assert_eq!(reply.len(), 16);
        (word(&reply, 0), long(&reply, 8))
    };
    let device = bench.device;
    let (status, one) = share(&mut bench, device, first.handle);
    assert_eq!(status, 0);
    assert_ne!(one, 0);
    let two = share(&mut bench, device, second.handle);
    assert!(two.0 == 0 && two.1 != one);
    assert_eq!(share(&mut bench, device, first.handle), (0, one));
    // Nobody checks what a user says before us.
    for (device, object) in [
        (device, private),
        (device, device),
        (device, 0),
        (0, first.handle),
        (first.handle, first.handle),
        (elsewhere, first.handle),
    ] {
        assert_eq!(share(&mut bench, device, object), (INVALID_PARAMETER, 0));
    }
    bench.end();
}

#[test]
fn shared_objects_of_every_type() {
    let mut bench = Bench::new();
    let (process, device) = (bench.process, bench.device);
    for (kind, info) in [(1, words(&[0])), (2, words(&[1, 0])), (3, words(&[1, 0]))] {
        let shared = bench.try_sync(kind, 3, &info).unwrap();
        let reply = open(&mut bench, process, [device, shared.global, 0, 3]);
        assert_eq!((word(&reply, 4), long(&reply, 16)), (0, 0), "type {kind}");
        assert_ne!(word(&reply, 0), shared.handle);
    }
    bench.end();
}
