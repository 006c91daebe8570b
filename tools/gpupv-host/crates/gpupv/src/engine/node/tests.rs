// SPDX-License-Identifier: GPL-2.0
//! Whose turn it is.

use std::time::{Duration, Instant};

use super::{NodeId, Schedule, Turn};
use crate::engine::{Engine, Item, Owner, QueueId};
use crate::gpu::Buffer;
use crate::handles::Handle;
use crate::queues::Priority;

const NODE: NodeId = NodeId {
    adapter: 0,
    ordinal: 1,
};

const OWNER: Owner = Owner {
    process: Handle(1),
    device: Handle(2),
};

fn priority(global: i32, in_process: i32) -> Priority {
    Priority { global, in_process }
}

struct Bench {
    engine: Engine,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let (engine, now) = (Engine::new(1), Instant::now());
        Self { engine, now }
    }

    fn queue(&mut self, priority: Priority) -> QueueId {
        let node = NODE;
        self.engine
            .create_queue(OWNER, Some(Schedule { node, priority }))
    }

    fn submit(&mut self, queue: QueueId) {
        let buffer = Buffer::new(0x1_0000, 8).unwrap();
        let fence = None;
        let work = Item::Run { buffer, fence };
        self.engine.submit(&[queue], &work, self.now).unwrap();
    }

    fn turn(&mut self) -> Option<Turn> {
        self.engine.take_turn(NODE, self.now)
    }

    /// A turn that does a part.
    fn step(&mut self, holds: bool) -> QueueId {
        let turn = self.turn().unwrap();
        let (queue, program) = (turn.queue, turn.program);
        self.engine.end_turn(NODE, queue, program, holds, self.now);
        queue
    }
}

#[test]
fn those_that_matter_most_go_first_and_equals_take_turns() {
    let mut bench = Bench::new();
    let [low, a, b, high, in_process] = [(-1, 7), (0, 0), (0, 0), (2, -7), (0, 1)]
        .map(|(global, own)| bench.queue(priority(global, own)));
    for queue in [low, a, b] {
        bench.submit(queue);
    }
    let steps: Vec<QueueId> = (0..4).map(|_| bench.step(false)).collect();
    assert_eq!(steps, [a, b, a, b]);
    bench.submit(high);
    bench.submit(in_process);
    for queue in [high, in_process, a, b, low] {
        assert_eq!(bench.step(false), queue);
        bench.engine.finish_job(NODE, queue, bench.now);
    }
    assert!(bench.turn().is_none());
}

#[test]
fn priorities_change_while_work_waits() {
    let mut bench = Bench::new();
    let (a, b) = (bench.queue(priority(0, 0)), bench.queue(priority(0, 0)));
    bench.submit(a);
    bench.submit(b);
    bench.engine.set_priority(b, priority(1, 0));
    assert_eq!([bench.step(false), bench.step(false)], [b, b]);
    bench.engine.set_priority(b, priority(-1, 0));
    assert_eq!([bench.step(false), bench.step(false)], [a, a]);
}

#[test]
fn one_that_holds_the_engine_keeps_it() {
    let mut bench = Bench::new();
    let (a, b) = (bench.queue(priority(0, 0)), bench.queue(priority(7, 0)));
    bench.submit(a);
    assert_eq!(bench.step(true), a);
    bench.submit(b);
    bench.now += Duration::from_millis(5);
    let turn = bench.turn().unwrap();
    assert_eq!((turn.queue, turn.held), (a, Some(Duration::from_millis(5))));
    // Until it lets go, or goes.
    assert_eq!(bench.step(false), a);
    assert_eq!(bench.step(true), b);
    bench.engine.remove_queue(b);
    assert_eq!(bench.step(false), a);
    assert_eq!(bench.turn().unwrap().held, None);
}

#[test]
fn work_goes_with_its_queue_and_order_stays() {
    let mut bench = Bench::new();
    let queue = bench.queue(priority(0, 0));
    bench.submit(queue);
    bench.submit(queue);
    assert_eq!(bench.engine.take_news().busy.into_iter().next(), Some(NODE));
    bench.engine.flush(OWNER);
    assert!(bench.engine.take_news().idle.is_empty(), "in progress");
    bench.engine.finish_job(NODE, queue, bench.now);
    assert_eq!(bench.turn().map(|turn| turn.queue), Some(queue), "the next");
    bench.engine.clear_queue(queue);
    assert!(bench.turn().is_none() && !bench.engine.is_on_node(queue));
    assert_eq!(bench.engine.take_news().idle, [OWNER]);
    // What was going on when it was cleared ends in nothing.
    bench.engine.finish_job(NODE, queue, bench.now);
    bench.submit(queue);
    assert_eq!(bench.step(false), queue);
    bench.engine.remove_queue(queue);
    assert_eq!((bench.engine.nodes.len(), bench.engine.load), (0, 0));
}
