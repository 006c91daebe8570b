// SPDX-License-Identifier: GPL-2.0
//! Contexts, their priorities, and work for them.

use gpupv::Config;

use crate::bench::{submission, Bench, DEVICE_REMOVED, INVALID_HANDLE, INVALID_PARAMETER};
use crate::guest::{word, words};

#[test]
fn made_and_destroyed() {
    let mut bench = Bench::new();
    let (first, second) = (bench.context(0), bench.context(0));
    assert_ne!(first, second);
    assert_eq!(bench.status(7, &words(&[first])), 0);
    assert_eq!(bench.status(7, &words(&[first, 0])), INVALID_PARAMETER);
    bench.guest.assert_clean();
    for wrong in [bench.device, 0x7FC0, 0] {
        assert_eq!(bench.status(7, &words(&[wrong, 0])), INVALID_HANDLE);
    }
    assert_eq!(bench.guest.violations().len(), 3);
    // The rest goes with the device.
    assert_eq!(bench.status(1, &words(&[bench.device, 0])), 0);
    assert_eq!(bench.guest.host.object_counter().count(), 0);
}

#[test]
fn the_request_comes_back_with_a_handle_and_data() {
    let mut bench = Bench::new();
    let mut data = b"GPVQ".to_vec();
    data.extend([0; 9]);
    let mut body = words(&[0, bench.device, 1, 1, 4, 5, 13]);
    body.extend(&data);
    let reply = bench.vgpu(6, &body);
    assert_eq!(reply.len(), 55 + 13);
    let context = word(&reply, 24);
    assert_eq!(reply[28..52], body[4..28]);
    assert_eq!((&reply[52..56], word(&reply, 56)), (&b"GPVQ"[..], context));
    assert_eq!(reply[60..], [0; 8]);
    // Data of another kind, or without room, are as they were.
    for data in [&b"other data"[..], b"GPVQ", b"GPVQ123", b""] {
        let (context, back) = bench.try_context([bench.device, 0, 0, 0, 0], data);
        assert_ne!(context, 0);
        assert_eq!(back, data);
    }
    bench.end();
}

#[test]
fn what_users_choose_is_refused_without_a_fault() {
    let mut bench = Bench::new();
    let device = bench.device;
    let engines = Config::default().adapters[0].engines.len() as u32;
    for fields in [
        [device, engines, 0, 0, 0],
        [device, u32::MAX, 0, 0, 0],
        [device, 0, 2, 0, 0],
        [device, 0, 0, 1 << 5, 0],
        [device, 0, 0, 1 << 31, 0],
    ] {
        let (context, data) = bench.try_context(fields, b"data");
        assert_eq!((context, &data[..]), (0, &b"data"[..]), "{fields:?}");
    }
    let (last, _) = bench.try_context([device, engines - 1, 1, 0x1F, 99], &[]);
    assert_ne!(last, 0);
    bench.end();
}

#[test]
fn hardware_queues_need_an_adapter_that_schedules() {
    let mut config = Config::default();
    config.adapters[0].hardware_scheduling = false;
    let mut bench = Bench::with(config);
    let (context, _) = bench.try_context([bench.device, 0, 0, 1 << 4, 0], &[]);
    assert_eq!(context, 0);
    bench.end();
}

#[test]
fn what_drivers_guarantee_is_a_fault() {
    let mut bench = Bench::new();
    // More data than there are.
    let body = words(&[0, bench.device, 0, 0, 0, 0, 64]);
    assert_eq!(word(&bench.vgpu(6, &body), 24), 0);
    // No device, and none of this adapter.
    let other = bench.guest.create_device(1, bench.process, 1);
    for device in [0, 0x7FC0, other] {
        assert_eq!(bench.try_context([device, 0, 0, 0, 0], &[]).0, 0);
    }
    assert_eq!(bench.guest.violations().len(), 4);
}

