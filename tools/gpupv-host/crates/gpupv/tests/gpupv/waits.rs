// SPDX-License-Identifier: GPL-2.0
//! Waits, of CPUs and of queues.

use crate::bench::{Bench, ACCESS_DENIED, INVALID_HANDLE, INVALID_PARAMETER};
use crate::guest::{words, Guest};

const ANY: u32 = 1;

#[test]
fn a_cpu_waits_for_all_or_any() {
    let mut bench = Bench::new();
    let (a, b) = (bench.fence(0), bench.fence(0));
    let both = [(a.handle, 2), (b.handle, 2)];
    assert_eq!(bench.wait(2, 0, &both), 0);
    assert_eq!(bench.wait(3, ANY, &both), 0);
    assert_eq!(bench.wait(4, 0, &[(a.handle, 0)]), 0);
    assert_eq!(bench.events(), [4], "it was over already");
    assert_eq!(bench.signal_now(a.handle, 1), 0);
    assert!(bench.events().is_empty());
    assert_eq!(bench.signal_now(b.handle, 2), 0);
    assert_eq!(bench.events(), [3]);
    assert_eq!(bench.signal_now(a.handle, 100), 0);
    assert_eq!(bench.events(), [2]);
    assert_eq!(bench.signal_now(a.handle, 101), 0);
    assert!(bench.events().is_empty(), "each one once");
    bench.end();
}

#[test]
fn a_cpu_waits_for_work() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let fence = bench.fence(0);
    for value in 1..=10 {
        assert_eq!(bench.submit(&[context]), 0);
        assert_eq!(bench.signal_in(context, fence.handle, value), 0);
        assert_eq!(bench.wait(value, 0, &[(fence.handle, value)]), 0);
        bench.await_event(value);
        assert_eq!(bench.value(fence.page), value);
    }
    // Fences of queues can be waited for, too.
    let queue = bench.hw_queue();
    assert_eq!(bench.wait(50, 0, &[(queue.fence, 3)]), 0);
    assert_eq!(bench.submit_to_hw_queue(queue.handle, 3), 0);
    bench.await_event(50);
    let periodic = bench.try_sync(6, 0, &[0; 40]).unwrap();
    assert_eq!(bench.wait(51, 0, &[(periodic.handle, 2)]), 0);
    bench.await_event(51);
    bench.end();
}

#[test]
fn destroying_an_object_ends_the_waits_for_it() {
    let mut bench = Bench::new();
    let (a, b) = (bench.fence(0), bench.fence(0));
    assert_eq!(bench.wait(2, 0, &[(a.handle, 1), (b.handle, 1)]), 0);
    assert_eq!(bench.destroy_sync(a.handle), 0);
    assert_eq!(bench.events(), [2]);
    bench.end();
}

#[test]
fn a_device_or_process_takes_its_waits_along() {
    let mut bench = Bench::new();
    let fence = bench.shared_fence(0);
    assert_eq!(bench.wait(2, 0, &[(fence.handle, 1)]), 0);
    let other = bench.guest.create_device(0, bench.process, 2);
    let body = words(&[other, fence.global, 0, 3]);
    let opened = bench.guest.global(1002, bench.process, &body);
    let opened = crate::guest::word(&opened, 0);
    assert_eq!(bench.status(1, &words(&[bench.device, 0])), 0);
    assert!(bench.events().is_empty());
    bench.device = other;
    assert_eq!(bench.wait(3, 0, &[(opened, 1)]), 0);
    assert_eq!(bench.guest.host.report().leftovers.waits, 1);
    assert_eq!(bench.guest.destroy_process(bench.process), 0);
    assert!(bench.events().is_empty());
    assert!(bench.guest.host.report().verdict().is_clean());
}

#[test]
fn waits_of_cpus_are_checked() {
    let mut bench = Bench::new();
    let fence = bench.fence(0).handle;
    let context = bench.context(0);
    let mutex = bench.try_sync(1, 0, &[]).unwrap().handle;
    let old = bench.try_sync(3, 0, &[0; 8]).unwrap().handle;
    let deaf = bench.try_sync(5, 1 << 5, &[]).unwrap().handle;
    assert_eq!(bench.wait(2, 0, &[(deaf, 0)]), ACCESS_DENIED);
    for object in [mutex, old, context, bench.device, 0, 0x7FC0] {
        let conditions = [(fence, 0), (object, 0)];
        assert_eq!(bench.wait(2, ANY, &conditions), INVALID_PARAMETER);
    }
    assert_eq!(bench.wait(2, 2, &[(fence, 0)]), INVALID_PARAMETER);
    assert!(bench.events().is_empty(), "a refused wait has no event");
    bench.guest.assert_clean();
    assert_eq!(bench.wait(0, 0, &[(fence, 0)]), INVALID_PARAMETER);
    assert_eq!(bench.wait(2, 0, &[]), INVALID_PARAMETER);
    let device = std::mem::replace(&mut bench.device, 0x7FC0);
    assert_eq!(bench.wait(2, 0, &[(fence, 0)]), INVALID_HANDLE);
    let short = words(&[device, 9, 0, 0, 2, 0, 0, 0, fence]);
    assert_eq!(bench.status(22, &short), INVALID_PARAMETER);
    assert_eq!(bench.guest.violations().len(), 4);
}

