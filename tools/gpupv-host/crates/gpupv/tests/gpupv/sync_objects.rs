// SPDX-License-Identifier: GPL-2.0
//! Sync objects of every type: made, refused, destroyed.

use crate::bench::{Bench, INVALID_PARAMETER};
use crate::guest::words;

#[test]
fn every_type_is_made() {
    let mut bench = Bench::new();
    for (kind, info) in [
        (1, words(&[1])),
        (2, words(&[4, 4])),
        (3, words(&[5, 0])),
        (4, words(&[77, 0])),
    ] {
        let sync = bench.try_sync(kind, 0, &info).unwrap();
        assert_ne!(sync.handle, 0);
        assert_eq!((sync.global, sync.gpu, sync.page), (0, 0, 0), "type {kind}");
    }
    let start = 0x1234_5678_9ABC_DEF0u64;
    let monitored = bench.try_sync(5, 0, &start.to_le_bytes()).unwrap();
    assert_eq!(bench.value(monitored.page), start);
    let periodic = bench.try_sync(6, 0, &[0; 40]).unwrap();
    assert_ne!(monitored.page, periodic.page);
    assert_ne!(monitored.gpu, periodic.gpu);
    bench.await_at_least(periodic.page, 2);
    bench.end();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut bench = Bench::new();
    let affinity = {
        let mut info = vec![0; 24];
        info.extend(words(&[2]));
        info
    };
    let late = {
        let mut info = words(&[0, 0]);
        info.extend(166_667u64.to_le_bytes());
        info
    };
    for (kind, flags, info) in [
        (0, 0, vec![]),
        (7, 0, vec![]),
        (u32::MAX, 0, vec![]),
        (2, 0, words(&[3, 4])),
        (2, 0, words(&[0, 1])),
        (4, 3, words(&[77, 0])),
        (5, 0, affinity),
        (5, 1 << 8, vec![]),
        (5, 1 << 9, vec![]),
        (5, 1 << 11, vec![]),
        (5, 1 << 31, vec![]),
        (5, 1, vec![]),
        (5, 2, vec![]),
        (5, 0x30, vec![]),
        (6, 0, words(&[0, 1])),
        (6, 0, late),
    ] {
        assert!(bench.try_sync(kind, flags, &info).is_none(), "{kind}");
    }
    bench.guest.assert_clean();
    assert!(bench.try_sync(4, 0, &[]).is_none(), "an event without id");
    let mut body = bench.sync_body(5, 0, &[]);
    body[..4].copy_from_slice(&0x7FC0u32.to_le_bytes());
    assert!(bench.vgpu(8, &body).is_empty());
    assert!(bench.vgpu(8, &body[..90]).is_empty());
    assert_eq!(bench.guest.violations().len(), 3);
    assert_eq!(bench.guest.host.report().leftovers.io_pages, 0);
}

#[test]
fn destroying_is_done_once() {
    let mut bench = Bench::new();
    let fence = bench.fence(1);
    assert_eq!(bench.destroy_sync(fence.handle), 0);
    // A driver may pass on what a user said.
    for wrong in [fence.handle, 0, 0x7FC0, bench.device] {
        assert_eq!(bench.destroy_sync(wrong), INVALID_PARAMETER);
    }
    // The page is used again, and nothing is left in it.
    let again = bench.fence(0);
    assert_eq!((again.page, bench.value(again.page)), (fence.page, 0));
    bench.end();
}

#[test]
fn watched_ones_die_with_the_device_and_others_with_the_process() {
    let mut bench = Bench::new();
    let fence = bench.fence(1);
    let mutex = bench.try_sync(1, 0, &[]).unwrap();
    assert_eq!(bench.status(1, &words(&[bench.device, 0])), 0);
    assert_eq!(bench.destroy_sync(fence.handle), INVALID_PARAMETER);
    assert_eq!(bench.guest.host.object_counter().count(), 1);
    assert_eq!(bench.destroy_sync(mutex.handle), 0);
    bench.device = bench.guest.create_device(0, bench.process, 1);
    bench.try_sync(2, 0, &words(&[1, 1])).unwrap();
    bench.guest.close_adapter(0);
    assert_eq!(bench.guest.host.object_counter().count(), 0);
    bench.end();
}

#[test]
fn without_an_io_space_there_are_no_fences() {
    let mut guest = crate::guest::Guest::new(gpupv::Config::default());
    guest.open_adapter(0);
    let process = guest.create_process(1, "early");
    let device = guest.create_device(0, process, 1);
    assert!(guest
        .vgpu(0, 9, process, &words(&[device, 0, 0, 0, 0, 0, 0]))
        .is_empty());
    guest.assert_clean();
}