#[test]
fn priorities_are_kept_apart() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let get = |bench: &mut Bench, in_process: u32| {
        let reply = bench.vgpu(61, &words(&[context, in_process]));
        assert_eq!((reply.len(), word(&reply, 0)), (8, 0));
        word(&reply, 4) as i32
    };
    assert_eq!((get(&mut bench, 0), get(&mut bench, 1)), (0, 0));
    let set = |bench: &mut Bench, priority: i32, in_process: u32| {
        bench.status(33, &words(&[context, priority as u32, in_process, 0]))
    };
    assert_eq!(set(&mut bench, -7, 0), 0);
    assert_eq!(set(&mut bench, 7, 1), 0);
    for beyond in [8, -8, i32::MAX, i32::MIN] {
        assert_eq!(set(&mut bench, beyond, 0), INVALID_PARAMETER);
        assert_eq!(set(&mut bench, beyond, 1), INVALID_PARAMETER);
    }
    assert_eq!((get(&mut bench, 0), get(&mut bench, 1)), (-7, 7));
    bench.guest.assert_clean();
    assert_eq!(set(&mut bench, 0, 2), INVALID_PARAMETER, "no truth value");
    let reply = bench.vgpu(61, &words(&[0x7FC0, 0]));
    assert_eq!((reply.len(), word(&reply, 0)), (8, INVALID_HANDLE));
    assert_eq!(bench.guest.violations().len(), 2);
}

#[test]
fn work_is_taken_and_done() {
    let mut bench = Bench::new();
    let (first, second) = (bench.context(0), bench.context(0));
    let fence = bench.fence(0);
    for value in 1..=20 {
        assert_eq!(bench.submit(&[first, second]), 0);
        assert_eq!(bench.signal_in(second, fence.handle, value), 0);
    }
    bench.await_value(fence.page, 20);
    // With data and history, to the last byte.
    let mut body = submission(&[first], 1, &[], &[]);
    body[320 - 24] = 5;
    body.extend(b"bytes");
    assert_eq!(bench.status(20, &body), 0);
    bench.end();
}

#[test]
fn work_is_refused() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let for_hw = bench.context(1 << 4);
    let device = bench.device;
    for body in [
        submission(&[context], 1 << 2, &[], &[]),
        submission(&[context], 0, &[device], &[]),
        submission(&[context], 0, &[0], &[]),
        submission(&[context], 0, &[0; 17], &[]),
        submission(&[context], 0, &[], &[device]),
        submission(&[context, device], 0, &[], &[]),
        submission(&[context, 0], 0, &[], &[]),
        submission(&[context, for_hw], 0, &[], &[]),
        submission(&[for_hw], 0, &[], &[]),
    ] {
        assert_eq!(bench.status(20, &body), INVALID_PARAMETER);
    }
    bench.guest.assert_clean();
    for (body, status) in [
        (submission(&[], 0, &[], &[]), INVALID_PARAMETER),
        (submission(&[context; 65], 0, &[], &[]), INVALID_PARAMETER),
        (
            submission(&[context], 0, &[], &[device; 1025]),
            INVALID_PARAMETER,
        ),
        (submission(&[device], 0, &[], &[]), INVALID_HANDLE),
        (submission(&[0], 0, &[], &[]), INVALID_HANDLE),
    ] {
        assert_eq!(bench.status(20, &body), status);
    }
    let mut short = submission(&[context], 0, &[], &[]);
    short[320 - 24] = 9;
    assert_eq!(bench.status(20, &short), INVALID_PARAMETER);
    assert_eq!(bench.guest.violations().len(), 6);
}

#[test]
fn a_device_that_was_given_up_takes_no_work() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let (fence, kept) = (bench.fence(0), bench.try_sync(5, 1 << 6, &[0; 8]).unwrap());
    assert_eq!(bench.wait(2, 0, &[(fence.handle, 1 << 60)]), 0);
    assert_eq!(bench.wait_in(context, 0, &[(fence.handle, 5)]), 0);
    assert_eq!(bench.signal_in(context, kept.handle, 5), 0);
    let body = words(&[bench.device, 0x8000_0000]);
    assert_eq!(bench.status(29, &body), 0);
    let news = bench.guest.global.unasked();
    let kinds: Vec<u32> = news.iter().map(|message| word(message, 16)).collect();
    assert_eq!(kinds.len(), 2, "one of the device, one of the wait");
    assert!(kinds.contains(&0) && kinds.contains(&2));
    assert_eq!(bench.value(fence.page), u64::MAX);
    assert_eq!(bench.value(kept.page), 0, "it asked for that");
    assert_eq!(bench.submit(&[context]), DEVICE_REMOVED);
    assert_eq!(bench.try_context([bench.device, 0, 0, 0, 0], &[]).0, 0);
    assert!(bench.try_sync(5, 0, &[]).is_none());
    bench.end();
}
