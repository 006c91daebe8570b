// SPDX-License-Identifier: GPL-2.0
//! Command buffers from the guest to the bytes.

use std::time::Duration;

use crate::compute_guest::*;
use crate::guest::{word, words};
use crate::memory_guest::*;

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

#[test]
fn memory_of_the_host_whether_locked_or_not() {
    let mut g = ComputeGuest::new();
    let (x, y) = (g.buffer(0x2_0000), g.buffer(0x2_0000));
    let numbers: Vec<f32> = (0..0x8000u16).map(f32::from).collect();
    g.write(x.cpu, &floats(&numbers));
    g.unlock(x.handle);
    g.unlock(y.handle);
    let mut buffer = fill(y.gpu, 0x2_0000, 1.0f32.to_bits());
    // y = 2x + y
    let saxpy = command(5, &[y.gpu, x.gpu, y.gpu, 0x8000], &[2.0f32.to_bits(), 0]);
    buffer.extend(saxpy);
    g.run(&buffer);
    let cpu = g.lock(y.handle);
    for (at, pair) in (cpu..).step_by(8).zip(numbers.chunks(2)) {
        let expected = floats(&[2.0 * pair[0] + 1.0, 2.0 * pair[1] + 1.0]);
        assert_eq!(g.value(at).to_le_bytes()[..], expected);
    }
    assert_eq!(g.state(), ACTIVE);
    g.end();
}

#[test]
fn pages_of_the_guest_in_any_order() {
    let mut g = ComputeGuest::new();
    let pages = [77, 3, 200, 4, 2, 130];
    let (from, to) = (
        g.sysmem(&pages, 0),
        g.sysmem(&[9, 8, 7, 250, 11, 10], WRITE),
    );
    let bytes: Vec<u8> = (0..6 * 4096u32).map(|n| ((n * 31) >> 3) as u8).collect();
    for (page, part) in pages.iter().zip(bytes.chunks(4096)) {
        g.ram.put(page * 4096, part);
    }
    // Neither the first nor the last bytes.
    g.run(&copy(to.1 + 0x104, from.1 + 0x10, 6 * 4096 - 0x200));
    let got: Vec<u8> = [9, 8, 7, 250, 11, 10]
        .iter()
        .flat_map(|page| g.ram.bytes(page * 4096, 4096))
        .collect();
    let copied = 6 * 4096 - 0x200;
    assert_eq!(got[0x104..0x104 + copied], bytes[0x10..0x10 + copied]);
    assert_eq!(got[..0x104], [0; 0x104]);
    assert!(got[0x104 + copied..].iter().all(|byte| *byte == 0));
    let untouched = g.ram.bytes(12 * 4096, 65 * 4096);
    assert!(untouched.iter().all(|byte| *byte == 0), "between them");
    g.end();
}

#[test]
fn a_buffer_may_lie_in_pages_of_the_guest() {
    let mut g = ComputeGuest::new();
    let (_, commands) = g.sysmem(&[40, 20], 0);
    let target = g.buffer(4096);
    let fence = g.fence();
    let mut bytes = Vec::new();
    while bytes.len() < 4096 - 16 {
        bytes.extend(command(1, &[], &[]));
    }
    // Across the end of the page
    bytes.extend(fill(target.gpu + 8, 8, 0xABCD));
    bytes.extend(self::fence(fence.gpu, 9));
    g.ram.put(40 * 4096, &bytes[..4096]);
    g.ram.put(20 * 4096, &bytes[4096..]);
    let context = g.context;
    assert_eq!(g.submit_at(context, commands, bytes.len() as u32), 0);
    g.await_value(fence.page, 9);
    assert_eq!(g.value(target.cpu + 8), 0xABCD_0000_ABCD);
    g.end();
}

#[test]
fn fences_wake_those_who_wait() {
    let mut g = ComputeGuest::new();
    let fence = g.fence();
    let mut wait = words(&[g.m.device, 1, 0, 0]);
    wait.extend(77u64.to_le_bytes());
    wait.extend([0; 8]);
    wait.extend(words(&[fence.handle, 5, 0]));
    assert_eq!(word(&g.m.send(22, &wait), 0), 0);
    let memory = g.buffer(4096);
    let mut buffer = self::fence(memory.gpu + 16, 0x1122_3344_5566);
    buffer.extend(self::fence(fence.gpu, 4));
    buffer.extend(busy(1000));
    buffer.extend(self::fence(fence.gpu, 5));
    // Values do not go back.
    buffer.extend(self::fence(fence.gpu, 2));
    g.run(&buffer);
    assert_eq!(g.value(memory.cpu + 16), 0x1122_3344_5566);
    assert_eq!(g.value(fence.page), 5);
    let events = g.m.guest.global.unasked();
    assert_eq!(events.len(), 1);
    assert_eq!(word(&events[0], 24), 77);
    g.end();
}

