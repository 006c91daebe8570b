// SPDX-License-Identifier: GPL-2.0
//! Hardware queues, paging queues, and their fences.

use crate::bench::{Bench, Queue, DEVICE_REMOVED, INVALID_HANDLE, INVALID_PARAMETER};
use crate::guest::{long, word, words};

#[test]
fn a_paging_queue_has_a_fence() {
    let mut bench = Bench::new();
    let (first, second) = (bench.paging_queue(), bench.paging_queue());
    let handles = [first.handle, first.fence, second.handle, second.fence];
    assert!(handles.iter().all(|&handle| handle != 0));
    assert_ne!(first.page, second.page);
    assert_eq!((bench.value(first.page), bench.value(second.page)), (0, 0));
    assert_eq!(bench.guest.host.object_counter().count(), 5);
    assert_eq!(bench.status(10, &words(&[first.handle])), 0);
    assert_eq!(bench.guest.host.object_counter().count(), 3);
    assert_eq!(bench.status(10, &words(&[first.handle])), INVALID_PARAMETER);
    // The page goes to the next one.
    assert_eq!(bench.paging_queue().page, first.page);
    // The fence is none of the user's sync objects.
    assert_eq!(bench.destroy_sync(second.fence), INVALID_PARAMETER);
    bench.guest.assert_clean();
    assert_eq!(bench.status(10, &words(&[second.fence])), INVALID_HANDLE);
    assert_eq!(bench.guest.violations().len(), 1);
}

#[test]
fn paging_queues_are_refused() {
    let mut bench = Bench::new();
    let device = bench.device;
    for (priority, physical) in [(2, 0), (-2, 0), (i32::MAX, 0), (0, 1)] {
        let body = words(&[device, priority as u32, 0, 0, 0, 0, physical]);
        assert!(bench.vgpu(9, &body).is_empty());
    }
    for priority in [-1, 1] {
        let body = words(&[device, priority as u32, 7, 7, 7, 7, 0]);
        assert_eq!(bench.vgpu(9, &body).len(), 24);
    }
    bench.guest.assert_clean();
    let body = words(&[0x7FC0, 0, 0, 0, 0, 0, 0]);
    assert!(bench.vgpu(9, &body).is_empty());
    assert_eq!(bench.guest.violations().len(), 1);
}

#[test]
fn the_window_is_all_there_is() {
    let config = gpupv::Config {
        io_space_mib: 1,
        ..gpupv::Config::default()
    };
    let mut bench = Bench::with(config);
    let range = bench.guest.window.range();
    assert_eq!(
        range.end - range.start,
        (1 << 20) - 4096,
        "not the last page"
    );
    let mut queues: Vec<Queue> = Vec::new();
    for _ in 0..255 {
        queues.push(bench.paging_queue());
    }
    let mut pages: Vec<u64> = queues.iter().map(|queue| queue.page).collect();
    pages.sort_unstable();
    pages.dedup();
    assert_eq!(pages.len(), 255);
    assert!(pages.iter().all(|page| range.contains(page)));
    let body = words(&[bench.device, 0, 0, 0, 0, 0, 0]);
    assert!(bench.vgpu(9, &body).is_empty(), "full");
    assert!(bench.try_sync(5, 0, &[]).is_none());
    assert!(bench.try_sync(1, 0, &[]).is_some(), "needs no page");
    assert_eq!(bench.guest.host.report().leftovers.io_pages, 255);
    assert_eq!(bench.status(10, &words(&[queues[7].handle])), 0);
    assert_eq!(bench.paging_queue().page, queues[7].page);
    bench.end();
}

#[test]
fn a_hardware_queue_has_a_progress_fence() {
    let mut bench = Bench::new();
    let context = bench.context(1 << 4);
    let mut data = b"GPVQ".to_vec();
    data.extend([0; 6]);
    let reply = bench.try_hw_queue(context, 1, &data);
    assert_eq!(word(&reply, 24), 0);
    let queue = word(&reply, 28);
    assert_eq!((word(&reply, 56), word(&reply, 60)), (context, 1));
    assert_eq!((word(&reply, 64), word(&reply, 72)), (10, queue));
    assert_ne!(long(&reply, 48), 0, "GPU address");
    let page = long(&reply, 40);
    for value in [1, 2, 10, 11] {
        assert_eq!(bench.submit_to_hw_queue(queue, value), 0);
    }
    bench.await_value(page, 11);
    // Never back, never twice.
    for value in [0, 11, 5] {
        assert_eq!(bench.submit_to_hw_queue(queue, value), INVALID_PARAMETER);
    }
    assert_eq!(bench.status(51, &words(&[queue])), 0);
    assert_eq!(bench.submit_to_hw_queue(queue, 12), INVALID_PARAMETER);
    bench.end();
}

