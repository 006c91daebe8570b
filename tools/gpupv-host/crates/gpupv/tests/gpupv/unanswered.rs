// SPDX-License-Identifier: GPL-2.0
//! Commands that nobody waits for.

use gpupv::Config;

use crate::bench::{signal_body, submission, Bench, Signal, DEVICE_REMOVED};
use crate::guest::{command, extended, long, word, words, Guest, VGPU};

const SUBMIT: u32 = 20;
const WAIT: u32 = 25;
const SIGNAL: u32 = 26;
const SUBMIT_TO_HW_QUEUE: u32 = 52;

/// A guest that was told that it need not wait.
fn asynchronous() -> Bench {
    let config = Config {
        asynchronous: true,
        ..Config::default()
    };
    let mut guest = Guest::new(config);
    let mut window = (64u64 << 30).to_le_bytes().to_vec();
    window.extend((1000u64 << 20).to_le_bytes());
    window.extend([0; 8]);
    guest.global(1010, 0, &window);
    guest.open_adapter(0);
    guest.vgpu(0, 36, 0, &[]);
    let process = guest.create_process(1, "async");
    let device = guest.create_device(0, process, 77);
    Bench {
        guest,
        process,
        device,
    }
}

impl Bench {
    fn send(&mut self, number: u32, body: &[u8]) {
        let packet = command(VGPU | (1 << 8), number, self.process, body);
        let packet = extended(self.guest.luids[0], &packet);
        assert_eq!(self.guest.global.raw(packet, false), None);
    }

    /// The device is given up, and the guest was told so once.
    fn assert_lost(&mut self) {
        let told = self.guest.global.unasked();
        assert_eq!(told.len(), 1);
        assert_eq!((word(&told[0], 16), long(&told[0], 24)), (2, 77));
        assert_eq!(self.device_state(), 2);
    }

    fn assert_active(&mut self) {
        assert!(self.guest.global.unasked().is_empty());
        assert_eq!(self.device_state(), 1);
    }

    fn device_state(&mut self) -> u32 {
        let mut body = words(&[self.device, 1]);
        body.extend([0; 48]);
        word(&self.vgpu(28, &body), 8)
    }
}

fn wait_body(queue: u32, object: u32, value: u64) -> Vec<u8> {
    let mut body = words(&[queue, 1, 0, 0]);
    body.extend(value.to_le_bytes());
    body.extend(words(&[object]));
    body
}

fn hw_body(queue: u32, value: u64, primaries: &[u32]) -> Vec<u8> {
    let mut body = words(&[queue, 0]);
    body.extend(value.to_le_bytes());
    body.extend([0; 20]);
    body.extend(words(&[primaries.len() as u32]));
    body.extend([0; 16]);
    body.extend(words(primaries));
    body
}

#[test]
fn it_works_the_same() {
    let mut bench = asynchronous();
    let context = bench.context(0);
    let fence = bench.fence(0);
    let body = signal_body(&Signal {
        objects: &[fence.handle],
        queues: &[context],
        values: &[4],
        ..Signal::default()
    });
    bench.send(SIGNAL, &body);
    bench.await_value(fence.page, 4);
    bench.end();
}

#[test]
fn lost_work_costs_the_device() {
    let mut bench = asynchronous();
    let (context, fence) = (bench.context(0), bench.fence(3));
    // A second context that is none
    bench.send(SUBMIT, &submission(&[context, bench.device], 0, &[], &[]));
    bench.assert_lost();
    bench.await_value(fence.page, u64::MAX);
    assert_eq!(bench.submit(&[context]), DEVICE_REMOVED);
    bench.send(SUBMIT, &submission(&[context], 0, &[], &[]));
    assert!(bench.guest.global.unasked().is_empty(), "that is no news");
    bench.end();

    let mut bench = asynchronous();
    let queue = bench.hw_queue();
    bench.send(SUBMIT_TO_HW_QUEUE, &hw_body(queue.handle, 5, &[]));
    bench.await_value(queue.page, 5);
    bench.assert_active();
    // Progress does not go back.
    bench.send(SUBMIT_TO_HW_QUEUE, &hw_body(queue.handle, 5, &[]));
    bench.assert_lost();
    bench.await_value(queue.page, u64::MAX);
    bench.end();
}

#[test]
fn a_wrong_signal_or_wait_does_nothing() {
    let mut bench = asynchronous();
    let (context, fence) = (bench.context(0), bench.fence(3));
    bench.send(WAIT, &wait_body(context, bench.device, 1));
    for queues in [&[context][..], &[]] {
        let body = signal_body(&Signal {
            objects: &[context],
            queues,
            values: &[9],
            event: bench.device.into(),
            ..Signal::default()
        });
        bench.send(SIGNAL, &body);
    }
    bench.assert_active();
    assert_eq!(bench.value(fence.page), 3);
    assert_eq!(bench.signal_in(context, fence.handle, 4), 0);
    bench.await_value(fence.page, 4);
    bench.end();
}

#[test]
fn a_queue_that_is_full_costs_the_device() {
    let mut bench = asynchronous();
    let (gate, context) = (bench.fence(0), bench.context(0));
    let mut long_wait = words(&[context, 32, 0, 0]);
    for _ in 0..32 {
        long_wait.extend(1u64.to_le_bytes());
    }
    long_wait.extend(words(&[gate.handle; 32]));
    for _ in 0..(1 << 20) / 33 {
        bench.send(WAIT, &long_wait);
    }
    bench.assert_active();
    let second = bench.guest.create_device(0, bench.process, 77);
    let first = std::mem::replace(&mut bench.device, second);
    let other = bench.context(0);
    // As long as there are such signals, the last of them does not fit.
    let body = signal_body(&Signal {
        objects: &[gate.handle; 32],
        queues: &[other],
        values: &[1; 32],
        ..Signal::default()
    });
    bench.send(SIGNAL, &body);
    bench.assert_lost();
    bench.device = first;
    bench.send(WAIT, &long_wait);
    bench.assert_lost();
    bench.end();
}

#[test]
fn what_names_nothing_costs_nothing() {
    let mut bench = asynchronous();
    let (context, hw) = (bench.context(0), bench.hw_queue());
    assert_eq!(bench.status(7, &words(&[context])), 0);
    bench.send(SUBMIT, &submission(&[context], 0, &[], &[]));
    bench.assert_active();
    bench.guest.assert_clean();
    // What is there, but is no context or queue
    for wrong in [0, bench.device, hw.fence, 0x7FC0] {
        bench.send(SUBMIT, &submission(&[wrong], 0, &[], &[]));
        bench.send(SUBMIT_TO_HW_QUEUE, &hw_body(wrong, 1, &[]));
    }
    bench.send(SUBMIT, &[]);
    bench.assert_active();
    assert_eq!(bench.guest.violations().len(), 9);
}
