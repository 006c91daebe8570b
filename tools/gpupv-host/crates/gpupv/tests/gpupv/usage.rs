// SPDX-License-Identifier: GPL-2.0
//! Statistics of the engines: running times, context switches and packets.

use std::time::{Duration, Instant};

use gpupv::Config;

use crate::compute_guest::{busy, fill, ComputeGuest};
use crate::guest::{long, word, TIMEOUT};

/// Types of statistics: of a node and of a process on a node, old and new.
const NODE: u32 = 5;
const PROCESS_NODE: u32 = 6;
const NODE2: u32 = 18;
const PROCESS_NODE2: u32 = 19;

/// A second in the unit of running times.
const SECOND: u64 = 10_000_000;

impl ComputeGuest {
    fn statistics(&mut self, process: u32, kind: u32, node: u32) -> Vec<u8> {
        let selector = match kind {
            NODE2 | PROCESS_NODE2 => node << 16,
            _ => node,
        };
        let (status, result) = self.m.statistics(process, kind, selector);
        assert_eq!(status, 0, "type {kind}");
        result
    }

    /// Running time of an engine.
    fn node_time(&mut self, node: u32) -> u64 {
        let process = self.m.process;
        long(&self.statistics(process, NODE, node), 0)
    }

    /// Running time of an engine that is done: one whose last fence is there may still be at work.
    fn idle_time(&mut self, node: u32) -> u64 {
        let (process, begin) = (self.m.process, Instant::now());
        loop {
            let result = self.statistics(process, NODE, node);
            if word(&result, 76) == word(&result, 80) {
                return long(&result, 0);
            }
            assert!(begin.elapsed() < TIMEOUT, "still at work");
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn process_time(&mut self, process: u32, node: u32) -> u64 {
        long(&self.statistics(process, PROCESS_NODE, node), 0)
    }
}

fn guest() -> ComputeGuest {
    ComputeGuest::with(Config {
        time_limit: Duration::from_secs(60),
        ..Config::default()
    })
}

#[test]
fn engines_and_processes_have_their_running_times() {
    let mut g = guest();
    let (process, other) = (g.m.process, g.m.guest.create_process(2, "other"));
    assert_eq!((g.node_time(0), g.process_time(process, 0)), (0, 0), "idle");
    let begin = Instant::now();
    g.run(&busy(60_000));
    g.run(&busy(30_000));
    let time = g.idle_time(0);
    let elapsed = begin.elapsed();
    assert!(time >= 90 * SECOND / 1000, "{time}");
    assert!(u128::from(time) * 100 <= elapsed.as_nanos(), "{time}");
    assert_eq!(g.process_time(process, 0), time, "all of it was its");
    assert_eq!(g.process_time(other, 0), 0);
    assert_eq!((g.node_time(1), g.process_time(process, 1)), (0, 0));
    // It stands still while nothing is done.
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(g.node_time(0), time);
    g.m.guest.destroy_process(other);
    g.end();
}

#[test]
fn a_running_time_grows_while_a_job_runs() {
    let mut g = guest();
    let process = g.m.process;
    let (begin, fence) = (Instant::now(), g.fence());
    let mut job = busy(2_000_000);
    job.extend(crate::compute_guest::fence(fence.gpu, 1));
    g.submit(&job);
    // Half of its time shows before it ends: a monitor sees an engine at work.
    let seen = loop {
        let seen = g.process_time(process, 0);
        if seen >= SECOND {
            break seen;
        }
        assert!(begin.elapsed() < TIMEOUT, "{seen}");
        std::thread::sleep(Duration::from_millis(1));
    };
    let early = g.value(fence.page) == 0;
    assert!(early || begin.elapsed() > Duration::from_secs(2));
    assert!(u128::from(seen) * 100 <= begin.elapsed().as_nanos());
    g.await_value(fence.page, 1);
    assert!(g.process_time(process, 0) >= 2 * SECOND);
    g.end();
}

#[test]
fn time_of_a_job_that_is_dropped_counts() {
    let mut g = guest();
    let process = g.m.process;
    g.submit(&busy(u32::MAX));
    while g.process_time(process, 0) < SECOND / 100 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let (context, before) = (g.context, g.node_time(0));
    assert_eq!(
        word(&g.m.send(7, &crate::guest::words(&[context, 0])), 0),
        0
    );
    // The engine lets go of it within a step, and stays idle.
    let mut last = before;
    let stands = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let now = g.node_time(0);
        std::mem::replace(&mut last, now) == now
    });
    assert!(stands && last >= before, "{last}");
    g.end();
}

#[test]
fn what_a_process_did_goes_with_it_but_not_from_the_total() {
    let mut g = guest();
    g.run(&busy(20_000));
    let (first, time) = (g.m.process, g.idle_time(0));
    let other = g.m.guest.create_process(2, "other");
    g.m.guest.destroy_process(first);
    let m = crate::memory_guest::MemoryGuest::of_process(g.m.guest, other);
    let mut g = ComputeGuest::on(m);
    assert_eq!(g.process_time(other, 0), 0);
    assert_eq!(g.node_time(0), time);
    g.run(&busy(10_000));
    let total = g.idle_time(0);
    let own = g.process_time(other, 0);
    assert!(own >= SECOND / 100);
    // Each is cut to its unit.
    assert!((time + own..=time + own + 1).contains(&total), "{total}");
    g.end();
}

#[test]
fn packets_and_switches_are_counted() {
    let mut g = guest();
    let process = g.m.process;
    let target = g.buffer(4096);
    let second = g.context_on(0);
    for _ in 0..3 {
        g.run(&fill(target.gpu, 64, 1));
    }
    let gate = g.fence();
    g.idle_time(0);
    g.hold(second, gate, 1);
    let commands = fill(target.gpu, 64, 2);
    g.submit_in(second, &commands);
    for kind in [NODE, NODE2, PROCESS_NODE, PROCESS_NODE2] {
        let result = g.statistics(process, kind, 0);
        // Command buffers and waits: how many came, how many are done.
        assert_eq!((word(&result, 76), word(&result, 80)), (4, 3), "{kind}");
        assert_eq!((word(&result, 108), word(&result, 112)), (1, 0), "{kind}");
        assert_eq!((word(&result, 140), word(&result, 144)), (4, 3), "{kind}");
        assert_eq!(word(&result, 8), 1, "one context so far");
    }
    g.signal(gate, 1);
    g.idle_time(0);
    let result = g.statistics(process, NODE, 0);
    assert_eq!((word(&result, 108), word(&result, 112)), (1, 1));
    assert_eq!(word(&result, 8), 2, "another context");
    // The system does nothing on these engines; their clock is that of the description.
    assert!(result[272..544].iter().all(|&byte| byte == 0));
    assert_eq!((word(&result, 544), long(&result, 552)), (0, 1_500_000_000));
    g.end();
}
