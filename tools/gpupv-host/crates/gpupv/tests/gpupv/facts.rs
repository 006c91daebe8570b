// SPDX-License-Identifier: GPL-2.0
//! What Windows is recorded to answer, as `Documentation/spec/windows-facts.csv` lists it, where no
//! other test of an object says it already. The names of the rows stand before each part.

use std::time::{Duration, Instant};

use gpupv::Config;

use crate::bench::{Bench, Signal, ACCESS_DENIED, INVALID_PARAMETER};
use crate::compute_guest::{fence, ComputeGuest, PAGE_FAULT, WRITE};
use crate::guest::{long, word, words};
use crate::memory_guest::*;

/// What the shortest piece of work of a queue takes.
const SHORTEST_WORK: Duration = Duration::from_micros(50);

/// Flags of sync objects.
const SHARED: u32 = 3;
const TOP_OF_PIPELINE: u32 = 1 << 3;
const NO_SIGNAL: u32 = 1 << 4;
const NO_WAIT: u32 = 1 << 5;
const NO_GPU_ACCESS: u32 = 1 << 7;
const SIGNAL_BY_KMD: u32 = 1 << 8;
const UNWAIT_ONLY_ON_DESTROY: u32 = 1 << 10;

#[test]
fn handles_of_the_virtual_machine_are_marked() {
    // H01, H02
    let mut bench = Bench::new();
    let (process, device) = (bench.process, bench.device);
    let fence = bench.shared_fence(0);
    let share = bench.guest.global(1004, process, &words(&[fence.handle]));
    let nt = word(&share, 0);
    for global in [fence.global, nt] {
        assert_eq!(global & 0x3F, 2, "{global:#x}");
        assert_ne!(global >> 30, 0, "{global:#x}");
    }
    for local in [fence.handle, device, process, bench.guest.adapters[0]] {
        assert_eq!(local & 0x3F, 0, "{local:#x}");
        assert_ne!(local >> 30, 0, "{local:#x}");
    }
    // H07: one is no name of the other.
    assert_eq!(bench.destroy_sync(fence.global), INVALID_PARAMETER);
    let opened = bench.open(fence.global, SHARED).unwrap();
    assert_eq!(bench.destroy_sync(opened.handle), 0);
    assert_eq!(word(&bench.guest.global(1005, 0, &words(&[nt])), 0), 0);
    bench.end();
}

#[test]
fn objects_of_all_kinds_share_one_sequence() {
    // H03, H05, H06
    let mut m = MemoryGuest::new(Config::default());
    let first = m.device;
    // The device, its paging queue, and the fence of that.
    let (resource, made) = m.create(0, CREATE_RESOURCE, &[local(1), local(1)]);
    assert!(m.create_raw(0, 1 << 20, &[local(1)]).is_empty(), "refused");
    let next = m.allocate(1);
    let handles = [resource, made[0].handle, made[1].handle, next];
    let expected = [3, 4, 5, 6].map(|n| first + n * 0x40);
    assert_eq!(handles, expected);
    m.guest.assert_clean();
}

#[test]
fn a_semaphore_may_have_no_room() {
    // S04
    let mut bench = Bench::new();
    let semaphore = bench.try_sync(2, 0, &words(&[0, 0])).unwrap().handle;
    // A signal has no effect, and a wait no end.
    let (context, waiting) = (bench.context(0), bench.context(0));
    let done = bench.fence(0);
    let release = Signal {
        objects: &[semaphore],
        queues: &[context],
        ..Signal::default()
    };
    assert_eq!(bench.signal(&release), 0);
    assert_eq!(bench.wait_in(waiting, 1, &[(semaphore, 0)]), 0);
    assert_eq!(bench.signal_in(waiting, done.handle, 1), 0);
    assert_eq!(bench.signal(&release), 0);
    assert_eq!(bench.value(done.page), 0);
    bench.end();
}

#[test]
fn flags_of_sync_objects_fit_their_type() {
    // S10, S17, S20
    let mut bench = Bench::new();
    let infos = [
        (1, words(&[0])),
        (2, words(&[1, 1])),
        (3, words(&[0, 0])),
        (4, words(&[77, 0])),
        (5, words(&[0, 0])),
        (6, vec![0; 40]),
    ];
    for (kind, info) in &infos {
        for flags in [TOP_OF_PIPELINE, NO_SIGNAL, NO_WAIT] {
            let made = bench.try_sync(*kind, flags, info).is_some();
            assert_eq!(made, *kind == 5, "type {kind}, flags {flags:#x}");
        }
        let made = bench.try_sync(*kind, SIGNAL_BY_KMD, info).is_some();
        assert_eq!(made, *kind == 4, "type {kind}, signalled by the driver");
        for flags in [1, 2, NO_SIGNAL | NO_WAIT, 1 << 9] {
            assert!(bench.try_sync(*kind, flags, info).is_none(), "{flags:#x}");
        }
    }
    bench.end();
}

