// SPDX-License-Identifier: GPL-2.0
//! Command buffers that do what they may not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gpupv::{Config, GuestMemory};

use crate::compute_guest::*;
use crate::guest::{long, word, words};
use crate::memory_guest::*;

const DEVICE_REMOVED: u32 = 0xC000_02B6;
const NO_ACCESS: u64 = 1 << 3;
const ZERO: u64 = 1 << 2;

impl ComputeGuest {
    /// Submits commands that stop the device, and looks at all that comes of it.
    fn expect_stop(&mut self, bytes: &[u8], expected: u32) {
        let waiting = self.fence();
        self.m.guest.global.unasked();
        self.submit(bytes);
        assert_eq!(self.await_stop(), expected);
        // Nobody waits for ever.
        self.await_value(waiting.page, u64::MAX);
        let context = self.context;
        assert_eq!(self.submit_at(context, 0, 0), DEVICE_REMOVED);
        // The guest was told, once, after the state could be asked for.
        let told = self.m.guest.global.unasked();
        assert_eq!(told.len(), 1);
        assert_eq!((word(&told[0], 16), long(&told[0], 24)), (2, 7));
        self.m.guest.assert_clean();
    }

    fn expect_page_fault(mut self, bytes: &[u8], address: u64, write: bool) {
        self.expect_stop(bytes, PAGE_FAULT);
        let (command, flags, code, at) = self.fault();
        assert_eq!((command, flags, code), (1, u32::from(write), 0));
        assert_eq!(at, address, "{at:#x} {address:#x}");
        self.end();
    }
}

#[test]
fn what_is_not_mapped() {
    let mut g = ComputeGuest::new();
    g.buffer(8192);
    g.expect_page_fault(&fill(0x1000, 8, 1), 0x1000, true);
    let mut g = ComputeGuest::new();
    let target = g.buffer(8192);
    let end = target.gpu + 8192;
    g.expect_page_fault(&copy(target.gpu, end - 16, 24), end, false);
}

#[test]
fn what_is_beyond_all_addresses() {
    for address in [1 << 47, (1 << 47) + 4096, 1 << 63, u64::MAX - 7] {
        let g = ComputeGuest::new();
        g.expect_page_fault(&fence(address, 1), address, true);
    }
    // Fences are not memory.
    let mut g = ComputeGuest::new();
    let fence = g.fence();
    g.expect_page_fault(&fill(fence.gpu, 8, 1), fence.gpu, true);
}

#[test]
fn fences_of_others() {
    let mut g = ComputeGuest::new();
    let fence = g.fence();
    let stranger = g.m.guest.create_process(9, "stranger");
    let owner = g.m.process;
    let other = MemoryGuest::of_process(g.m.guest, stranger);
    let mut other = ComputeGuest::on(other);
    other.submit(&self::fence(fence.gpu, 5));
    assert_eq!(other.await_stop(), PAGE_FAULT);
    assert_eq!(other.value(fence.page), 0);
    other.m.guest.destroy_process(owner);
    other.end();
}

#[test]
fn what_is_not_resident() {
    // Never, no longer, and lent to others meanwhile.
    let mut g = ComputeGuest::new();
    let never = g.m.allocate(4096);
    let gpu = g.map(never, 1, WRITE);
    g.expect_page_fault(&fill(gpu, 8, 1), gpu, true);

    let mut g = ComputeGuest::new();
    let buffer = g.buffer(4096);
    assert_eq!(g.m.evict(0, &[buffer.handle]), Some(0));
    let commands = g.commands.gpu;
    g.expect_page_fault(
        &copy(commands + 0x10_0000, buffer.gpu, 8),
        buffer.gpu,
        false,
    );

    let mut g = ComputeGuest::new();
    let buffer = g.buffer(4096);
    g.unlock(buffer.handle);
    let status = word(&g.m.send(57, &offer_body(g.m.device, buffer.handle)), 0);
    assert_eq!(status, 0, "offer");
    g.expect_page_fault(&fill(buffer.gpu, 8, 1), buffer.gpu, true);
}

/// OFFERALLOCATIONS of one allocation, normal priority.
fn offer_body(device: u32, allocation: u32) -> Vec<u8> {
    words(&[device, 1, 2, 0, 0, allocation])
}

#[test]
fn what_is_gone() {
    let mut g = ComputeGuest::new();
    let buffer = g.buffer(4096);
    assert_eq!(g.m.destroy(0, &[buffer.handle]), 0);
    g.expect_page_fault(&fill(buffer.gpu, 8, 1), buffer.gpu, true);
    let mut g = ComputeGuest::new();
    let buffer = g.buffer(4096);
    g.free_addresses(buffer.gpu, 4096);
    g.expect_page_fault(&fill(buffer.gpu, 8, 1), buffer.gpu, true);
}