#[test]
fn hardware_queues_make_progress_when_the_work_is_done() {
    let mut g = ComputeGuest::new();
    let target = g.buffer(4096);
    let body = words(&[0, g.m.device, 0, 0, 1 << 4, 1, 0, 0]);
    let context = word(&g.m.send(6, &body), 24);
    let body = words(&[0, 0, 0, 0, 0, 0, 0, 0, context, 0, 0, 0]);
    let reply = g.m.send(50, &body);
    let (queue, page) = (word(&reply, 28), crate::guest::long(&reply, 40));
    let gate = g.fence();
    for value in 1..=3u64 {
        g.hold(queue, gate, value);
        let bytes = fill(target.gpu, 8, value as u32);
        let address = g.put(&bytes);
        let mut body = words(&[queue, 0]);
        for long in [value, address, bytes.len() as u64, 0, 0, 0] {
            body.extend(long.to_le_bytes());
        }
        assert_eq!(word(&g.m.send(52, &body), 0), 0);
        assert_eq!(g.value(page), value - 1, "not before it is done");
        assert_eq!(g.value(target.cpu) >> 32, value - 1);
        g.signal(gate, value);
        g.await_value(page, value);
        assert_eq!(g.value(target.cpu) >> 32, value);
    }
    g.end();
}

#[test]
fn the_null_rendering_flag_and_buffers_that_are_none() {
    let mut g = ComputeGuest::new();
    let context = g.context;
    let fault = g.put(&command(8, &[], &[1, 0]));
    let mut body = crate::bench::submission(&[context], 1, &[], &[]);
    body[..8].copy_from_slice(&fault.to_le_bytes());
    body[8] = 16;
    assert_eq!(word(&g.m.send(20, &body), 0), 0);
    for (address, len) in [(fault + 4, 8), (fault, 12), (fault, (1 << 20) + 8)] {
        let status = g.submit_at(context, address, len);
        assert_eq!(status, crate::memory_guest::INVALID_PARAMETER);
    }
    g.run(&[]);
    assert_eq!(g.state(), ACTIVE);
    g.end();
}

#[test]
fn those_that_matter_more_go_first() {
    let mut g = ComputeGuest::new();
    let (low, high) = (g.context_on(0), g.context_on(0));
    g.set_priority(low, -3);
    g.set_priority(high, 3);
    let [source, a, b] = [0; 3].map(|_| g.buffer(4096));
    // Both wait for the same; the one that matters less comes first.
    let gate = g.fence();
    g.hold(low, gate, 1);
    g.hold(high, gate, 1);
    let note = |target: Buffer, mark: u32| {
        let mut bytes = copy(target.gpu, source.gpu, 8);
        bytes.extend(fill(source.gpu, 8, mark));
        bytes
    };
    g.submit_in(low, &note(a, 1));
    g.submit_in(high, &note(b, 2));
    g.signal(gate, 1);
    let fence = g.fence();
    g.submit_in(low, &self::fence(fence.gpu, 1));
    g.await_value(fence.page, 1);
    let seen = [source, a, b].map(|buffer| g.value(buffer.cpu) as u32);
    assert_eq!(seen, [1, 2, 0]);
    g.end();
}

#[test]
fn a_long_job_holds_nobody_up() {
    let mut g = ComputeGuest::with(gpupv::Config {
        time_limit: Duration::from_secs(3600),
        ..gpupv::Config::default()
    });
    let other = g.m.guest.create_process(2, "other");
    let target = g.buffer(4096);
    let other_engine = g.context_on(3);
    g.submit(&busy(u32::MAX));
    for cookie in 0..200 {
        g.m.guest.create_device(0, other, cookie);
    }
    let fence = g.fence();
    let mut bytes = fill(target.gpu, 8, 3);
    bytes.extend(self::fence(fence.gpu, 1));
    g.submit_in(other_engine, &bytes);
    g.await_value(fence.page, 1);
    assert_eq!(g.state(), ACTIVE);
    // The work goes with its process, and nothing waits for it.
    g.m.guest.destroy_process(other);
    g.end();
}