#[test]
fn queues_wait_and_others_go_on() {
    let mut bench = Bench::new();
    let (held, free) = (bench.context(0), bench.context(0));
    let (gate, one, two) = (bench.fence(0), bench.fence(0), bench.fence(0));
    assert_eq!(bench.wait_in(held, 0, &[(gate.handle, 3)]), 0);
    assert_eq!(bench.submit(&[held]), 0);
    assert_eq!(bench.signal_in(held, one.handle, 1), 0);
    assert_eq!(bench.submit(&[free]), 0);
    assert_eq!(bench.signal_in(free, two.handle, 1), 0);
    bench.await_value(two.page, 1);
    assert_eq!(bench.value(one.page), 0);
    // One queue lets the other go on.
    assert_eq!(bench.signal_in(free, gate.handle, 3), 0);
    bench.await_value(one.page, 1);
    bench.end();
}

#[test]
fn what_can_be_held_is_held_by_one() {
    let mut bench = Bench::new();
    let queues = [bench.context(0), bench.context(0)];
    let semaphore = bench.try_sync(2, 0, &words(&[2, 1])).unwrap().handle;
    let fences = [bench.fence(0), bench.fence(0)];
    for (queue, fence) in queues.into_iter().zip(fences) {
        assert_eq!(bench.wait_in(queue, 1, &[(semaphore, 0)]), 0);
        assert_eq!(bench.signal_in(queue, fence.handle, 1), 0);
    }
    assert_eq!(
        (bench.value(fences[0].page), bench.value(fences[1].page)),
        (1, 0)
    );
    let release = crate::bench::Signal {
        objects: &[semaphore],
        queues: &queues[..1],
        ..Default::default()
    };
    assert_eq!(bench.signal(&release), 0);
    assert_eq!(bench.value(fences[1].page), 1);
    bench.end();
}

#[test]
fn waits_of_queues_are_checked() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let fence = bench.fence(0).handle;
    let mutex = bench.try_sync(1, 0, &[]).unwrap().handle;
    let deaf = bench.try_sync(5, 1 << 5, &[]).unwrap().handle;
    assert_eq!(bench.wait_in(context, 0, &[(deaf, 0)]), ACCESS_DENIED);
    for (legacy, object) in [(1, fence), (0, mutex), (0, 0), (0, context), (1, 0x7FC0)] {
        let status = bench.wait_in(context, legacy, &[(object, 0)]);
        assert_eq!(status, INVALID_PARAMETER, "{object:#x}");
    }
    bench.guest.assert_clean();
    assert_eq!(bench.wait_in(context, 2, &[(fence, 0)]), INVALID_PARAMETER);
    assert_eq!(bench.wait_in(context, 0, &[]), INVALID_PARAMETER);
    assert_eq!(
        bench.wait_in(context, 0, &[(fence, 0); 33]),
        INVALID_PARAMETER
    );
    assert_eq!(bench.wait_in(fence, 0, &[(fence, 0)]), INVALID_HANDLE);
    assert_eq!(bench.guest.violations().len(), 4);
    assert_eq!(bench.wait_in(context, 0, &[(fence, 0); 32]), 0);
}

#[test]
fn a_queued_wait_outlives_the_handle() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let (gate, done) = (bench.shared_fence(0), bench.fence(0));
    let body = words(&[bench.device, gate.global, 0, 0x13]);
    let opened = bench.guest.global(1002, bench.process, &body);
    let opened = crate::guest::word(&opened, 0);
    assert_eq!(bench.wait_in(context, 0, &[(opened, 1)]), 0);
    assert_eq!(bench.signal_in(context, done.handle, 1), 0);
    assert_eq!(bench.destroy_sync(opened), 0);
    assert_eq!(bench.value(done.page), 0, "it still waits");
    assert_eq!(bench.signal_now(gate.handle, 1), 0);
    assert_eq!(bench.value(done.page), 1);
    bench.end();
}

#[test]
fn old_guests_work_and_wait_too() {
    let mut bench = Bench::with(gpupv::Config {
        interface_version: 27,
        ..gpupv::Config::default()
    });
    let (queue, fence) = (bench.hw_queue(), bench.fence(0));
    assert_eq!(bench.submit_to_hw_queue(queue.handle, 1), 0);
    assert_eq!(bench.signal_in(queue.handle, fence.handle, 1), 0);
    assert_eq!(bench.wait(2, 0, &[(fence.handle, 1), (queue.fence, 1)]), 0);
    bench.await_event(2);
    bench.end();
}

#[test]
fn a_guest_that_is_gone_hears_nothing() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let fence = bench.fence(0);
    assert_eq!(bench.submit(&[context]), 0);
    assert_eq!(bench.signal_in(context, fence.handle, 1), 0);
    assert_eq!(bench.wait(2, 0, &[(fence.handle, 1)]), 0);
    let guest: &mut Guest = &mut bench.guest;
    guest.close_all(vmbus::Closed::Reset);
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert!(guest.global.unasked().is_empty());
    assert!(guest.window.range().is_empty(), "the window is empty");
    assert_eq!(guest.host.report().leftovers, Default::default());
}