#[test]
fn without_gpu_access_there_is_no_address_but_all_else() {
    // S18
    let mut bench = Bench::new();
    let flags = SHARED | NO_GPU_ACCESS | UNWAIT_ONLY_ON_DESTROY;
    let made = bench.try_sync(5, flags, &[0; 8]).unwrap();
    assert_eq!(made.gpu, 0);
    let opened = bench.open(made.global, flags).unwrap();
    assert_eq!((opened.gpu, opened.page), (0, made.page));
    let other = bench.open(made.global, SHARED).unwrap();
    assert_ne!(other.gpu, 0, "another handle has one");
    let (context, done) = (bench.context(0), bench.fence(0));
    assert_eq!(bench.wait_in(context, 0, &[(made.handle, 1)]), 0);
    assert_eq!(bench.signal_in(context, done.handle, 1), 0);
    let second = bench.context(0);
    assert_eq!(bench.signal_in(second, opened.handle, 1), 0);
    assert_eq!((bench.value(made.page), bench.value(done.page)), (1, 1));
    assert_eq!(bench.signal_now(made.handle, 2), 0);
    assert_eq!(bench.wait(5, 0, &[(made.handle, 2)]), 0);
    assert_eq!(bench.events(), [5]);
    bench.end();
}

#[test]
fn commands_reach_only_fences_with_an_address() {
    // S18, for commands of a buffer
    for (flags, works) in [(0, true), (NO_GPU_ACCESS, false)] {
        let mut g = ComputeGuest::new();
        // The page is the first that is free, so that its address is known.
        let probe = g.fence();
        let status = g.m.guest.global(1003, g.m.process, &words(&[probe.handle]));
        assert_eq!(word(&status, 0), 0);
        let mut body = words(&[g.m.device, 0, 5, flags]);
        body.resize(100, 0);
        let reply = g.m.send(8, &body);
        assert_eq!(long(&reply, 16), probe.page);
        g.submit(&fence(probe.gpu, 9));
        match works {
            true => g.await_value(probe.page, 9),
            false => assert_eq!(g.await_stop(), PAGE_FAULT),
        }
        g.end();
    }
}

#[test]
fn rights_are_those_of_the_handle() {
    // S14, S15
    let mut bench = Bench::new();
    let made = bench.shared_fence(0);
    let deaf = bench.open(made.global, SHARED | NO_WAIT).unwrap().handle;
    let mute = bench.open(made.global, SHARED | NO_SIGNAL).unwrap().handle;
    let context = bench.context(0);
    assert_eq!(bench.signal_now(mute, 1), ACCESS_DENIED);
    assert_eq!(bench.signal_in(context, mute, 1), ACCESS_DENIED);
    assert_eq!(bench.wait(3, 0, &[(deaf, 0)]), ACCESS_DENIED);
    assert_eq!(bench.wait_in(context, 0, &[(deaf, 0)]), ACCESS_DENIED);
    assert!(bench.events().is_empty());
    assert_eq!(bench.signal_in(context, deaf, 1), 0);
    assert_eq!(bench.wait(4, 0, &[(mute, 1)]), 0);
    assert_eq!(bench.events(), [4]);
    bench.end();
}

#[test]
fn waits_may_outlive_the_handle_they_were_begun_with() {
    let mut bench = Bench::new();
    let made = bench.shared_fence(0);
    let stays = bench.open(made.global, SHARED | UNWAIT_ONLY_ON_DESTROY);
    let stays = stays.unwrap().handle;
    let ends = bench.open(made.global, SHARED).unwrap().handle;
    assert_eq!(bench.wait(1, 0, &[(stays, 1)]), 0);
    assert_eq!(bench.wait(2, 0, &[(ends, 1)]), 0);
    for handle in [stays, ends] {
        assert_eq!(bench.destroy_sync(handle), 0);
    }
    assert_eq!(bench.events(), [2]);
    assert_eq!(bench.destroy_sync(made.handle), 0);
    assert_eq!(bench.events(), [1], "the object is gone now");
    bench.end();
}