#[test]
fn what_may_not_be_written() {
    let mut g = ComputeGuest::new();
    let buffer = g.m.allocate(4096);
    g.resident(buffer);
    let gpu = g.map(buffer, 1, 0);
    g.expect_page_fault(&fill(gpu + 8, 8, 1), gpu + 8, true);
    let mut g = ComputeGuest::new();
    let (_, gpu) = g.sysmem(&[3], 0);
    g.expect_page_fault(&fill(gpu, 8, 1), gpu, true);
}

#[test]
fn no_access_and_zeros() {
    let mut g = ComputeGuest::new();
    let (zeros, target) = (g.map(0, 1, ZERO), g.buffer(4096));
    g.write(target.cpu, &[0xFF; 16]);
    let mut bytes = fill(zeros, 4096, 1);
    bytes.extend(copy(target.gpu, zeros + 8, 8));
    // Written and dropped
    g.run(&bytes);
    assert_eq!(g.value(target.cpu), 0);
    assert_eq!(g.value(target.cpu + 8), u64::MAX);
    let nothing = g.map(0, 1, NO_ACCESS);
    g.expect_page_fault(&copy(target.gpu, nothing, 8), nothing, false);
}

#[test]
fn the_buffer_itself() {
    let mut g = ComputeGuest::new();
    let context = g.context;
    assert_eq!(g.submit_at(context, 0x7000_0000, 16), 0);
    assert_eq!(g.await_stop(), PAGE_FAULT);
    assert_eq!(g.fault(), (1, 0, 0, 0x7000_0000));
    g.end();
}

#[test]
fn commands_that_are_none_and_faults_that_are_wanted() {
    let mut g = ComputeGuest::new();
    let at = g.commands.gpu;
    g.expect_stop(&[0xEE; 16], DMA_FAULT);
    assert_eq!(g.fault(), (1, 0, 1 << 1, at));
    g.end();
    let mut g = ComputeGuest::new();
    let mut bytes = command(1, &[], &[]);
    bytes.extend(command(8, &[], &[0x55, 0]));
    g.expect_stop(&bytes, DMA_FAULT);
    assert_eq!(g.fault(), (2, 0, (0x55 << 1) | 1, at));
    g.end();
}

#[test]
fn memory_that_the_host_cannot_have() {
    // Larger than the IO space, and so for the GPU of this host.
    let mut g = ComputeGuest::new();
    let handle = g.m.allocate(1 << 30);
    g.resident(handle);
    let gpu = g.map(handle, 1 << 18, WRITE);
    g.expect_stop(&fill(gpu, 8, 1), OUT_OF_MEMORY);
    assert_eq!(g.fault(), (0, 0, 0, 0));
    g.end();
}

#[test]
fn a_hung_engine_is_reset_and_others_go_on() {
    let mut g = ComputeGuest::new();
    let other = g.m.guest.create_process(2, "other");
    let begin = Instant::now();
    g.expect_stop(&busy(u32::MAX), HUNG);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    // The same engine, for another process.
    let guilty = g.m.process;
    let m = MemoryGuest::of_process(g.m.guest, other);
    let mut g = ComputeGuest::on(m);
    g.run(&busy(1000));
    assert_eq!(g.state(), ACTIVE);
    g.m.guest.destroy_process(guilty);
    g.end();
}

#[test]
fn work_behind_a_hung_job_of_another_is_done() {
    let mut g = ComputeGuest::new();
    let other = g.m.guest.create_process(2, "other");
    let (guilty, context) = (g.m.process, g.context);
    let hung = g.put(&busy(u32::MAX));
    let m = MemoryGuest::of_process(g.m.guest, other);
    let mut g = ComputeGuest::on(m);
    let begin = Instant::now();
    let mut body = crate::bench::submission(&[context], 0, &[], &[]);
    body[..8].copy_from_slice(&hung.to_le_bytes());
    body[8] = 16;
    assert_eq!(word(&g.m.guest.vgpu(0, 20, guilty, &body), 0), 0);
    g.run(&command(1, &[], &[]));
    assert!(begin.elapsed() >= Duration::from_millis(100), "it waited");
    g.m.guest.destroy_process(guilty);
    g.end();
}

#[test]
fn a_device_that_was_marked_keeps_that_state() {
    let mut g = ComputeGuest::new();
    g.submit(&busy(50_000));
    let device = g.m.device;
    let status = word(&g.m.send(29, &words(&[device, 0x8000_0000])), 0);
    assert_eq!((status, g.state()), (0, RESET));
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!((g.state(), g.fault()), (RESET, (0, 0, 0, 0)));
    g.end();
}