/// What is destroyed while engines work on it is not touched any more once that is answered.
#[test]
fn memory_goes_while_it_is_used() {
    let mut g = ComputeGuest::new();
    for round in 0..40u32 {
        let context = g.context_on(0);
        let pages: Vec<u64> = (0..128).collect();
        let (handle, gpu) = g.sysmem(&pages, WRITE);
        let mut bytes = Vec::new();
        for value in 1..20 {
            bytes.extend(fill(gpu, 128 * 4096, value));
        }
        g.submit_in(context, &bytes);
        std::thread::sleep(Duration::from_micros(u64::from(round) * 50));
        let before = if round % 2 == 0 {
            assert_eq!(g.m.destroy(0, &[handle]), 0);
            g.ram.bytes(0, 128 * 4096)
        } else {
            let device = g.m.device;
            g.m.send(1, &words(&[device, 0]));
            let before = g.ram.bytes(0, 128 * 4096);
            g.m.device = g.m.guest.create_device(0, g.m.process, 7);
            before
        };
        std::thread::sleep(Duration::from_millis(2));
        assert!(g.ram.bytes(0, 128 * 4096) == before, "round {round}");
        // The device may have been stopped for it.
        g = g.again();
    }
    g.end();
}

/// Engines of two contexts at once, each with its own numbers.
#[test]
fn contexts_do_not_see_each_others_work() {
    let mut g = ComputeGuest::new();
    let nodes = [0, 3, 0, 3];
    let contexts = nodes.map(|node| g.context_on(node));
    let buffers = nodes.map(|_| (g.buffer(0x4000), g.fence()));
    for (n, (context, (buffer, fence))) in contexts.into_iter().zip(buffers).enumerate() {
        let mut bytes = Vec::new();
        for value in 0..20 {
            let number = (n * 100 + value) as f32;
            bytes.extend(fill(buffer.gpu, 0x2000, number.to_bits()));
            let sum = [buffer.gpu + 0x2000, buffer.gpu, buffer.gpu + 0x2000, 0x800];
            bytes.extend(command(4, &sum, &[]));
        }
        bytes.extend(self::fence(fence.gpu, 1));
        g.submit_in(context, &bytes);
    }
    for (n, (buffer, fence)) in buffers.into_iter().enumerate() {
        g.await_value(fence.page, 1);
        let sum = (20 * n * 100 + 190) as f32;
        let expected = (u64::from(sum.to_bits()) << 32) | u64::from(sum.to_bits());
        for at in [0x2000, 0x3FF8] {
            assert_eq!(g.value(buffer.cpu + at), expected, "{n}");
        }
    }
    g.end();
}

/// A shared resource over pages of the guest: they are the guest's again when who made it destroys it.
#[test]
fn pages_that_others_share_go_with_the_allocation_they_came_for() {
    let mut g = ComputeGuest::new();
    let flags = EXISTING_SYSMEM | SHARED_RESOURCE;
    let (resource, made) = g.m.create(0, flags, &[local(4096)]);
    let hand_over = |m: &mut MemoryGuest, allocation: u32, page: u64| {
        let mut body = words(&[m.device, allocation, 1, 0]);
        body.extend(page.to_le_bytes());
        word(&m.send(66, &body), 0)
    };
    assert_eq!(hand_over(&mut g.m, made[0].handle, 33), 0);
    let (lender, device) = (g.m.process, g.m.device);
    let nt = word(&g.m.guest.global(1004, lender, &words(&[resource])), 0);
    let other = g.m.guest.create_process(2, "other");
    let mut g = ComputeGuest::on(MemoryGuest::of_process(g.m.guest, other));
    let body = words(&[g.m.device, 1, nt, 1, 0]);
    let reply = g.m.send(32, &body);
    let shared = word(&reply, 8);
    let gpu = g.map(shared, 1, WRITE);
    g.resident(shared);
    g.run(&fill(gpu, 4096, 5));
    assert_eq!(g.ram.bytes(33 * 4096, 4), [5, 0, 0, 0]);
    // In use while it goes
    let mut bytes = Vec::new();
    for value in 6..2000 {
        bytes.extend(fill(gpu, 4096, value));
    }
    g.submit(&bytes);
    let body = words(&[device, resource, 0, 0]);
    assert_eq!(word(&g.m.guest.vgpu(0, 5, lender, &body), 0), 0);
    let before = g.ram.bytes(33 * 4096, 4096);
    // The work was over by then, or the device is stopped for it. If not, it is for this.
    let (context, last) = (g.context, fill(gpu, 4096, 1 << 30));
    let address = g.put(&last);
    g.submit_at(context, address, last.len() as u32);
    assert_eq!(g.await_stop(), PAGE_FAULT);
    assert!(g.ram.bytes(33 * 4096, 4096) == before);
    assert_eq!(hand_over(&mut g.m, shared, 34), INVALID_PARAMETER);
    assert_eq!(g.m.guest.violations().len(), 1, "it is not for this one");
}
