// SPDX-License-Identifier: GPL-2.0
//! What a host may do as well: each setting of the behaviour, and that it changes something.

use gpupv::{Behaviour, Config};

use crate::bench::{submission, Bench, INVALID_PARAMETER};
use crate::guest::{long, word, words};
use crate::memory_guest::*;

const SHARED: u32 = 3;

fn config(setting: &str) -> Config {
    let mut behaviour = Behaviour::default();
    behaviour.set(setting).unwrap();
    Config {
        behaviour,
        ..Config::default()
    }
}

#[test]
fn shared_objects_may_be_opened_on_another_adapter() {
    for (setting, works) in [("refuse", false), ("tolerate", true)] {
        let mut bench = Bench::with(config(&format!("cross-adapter={setting}")));
        let fence = bench.shared_fence(4);
        let other = bench.guest.create_device(1, bench.process, 2);
        let first = std::mem::replace(&mut bench.device, other);
        let opened = bench.open(fence.global, SHARED);
        assert_eq!(opened.is_some(), works);
        bench.device = first;
        if let Some(opened) = opened {
            // The second adapter's queues wait for the first one's fence.
            assert_eq!(opened.page, fence.page);
            let body = words(&[0, other, 0, 0, 0, 1, 0, 0]);
            let context = word(&bench.guest.vgpu(1, 6, bench.process, &body), 24);
            assert_ne!(context, 0);
            let mut body = words(&[context, 1, 0, 0]);
            body.extend(5u64.to_le_bytes());
            body.extend(words(&[opened.handle]));
            let status = bench.guest.vgpu(1, 25, bench.process, &body);
            assert_eq!(status, words(&[0]));
            assert_eq!(bench.signal_now(fence.handle, 5), 0);
        }
        bench.end();
    }
}

#[test]
fn a_fence_made_for_it_is_opened_on_another_adapter_by_default() {
    const CROSS_ADAPTER: u32 = 4;
    for (flag, works) in [(0, false), (CROSS_ADAPTER, true)] {
        let mut bench = Bench::new();
        let fence = bench
            .try_sync(5, SHARED | flag, &4u64.to_le_bytes())
            .unwrap();
        bench.device = bench.guest.create_device(1, bench.process, 2);
        assert_eq!(bench.open(fence.global, SHARED).is_some(), works);
        bench.end();
    }
}

#[test]
fn shared_resources_may_be_opened_on_another_adapter() {
    for (setting, works) in [("refuse", false), ("tolerate", true)] {
        let mut m = MemoryGuest::new(config(&format!("cross-adapter={setting}")));
        let process = m.process;
        let (resource, _) = m.create(0, SHARED_RESOURCE, &[local(4096)]);
        let share = m.guest.global(1004, process, &words(&[resource]));
        let nt = word(&share, 0);
        let other = m.guest.create_device(1, process, 2);
        let body = words(&[other, 1, nt, 1, 0]);
        let reply = m.guest.vgpu(1, 32, process, &body);
        let status = if works { 0 } else { INVALID_PARAMETER };
        assert_eq!(word(&reply, 4), status);
        if works {
            // It is memory of the first adapter all the same.
            let opened = word(&reply, 8);
            let (queue, _) = {
                let body = words(&[other, 0, 0, 0, 0, 0, 0]);
                let reply = m.guest.vgpu(1, 9, process, &body);
                (word(&reply, 0), long(&reply, 8))
            };
            let body = words(&[0, queue, 0, 1, opened]);
            let resident = m.guest.vgpu(1, 11, process, &body);
            assert_eq!(word(&resident, 16), INVALID_PARAMETER);
            for (number, body) in [
                (57, words(&[other, 1, 1, 0, 0, opened])),
                (58, words(&[other, queue, 1, 0, opened])),
            ] {
                let reply = m.guest.vgpu(1, number, process, &body);
                let at = if number == 57 { 0 } else { 8 };
                assert_eq!(word(&reply, at), INVALID_PARAMETER, "{number}");
            }
        }
        assert_eq!(word(&m.guest.global(1005, 0, &words(&[nt])), 0), 0);
        assert_eq!(m.guest.destroy_process(process), 0);
        let report = m.guest.host.report();
        assert_eq!(report.verdict().reasons, Vec::<String>::new());
    }
}