/// RAM that engines do not get through with as long as somebody holds it.
struct HeldRam {
    entered: Mutex<Sender<()>>,
    held: Mutex<()>,
}

impl GuestMemory for HeldRam {
    fn page_count(&self) -> u64 {
        u64::MAX
    }

    fn has_page(&self, _number: u64) -> bool {
        true
    }

    fn read(&self, _address: u64, _into: &mut [u8]) -> bool {
        true
    }

    fn write(&self, _address: u64, _from: &[u8]) -> bool {
        // Nobody may listen any more.
        let _ = self.entered.lock().unwrap().send(());
        drop(self.held.lock().unwrap());
        true
    }
}

#[test]
fn a_flush_is_answered_when_nothing_is_touched_any_more() {
    let mut g = ComputeGuest::new();
    let (_, gpu) = g.sysmem(&[3], WRITE);
    let (entered, at_work) = channel();
    let ram = Arc::new(HeldRam {
        entered: Mutex::new(entered),
        held: Mutex::new(()),
    });
    g.m.guest.host.set_guest_memory(Arc::clone(&ram) as _);
    let done = AtomicBool::new(false);
    let (ready, held) = channel();
    let (go, may_go) = channel();
    let (ram, flag) = (&ram, &done);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let guard = ram.held.lock().unwrap();
            ready.send(()).unwrap();
            may_go.recv().unwrap();
            std::thread::sleep(Duration::from_millis(20));
            flag.store(true, Ordering::SeqCst);
            drop(guard);
        });
        held.recv().unwrap();
        g.submit(&fill(gpu, 4096, 1));
        at_work.recv().unwrap();
        // The work is dropped in the middle of a step.
        let (process, device) = (g.m.process, g.m.device);
        let status = word(&g.m.send(29, &words(&[device, 0x8000_0000])), 0);
        assert_eq!(status, 0);
        go.send(()).unwrap();
        let flushed = g.m.guest.vgpu_later(0, 42, process, &words(&[device]));
        assert_eq!(word(&flushed, 0), 0);
        assert!(done.load(Ordering::SeqCst), "it was still at work");
    });
    g.end();
}

/// Random commands of a guest that knows where things are. The host lives, and nothing but what was
/// mapped to be written is.
#[test]
fn hostile_buffers() {
    let mut g = ComputeGuest::with(Config::default());
    let mut seed = 0xC0FFEEu64;
    let mut next = move |limit: u64| {
        seed ^= seed >> 12;
        seed ^= seed << 25;
        seed ^= seed >> 27;
        (seed.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 20) % limit
    };
    let guard: Vec<u8> = (0..=255).cycle().take(64 * 4096).collect();
    g.ram.put(64 * 4096, &guard);
    let (mut stopped, mut active) = (0, 0);
    for round in 0..150 {
        let (_, pages) = g.sysmem(&[3, 60, 5, 7], WRITE);
        let (_, shown) = g.sysmem(&[64, 65], 0);
        let mut bytes = Vec::new();
        for _ in 0..next(6) + 1 {
            let mut place = || match next(8) {
                0 => next(u64::MAX),
                1 => shown + next(0x2000) / 4 * 4,
                2 => pages + 0x4000 - next(64) / 4 * 4,
                _ => pages + next(0x3000) / 4 * 4,
            };
            let (a, b, c) = (place(), place(), place());
            let count = next(0x400) + 1;
            bytes.extend(match next(7) {
                0 => fill(a, count * 4, 0xDEAD_BEEF),
                1 => copy(a, b, count * 4),
                2 => command(4, &[a, b, c, count], &[]),
                3 => command(5, &[a, b, c, count], &[next(1 << 32) as u32, 0]),
                4 => command(6, &[a, b, c], &[count as u32 % 20, 7, 9, 0]),
                5 => fence(a, b),
                _ => command(next(9) as u32, &[a], &[]),
            });
        }
        if round % 5 == 0 {
            let at = next(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << next(8);
        }
        let fence = g.fence();
        bytes.extend(self::fence(fence.gpu, 1));
        g.submit(&bytes);
        g.await_value(fence.page, 1);
        match g.state() {
            ACTIVE => active += 1,
            PAGE_FAULT | DMA_FAULT => stopped += 1,
            other => panic!("state {other}"),
        }
        assert!(g.ram.bytes(64 * 4096, 64 * 4096) == guard, "round {round}");
        g = g.again();
    }
    assert!(stopped > 20 && active > 5, "{stopped} {active}");
    g.end();
}