#[test]
fn waits_and_signals_of_cpus() {
    // W01 to W07, W10
    let mut bench = Bench::new();
    let fence = bench.fence(1);
    for value in [0, 1] {
        assert_eq!(bench.wait(10 + value, 0, &[(fence.handle, value)]), 0);
        assert_eq!(bench.events(), [10 + value]);
    }
    assert_eq!(bench.wait(12, 0, &[(fence.handle, 2)]), 0);
    assert!(bench.events().is_empty());
    assert_eq!(bench.signal_now(fence.handle, 2), 0);
    assert_eq!(bench.events(), [12]);
    assert_eq!(bench.signal_now(fence.handle, 1), INVALID_PARAMETER);
    assert_eq!(bench.value(fence.page), 2);
    let back = Signal {
        flags: 4,
        objects: &[fence.handle],
        values: &[1],
        event: bench.device.into(),
        ..Signal::default()
    };
    assert_eq!(bench.signal(&back), 0);
    assert_eq!(bench.wait(13, 0, &[(fence.handle, 2)]), 0);
    assert!(bench.events().is_empty(), "the value went back");
    assert_eq!(bench.signal_now(fence.handle, 2), 0);
    assert_eq!(bench.events(), [13]);
    for value in [u64::MAX >> 1, u64::MAX] {
        assert_eq!(bench.wait(14, 0, &[(fence.handle, value)]), 0);
        assert!(bench.events().is_empty());
        assert_eq!(bench.signal_now(fence.handle, value), 0);
        assert_eq!(bench.events(), [14]);
    }
    for (kind, info) in [(1, words(&[0])), (2, words(&[1, 1])), (3, words(&[0, 0]))] {
        let object = bench.try_sync(kind, 0, &info).unwrap().handle;
        assert_eq!(bench.wait(15, 0, &[(object, 0)]), INVALID_PARAMETER);
        assert_eq!(bench.signal_now(object, 1), INVALID_PARAMETER);
    }
    bench.end();
}

#[test]
fn a_shared_resource_is_complete() {
    // R16, C08
    let mut m = MemoryGuest::new(Config::default());
    let (resource, _) = m.create(0, SHARED_RESOURCE, &[local(1)]);
    assert!(m.create_raw(resource, 0, &[local(1)]).is_empty());
    let (own, _) = m.create(0, CREATE_RESOURCE, &[local(1)]);
    m.create(own, 0, &[local(1)]);
    for extended in [own, 0x7FC0] {
        let reply = m.create_raw(extended, CREATE_RESOURCE, &[local(1)]);
        assert!(reply.is_empty(), "{extended:#x}");
    }
    m.guest.assert_clean();
}

#[test]
fn the_end_of_a_paging_queue_waits_for_its_work() {
    // Q19
    let mut m = MemoryGuest::new(Config::default());
    let handles: Vec<u32> = (0..200).map(|_| m.allocate(4096)).collect();
    let mut last = 0;
    for &handle in &handles {
        let (status, value, _) = m.make_resident(0, &[handle]);
        assert_eq!(status, PENDING);
        last = value;
    }
    let (process, queue, page) = (m.process, m.queue, m.fence);
    let begin = Instant::now();
    let done = m.guest.window.word(page);
    let answer = m.guest.vgpu_later(0, 10, process, &words(&[queue]));
    assert_eq!(answer, words(&[0]));
    // No operation takes less; the one in progress may have been near its end.
    let least = SHORTEST_WORK * u32::try_from((last - done).saturating_sub(1)).unwrap();
    assert!(begin.elapsed() >= least, "{done} of {last} were done");
    assert_eq!(m.guest.window.word(page), 0, "given back");
    assert_eq!(m.residency(&handles), vec![1; 200]);
    m.guest.assert_clean();
}

#[test]
fn a_paging_queue_that_ends_has_no_name() {
    let mut m = MemoryGuest::new(Config::default());
    let (process, device, queue) = (m.process, m.device, m.queue);
    for _ in 0..20 {
        let handle = m.allocate(4096);
        assert_eq!(m.make_resident(0, &[handle]).0, PENDING);
    }
    // The guest goes on before the answer comes; the process may even end.
    let packet = crate::guest::command(crate::guest::VGPU, 10, process, &words(&[queue]));
    let packet = m.guest.frame(m.guest.luids[0], packet);
    m.guest.vgpus[0].begin(packet);
    let body = words(&[0, queue, 0, 1, 0x7FC0]);
    let reply = m.guest.vgpu_among(0, 11, process, &body);
    assert_eq!(word(&reply, 16), INVALID_PARAMETER);
    assert_eq!(m.left("paging queue"), 0);
    let status = m.guest.vgpu_among(0, 1, process, &words(&[device]));
    assert_eq!(status, words(&[0]));
    assert_eq!(m.guest.destroy_process(process), 0);
    assert_eq!(m.guest.vgpus[0].late(), [words(&[0])], "answered once");
    let report = m.guest.host.report();
    assert_eq!(report.verdict().reasons, Vec::<String>::new());
    m.guest.assert_clean();
}

