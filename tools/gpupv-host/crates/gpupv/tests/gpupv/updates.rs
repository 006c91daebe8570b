// SPDX-License-Identifier: GPL-2.0
//! Changes of addresses in step with the work of a context.

use crate::compute_guest::*;
use crate::guest::{word, words};
use crate::memory_guest::INVALID_PARAMETER;

const UNIT: u64 = 64 << 10;
const BASE: u64 = 0x1000_0000;
const DO_NOT_WAIT: u32 = 1;

/// A guest with a reserved range, a gate that holds its context up, and the fence of the updates.
struct Held {
    g: ComputeGuest,
    gate: Fence,
    done: Fence,
}

impl Held {
    fn new() -> Self {
        let mut g = ComputeGuest::new();
        let adapter = g.m.guest.adapters[0];
        let start = g.m.reserve(adapter, [BASE, 0, 0], 2 * UNIT, 0);
        assert_eq!(start, Some(BASE));
        let (gate, done) = (g.fence(), g.fence());
        Self { g, gate, done }
    }

    /// The context waits for the gate.
    fn hold(&mut self) {
        self.g.hold(self.g.context, self.gate, 1);
    }

    /// A CPU opens the gate.
    fn release(&mut self) {
        self.g.signal(self.gate, 1);
    }

    fn update(&mut self, flags: u32, value: u64, operations: &[[u64; 8]]) -> u32 {
        let (context, fence) = (self.g.context, self.done.handle);
        self.g
            .m
            .update_with(flags, context, fence, value, operations)
    }

    /// The context signals the fence, has the addresses changed, and waits for that.
    fn update_between(&mut self, value: u64, operations: &[[u64; 8]]) {
        self.signal_in_context(value);
        assert_eq!(self.update(0, value, operations), 0);
        self.g.hold(self.g.context, self.done, value + 1);
    }

    /// The context signals the fence when it gets there.
    fn signal_in_context(&mut self, value: u64) {
        let mut body = words(&[1, 0, 1, 0, 0, 0, 0, 0, self.done.handle, self.g.context]);
        body.extend(value.to_le_bytes());
        assert_eq!(word(&self.g.m.send(26, &body), 0), 0);
    }

    /// Has the context write a word.
    fn write(&mut self, at: u64, value: u32) {
        self.g.submit(&fill(at, 4, value));
    }

    fn seen(&self, buffer: Buffer) -> u32 {
        self.g.value(buffer.cpu) as u32
    }
}

fn map(at: u64, buffer: Buffer) -> [u64; 8] {
    [0, at, 4096, buffer.handle.into(), 0, 4096, 0, 0]
}

const UNMAP: [u64; 8] = [1, BASE, 4096, 0, 0, 0, 0, 0];

#[test]
fn between_what_comes_before_and_what_comes_after() {
    let mut held = Held::new();
    let (first, second) = (held.g.buffer(4096), held.g.buffer(4096));
    held.hold();
    held.update_between(1, &[map(BASE, first)]);
    held.write(BASE, 11);
    // Nothing, then the other one; of that, another range shows a copy.
    held.update_between(3, &[UNMAP, map(BASE, second)]);
    held.write(BASE, 22);
    let copy = [2, BASE, 4096, BASE + UNIT, 0, 0, 0, 0];
    held.update_between(5, &[copy, map(BASE, first)]);
    assert_eq!(held.g.value(held.done.page), 0, "all of it waits");
    held.release();
    held.g.await_value(held.done.page, 6);
    assert_eq!(held.seen(first), 11);
    assert_eq!(held.seen(second), 22);
    held.write(BASE, 33);
    held.g.run(&fill(BASE + UNIT, 4, 44));
    assert_eq!(held.seen(first), 33);
    assert_eq!(held.seen(second), 44);
    held.g.end();
}

#[test]
fn an_update_waits_for_its_fence_and_for_nothing_else() {
    let mut held = Held::new();
    let buffer = held.g.buffer(4096);
    // The context has work that waits for the update, and was there before.
    held.g.hold(held.g.context, held.done, 8);
    held.write(BASE, 11);
    assert_eq!(held.update(0, 7, &[map(BASE, buffer)]), 0);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(held.g.value(held.done.page), 0);
    held.g.signal(held.done, 6);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(held.g.value(held.done.page), 6);
    // It is made when the fence has the value, and raises it by one.
    held.g.signal(held.done, 7);
    held.g.await_value(held.done.page, 8);
    held.g.run(&[]);
    assert_eq!(held.seen(buffer), 11);
    assert_eq!(held.update(0, u64::MAX, &[UNMAP]), INVALID_PARAMETER);
    held.g.end();
}

#[test]
fn without_a_wait_if_that_is_wanted() {
    let mut held = Held::new();
    let (first, second) = (held.g.buffer(4096), held.g.buffer(4096));
    assert_eq!(held.update(DO_NOT_WAIT, 1, &[map(BASE, first)]), 0);
    held.g.await_value(held.done.page, 2);
    held.hold();
    held.write(BASE, 11);
    assert_eq!(held.update(DO_NOT_WAIT, 3, &[map(BASE, second)]), 0);
    held.g.await_value(held.done.page, 4);
    held.release();
    held.g.run(&[]);
    assert_eq!((held.seen(first), held.seen(second)), (0, 11));
    held.g.end();
}

#[test]
fn what_has_become_impossible() {
    let mut held = Held::new();
    let (first, second) = (held.g.buffer(4096), held.g.buffer(4096));
    let adapter = held.g.m.guest.adapters[0];
    let other = BASE + 4 * UNIT;
    assert!(held.g.m.reserve(adapter, [other, 0, 0], UNIT, 0).is_some());
    assert_eq!(held.update(0, 1, &[map(other, first)]), 0);
    let operations = [map(BASE, first), map(BASE + 4096, second)];
    assert_eq!(held.update(0, 2, &operations), 0);
    // The range of the first update, and the allocation of the last operation.
    assert_eq!(held.g.m.free(other, UNIT), 0);
    assert_eq!(held.g.m.destroy(0, &[second.handle]), 0);
    // The handle comes back late, for something else.
    let mut again = held.g.m.allocate(4096);
    for _ in 0..4 * 1024 {
        if again == second.handle {
            break;
        }
        assert_eq!(held.g.m.destroy(0, &[again]), 0);
        again = held.g.m.allocate(4096);
    }
    assert_eq!(again, second.handle);
    held.g.resident(again);
    held.g.signal(held.done, 1);
    held.g.await_value(held.done.page, 3);
    held.g.run(&fill(BASE, 4, 5));
    assert_eq!(held.seen(first), 5);
    held.write(BASE + 4096, 6);
    assert_eq!(held.g.await_stop(), PAGE_FAULT);
    assert_eq!(held.g.fault().3, BASE + 4096);
    held.g.end();
}

#[test]
fn a_device_that_is_given_up_loses_its_updates() {
    let mut held = Held::new();
    let buffer = held.g.buffer(4096);
    assert_eq!(held.update(0, 1, &[map(BASE, buffer)]), 0);
    let device = held.g.m.device;
    let status = word(&held.g.m.send(29, &words(&[device, 0x8000_0000])), 0);
    assert_eq!((status, held.g.state()), (0, RESET));
    held.g.await_value(held.done.page, u64::MAX);
    held.g.end();
}