#[test]
fn hardware_queues_are_refused() {
    let mut bench = Bench::new();
    let plain = bench.context(0);
    let context = bench.context(1 << 4);
    for (context, flags) in [(plain, 0), (context, 2), (context, 1 << 31)] {
        let reply = bench.try_hw_queue(context, flags, b"abc");
        assert_eq!(word(&reply, 24), INVALID_PARAMETER);
        assert_eq!(reply[28..56], [0; 28]);
        assert_eq!(reply[68..71], *b"abc");
    }
    bench.guest.assert_clean();
    let reply = bench.try_hw_queue(bench.device, 0, &[]);
    assert_eq!(word(&reply, 24), INVALID_HANDLE);
    assert_eq!(bench.submit_to_hw_queue(context, 1), INVALID_HANDLE);
    assert_eq!(bench.status(51, &words(&[context])), INVALID_HANDLE);
    // More data than there are.
    let body = words(&[0, 0, 0, 0, 0, 0, 0, 0, context, 0, 90]);
    assert_eq!(word(&bench.vgpu(50, &body), 24), INVALID_PARAMETER);
    assert_eq!(bench.guest.violations().len(), 4);
}

#[test]
fn work_for_hardware_queues_is_checked() {
    let mut bench = Bench::new();
    let queue = bench.hw_queue();
    let submission = |primaries: &[u32], data: u32, tail: &[u8]| {
        let mut body = words(&[queue.handle, 0, 1, 0, 0, 0, 0, data, 0, 0]);
        body.extend(words(&[primaries.len() as u32, 0, 0, 0]));
        body.extend(words(primaries));
        body.extend(tail);
        body
    };
    let device = bench.device;
    let body = submission(&[device], 0, &[]);
    assert_eq!(bench.status(52, &body), INVALID_PARAMETER);
    bench.guest.assert_clean();
    let mut short = submission(&[], 0, &[]);
    short[64 - 24] = 9;
    assert_eq!(bench.status(52, &short), INVALID_PARAMETER);
    let short = submission(&[], 100, &[]);
    assert_eq!(bench.status(52, &short), INVALID_PARAMETER);
    let much = submission(&[], (128 << 10) + 1, &[]);
    assert_eq!(bench.status(52, &much), INVALID_PARAMETER);
    assert_eq!(bench.guest.violations().len(), 3);
    // None of these counted.
    let good = submission(&[], 3, b"xyz");
    assert_eq!(bench.status(52, &good), 0);
    bench.await_value(queue.page, 1);
    let body = words(&[device, 0x8000_0006]);
    assert_eq!(bench.status(29, &body), 0);
    assert_eq!(bench.submit_to_hw_queue(queue.handle, 2), DEVICE_REMOVED);
    assert_eq!(bench.value(queue.page), u64::MAX);
}

#[test]
fn queues_go_with_their_context_and_device() {
    let mut bench = Bench::new();
    let queue = bench.hw_queue();
    let gate = bench.fence(0);
    // Work that will never be done.
    assert_eq!(bench.wait_in(queue.handle, 0, &[(gate.handle, 1)]), 0);
    assert_eq!(bench.submit_to_hw_queue(queue.handle, 1), 0);
    let report = bench.guest.host.report();
    assert_eq!(report.processes_left[0].objects["hardware queue"], 1);
    assert_eq!(report.leftovers.io_pages, 2);
    assert_eq!(bench.status(51, &words(&[queue.handle])), 0);
    assert_eq!(bench.guest.host.report().leftovers.io_pages, 1);
    // The same with the context.
    let context = bench.context(1 << 4);
    let other = word(&bench.try_hw_queue(context, 0, &[]), 28);
    assert_eq!(bench.wait_in(other, 0, &[(gate.handle, 1)]), 0);
    assert_eq!(bench.status(7, &words(&[context])), 0);
    assert_eq!(bench.submit_to_hw_queue(other, 1), INVALID_PARAMETER);
    assert_eq!(bench.guest.host.report().leftovers.io_pages, 1);
    bench.hw_queue();
    bench.paging_queue();
    assert_eq!(bench.status(1, &words(&[bench.device, 0])), 0);
    assert_eq!(bench.guest.host.object_counter().count(), 0);
    assert_eq!(bench.guest.host.report().leftovers.io_pages, 0);
    bench.end();
}

#[test]
fn flushing_waits_for_work_in_progress() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let fence = bench.fence(0);
    let body = words(&[bench.device, 4]);
    for value in 1..=10 {
        for _ in 0..5 {
            assert_eq!(bench.submit(&[context]), 0);
        }
        assert_eq!(bench.signal_in(context, fence.handle, value), 0);
        let answers = bench.guest.vgpu_later(0, 42, bench.process, &body);
        assert_eq!(answers, words(&[0]));
        assert_eq!(bench.value(fence.page), value, "done before the answer");
    }
    // What cannot go on is not in progress.
    assert_eq!(bench.wait_in(context, 0, &[(fence.handle, 99)]), 0);
    assert_eq!(bench.submit(&[context]), 0);
    let answers = bench.guest.vgpu_later(0, 42, bench.process, &body);
    assert_eq!(answers, words(&[0]));
    bench.end();
}