#[test]
fn memory_that_may_only_be_read_is_never_written() {
    let mut g = ComputeGuest::new();
    g.ram.put(5 * 4096, &[7; 4096]);
    // Drivers ask for more than the guest gives.
    let flags = EXISTING_SYSMEM | READ_ONLY;
    let (_, made) = g.m.create(0, flags, &[local(4096)]);
    let mut body = words(&[g.m.device, made[0].handle, 1, 0]);
    body.extend(5u64.to_le_bytes());
    assert_eq!(word(&g.m.send(66, &body), 0), 0);
    let address = g.map(made[0].handle, 1, WRITE);
    g.resident(made[0].handle);
    let target = g.buffer(4096);
    g.run(&crate::compute_guest::copy(target.gpu, address, 8));
    assert_eq!(g.value(target.cpu), 0x0707_0707_0707_0707);
    g.submit(&crate::compute_guest::fill(address, 8, 1));
    assert_eq!(g.await_stop(), PAGE_FAULT);
    assert_eq!(g.ram.bytes(5 * 4096, 8), [7; 8]);
    g.end();
}

#[test]
fn the_io_space_is_as_large_as_that_of_windows() {
    // Q23
    let mut m = MemoryGuest::new(Config::default());
    let range = m.guest.window.range();
    assert_eq!(range.end - range.start, (1000 << 20) - 4096);
    let large = m.allocate(900 << 20);
    assert_eq!(m.lock(large).0, 0);
    // With more, a gigabyte at once
    let mut m = MemoryGuest::new(Config {
        io_space_mib: 1100,
        ..Config::default()
    });
    let huge = m.allocate(1 << 30);
    let (status, address) = m.lock(huge);
    assert_eq!(status, 0);
    let last = address + (1 << 30) - 8;
    m.guest.window.set_word(last, 5);
    assert_eq!(m.guest.window.word(last), 5);
    assert_eq!(m.destroy(0, &[huge]), 0);
    assert_eq!(m.guest.window.word(last), 0);
    m.guest.assert_clean();
}

#[test]
fn a_device_that_is_given_up_takes_its_fences_to_their_end() {
    // S19
    const NO_SIGNAL_MAX_VALUE_ON_TDR: u32 = 1 << 6;
    let mut bench = Bench::new();
    let fence = bench.fence(3);
    let stays = bench.try_sync(5, NO_SIGNAL_MAX_VALUE_ON_TDR, &[0; 8]);
    let stays = stays.unwrap();
    let mark = words(&[bench.device, 0x8000_0000]);
    assert_eq!(bench.status(29, &mark), 0);
    assert_eq!(bench.value(fence.page), u64::MAX);
    assert_eq!(bench.value(stays.page), 0);
    bench.guest.global.unasked();
    bench.end();
}

#[test]
fn a_process_above_its_budget_is_told_by_how_much() {
    // M09: others have reserved what it uses.
    const MIB: u64 = 1 << 20;
    let mut m = MemoryGuest::new(config(64 * MIB, 32 * MIB));
    let (a, b) = (m.allocate(40 * MIB), m.allocate(MIB));
    assert_eq!(m.make_resident(0, &[a, b]).0, PENDING);
    let first = (m.process, m.device, m.queue, m.fence);
    let process = m.guest.create_process(2, "b");
    let mut m = MemoryGuest::of_process(m.guest, process);
    let mut body = words(&[0, 0, 0, 0]);
    body.extend((30 * MIB).to_le_bytes());
    body.extend(words(&[0]));
    assert_eq!(word(&m.send(49, &body), 0), 0);
    (m.process, m.device, m.queue, m.fence) = first;
    assert_eq!(m.evict(0, &[b]), Some(10 * MIB));
    assert_eq!(m.evict(0, &[a]), Some(0));
    m.guest.assert_clean();
}

#[test]
fn paging_queues_go_with_their_device() {
    // Q24
    let mut bench = Bench::new();
    let queue = bench.paging_queue();
    assert_eq!(bench.status(1, &words(&[bench.device])), 0);
    let destroyed = bench.status(10, &words(&[queue.handle]));
    assert_eq!(destroyed, INVALID_PARAMETER);
    bench.end();
}