#[test]
fn null_may_be_refused_beside_a_count() {
    for (setting, refused) in [("accept", 0), ("refuse", INVALID_PARAMETER)] {
        let mut bench = Bench::with(config(&format!("null-pointers={setting}")));
        let (context, queue) = (bench.context(0), bench.hw_queue());
        let allocation = {
            let mut body = words(&[bench.device, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
            let data = local(4096);
            body.extend(words(&[0, data.len() as u32, 0]));
            body.extend(data);
            made(&bench.vgpu(4, &body), 1).1[0].handle
        };
        let put = |body: &mut Vec<u8>, at: usize, value: u64| {
            body[at - 24..at - 16].copy_from_slice(&value.to_le_bytes());
        };
        // Without anything to point to, a pointer is not needed.
        assert_eq!(bench.submit(&[context]), 0);
        let history = submission(&[context], 0, &[], &[allocation]);
        let mut data = submission(&[context], 0, &[], &[]);
        data[320 - 24..324 - 24].copy_from_slice(&4u32.to_le_bytes());
        data.extend([1, 2, 3, 4]);
        for (mut body, at) in [(history, 400), (data, 312)] {
            assert_eq!(bench.status(20, &body), refused, "pointer at {at}");
            put(&mut body, at, 0x7000_0000);
            assert_eq!(bench.status(20, &body), 0);
        }
        let hw = |value: u64, primaries: u32, data: u32| {
            let mut body = words(&[queue.handle, 0]);
            body.extend(value.to_le_bytes());
            body.extend(words(&[0, 0, 0, data, 0, 0, primaries, 0, 0, 0]));
            body.extend(words(&vec![allocation; primaries as usize]));
            body.extend(vec![9; data as usize]);
            body
        };
        for (mut body, at) in [(hw(1, 1, 0), 72), (hw(3, 0, 4), 56)] {
            assert_eq!(bench.status(52, &body), refused, "pointer at {at}");
            // A submission that was refused has not moved the fence.
            let next = long(&body, 8) + 1;
            put(&mut body, 32, next);
            put(&mut body, at, 0x7000_0000);
            assert_eq!(bench.status(52, &body), 0);
        }
        let residency = |allocations: u64, status: u64| {
            let mut body = words(&[bench.device, 0]);
            body.extend(allocations.to_le_bytes());
            body.extend(words(&[1, 0]));
            body.extend(status.to_le_bytes());
            body.extend(words(&[allocation]));
            body
        };
        let bodies = [residency(0, 1), residency(1, 0), residency(1, 1)];
        let statuses = bodies.map(|body| word(&bench.vgpu(41, &body), 0));
        assert_eq!(statuses, [refused, refused, 0]);
        bench.end();
    }
}

#[test]
fn only_the_oldest_device_may_be_named_in_news() {
    for (setting, expected) in [("changed", [12, 11]), ("oldest", [11, 11])] {
        let mut bench = Bench::with(config(&format!("device-news={setting}")));
        let process = bench.process;
        // The device that all tests have is older than these, and goes.
        let first = bench.guest.create_device(0, process, 11);
        let second = bench.guest.create_device(1, process, 12);
        assert_eq!(bench.status(1, &words(&[bench.device])), 0);
        let mut told = Vec::new();
        for (n, device) in [(1, second), (0, first)] {
            let mark = words(&[device, 0x8000_0006]);
            assert_eq!(bench.guest.vgpu(n, 29, process, &mark), words(&[0]));
            let sent = bench.guest.global.unasked();
            assert_eq!(sent.len(), 1);
            assert_eq!(word(&sent[0], 16), 2);
            told.push(long(&sent[0], 24));
        }
        assert_eq!(told, expected);
        bench.end();
    }
}

#[test]
fn waits_of_a_device_may_be_signalled_with_its_end() {
    for (setting, expected) in [("drop", &[][..]), ("signal", &[2, 3])] {
        let mut bench = Bench::with(config(&format!("cpu-waits={setting}")));
        let process = bench.process;
        let fence = bench.shared_fence(0);
        let keeps = bench.guest.create_device(0, process, 2);
        let first = std::mem::replace(&mut bench.device, keeps);
        let opened = bench.open(fence.global, SHARED).unwrap();
        assert_eq!(bench.wait(9, 0, &[(opened.handle, 1)]), 0);
        bench.device = first;
        for event in [2, 3] {
            assert_eq!(bench.wait(event, 0, &[(fence.handle, 1)]), 0);
        }
        assert_eq!(bench.status(1, &words(&[first])), 0);
        assert_eq!(bench.events(), expected);
        bench.device = keeps;
        assert_eq!(bench.signal_now(opened.handle, 1), 0);
        assert_eq!(bench.events(), [9], "of another device");
        bench.end();
    }
}

#[test]
fn pages_may_be_used_again_at_once_or_late() {
    for (setting, unlocked, fences) in [
        ("as-needed", false, true),
        ("at-once", true, true),
        ("late", false, false),
    ] {
        let mut m = MemoryGuest::new(config(&format!("page-reuse={setting}")));
        let (a, b) = (m.allocate(4096), m.allocate(4096));
        let (_, first) = m.lock(a);
        m.guest.window.set_word(first, 77);
        assert_eq!(m.unlock(a), 0);
        let (_, second) = m.lock(b);
        assert_eq!(first == second, unlocked, "{setting}: an unlocked page");
        let (_, again) = m.lock(a);
        assert_eq!(m.guest.window.word(again), 77, "{setting}");
        // The page of a fence whose queue is gone.
        let (process, device) = (m.process, m.device);
        let (queue, page) = paging_queue(&mut m.guest, process, device);
        let destroyed = m.send(10, &words(&[queue]));
        assert_eq!(destroyed, words(&[0]));
        let (_, next) = paging_queue(&mut m.guest, process, device);
        assert_eq!(page == next, fences, "{setting}: the page of a fence");
        m.guest.assert_clean();
    }
}

#[test]
fn two_fences_may_share_a_page() {
    for (setting, offsets, addresses) in [("own", 0, 0), ("offset", 8, 0), ("address", 0, 8)] {
        let mut bench = Bench::with(config(&format!("fence-pages={setting}")));
        let fence = |bench: &mut Bench, flags: u32, value: u64| {
            let body = bench.sync_body(5, flags, &value.to_le_bytes());
            let reply = bench.vgpu(8, &body);
            (word(&reply, 0), long(&reply, 16), word(&reply, 24))
        };
        let first = fence(&mut bench, 0, 5);
        let second = fence(&mut bench, 0, 6);
        let page = |address: u64| address / 4096;
        let shares = setting != "own";
        assert_eq!(page(first.1) == page(second.1), shares, "{setting}");
        assert_eq!((first.1 % 4096, first.2), (0, 0));
        assert_eq!((second.1 % 4096, second.2), (addresses, offsets));
        let value = |bench: &Bench, fence: (u32, u64, u32)| {
            bench.guest.window.word(fence.1 + u64::from(fence.2))
        };
        assert_eq!((value(&bench, first), value(&bench, second)), (5, 6));
        assert_eq!(bench.signal_now(second.0, 9), 0);
        assert_eq!((value(&bench, first), value(&bench, second)), (5, 9));
        // One goes; the other stays, and a third one takes the place.
        assert_eq!(bench.destroy_sync(first.0), 0);
        assert_eq!(value(&bench, second), 9);
        // What others can open, and other processes, have pages of their own.
        let shared = fence(&mut bench, 3, 7);
        assert_ne!(page(shared.1), page(second.1));
        assert_eq!((shared.1 % 4096, shared.2), (0, 0));
        let first_process = bench.process;
        bench.process = bench.guest.create_process(2, "other");
        let first_device = bench.device;
        bench.device = bench.guest.create_device(0, bench.process, 2);
        let foreign = fence(&mut bench, 0, 8);
        assert_ne!(page(foreign.1), page(second.1));
        assert_eq!(bench.guest.destroy_process(bench.process), 0);
        (bench.process, bench.device) = (first_process, first_device);
        // Paging queues have a field for the offset, hardware queues have none.
        let queues: Vec<(u64, u64)> = (0..3)
            .map(|_| {
                let body = words(&[bench.device, 0, 0, 0, 0, 0, 0]);
                let reply = bench.vgpu(9, &body);
                (long(&reply, 8) % 4096, long(&reply, 16))
            })
            .collect();
        assert!(
            queues.contains(&(addresses, u64::from(offsets))),
            "{queues:?}"
        );
        for _ in 0..2 {
            assert_eq!(bench.hw_queue().page % 4096, 0);
        }
        bench.end();
    }
}

#[test]
fn replies_may_be_longer() {
    let mut guest = crate::guest::Guest::new(config("reply-padding=24"));
    let opened = guest.open_adapter(0);
    assert_eq!(opened.len(), 16 + 24);
    assert_eq!(opened[16..], [0xA5; 24]);
    let process = guest.create_process_padded(1, 24);
    // What failed without a status stays without everything.
    let body = words(&[0x7FC0, 0, 0, 0, 0, 0, 0]);
    assert!(guest.vgpu(0, 9, process, &body).is_empty());
}

#[test]
fn numbers_of_objects_may_begin_anywhere() {
    let first = 0xFF_0000 - 5;
    let bench = Bench::with(config(&format!("first-handle={first}")));
    assert_eq!(bench.device, 0x4000_0000 | (first << 6));
    assert_eq!(
        bench.process & 0x3FFF_FFC0,
        3 << 6,
        "not the virtual machine's"
    );
    bench.end();
}

#[test]
fn shared_objects_may_look_like_others() {
    let mut bench = Bench::with(config("vm-handles=like-objects"));
    let fence = bench.shared_fence(0);
    assert_eq!(fence.global & 0x3F, 0);
    let opened = bench.open(fence.global, SHARED).unwrap();
    assert_eq!(bench.destroy_sync(opened.handle), 0);
    bench.end();
}

#[test]
fn another_behaviour_is_no_excuse() {
    // All at once, and still nothing is wrong or left.
    let mut behaviour = Behaviour::default();
    for setting in [
        "cross-adapter=tolerate",
        "device-news=oldest",
        "cpu-waits=signal",
        "page-reuse=late",
        "fence-pages=offset",
        "first-handle=1000",
        "vm-handles=like-objects",
    ] {
        behaviour.set(setting).unwrap();
    }
    let mut bench = Bench::with(Config {
        behaviour,
        ..Config::default()
    });
    let (context, queue) = (bench.context(0), bench.hw_queue());
    let fence = bench.fence(0);
    assert_eq!(bench.submit(&[context]), 0);
    assert_eq!(bench.signal_in(context, fence.handle, 3), 0);
    bench.await_value(fence.page, 3);
    assert_eq!(bench.submit_to_hw_queue(queue.handle, 4), 0);
    bench.await_value(queue.page, 4);
    bench.end();
}
