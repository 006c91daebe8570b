// SPDX-License-Identifier: GPL-2.0
//! The engine, with a clock of our own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Condition, CpuWait, Effect, Engine, Item, Owner, QueueId};
use crate::address_space::{Change, Update};
use crate::fence::Fence;
use crate::handles::Handle;
use crate::io_space::tests::space;
use crate::io_space::IoSpace;
use crate::status::NtStatus;
use crate::sync::{Primitive, SyncId, PERIOD};

const OWNER: Owner = Owner {
    process: Handle(1),
    device: Handle(2),
};

struct Bench {
    engine: Engine,
    space: IoSpace,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            engine: Engine::new(7),
            space: space(1 << 10),
            now: Instant::now(),
        }
    }

    fn fence(&mut self, value: u64) -> SyncId {
        let fence = Fence::new(&self.space, value).unwrap();
        self.engine.create_sync(0, Primitive::Monitored(fence))
    }

    fn value(&self, fence: SyncId) -> u64 {
        self.engine
            .primitive(fence)
            .unwrap()
            .watched()
            .unwrap()
            .value()
    }

    fn queue(&mut self) -> QueueId {
        self.engine.create_queue(OWNER, None)
    }

    fn execute(&mut self, queue: QueueId, fence: Option<(SyncId, u64)>) {
        let work = Item::Execute(fence);
        self.engine.submit(&[queue], &work, self.now).unwrap();
    }

    fn wait_in(&mut self, queue: QueueId, conditions: &[(SyncId, u64)]) {
        let wait = Item::Wait(conditions.to_vec());
        self.engine.submit(&[queue], &wait, self.now).unwrap();
    }

    fn signal_in(&mut self, queues: &[QueueId], sync: SyncId, value: u64) {
        let effects = vec![signal(sync, value)];
        self.engine
            .submit_effects(queues, effects, self.now)
            .unwrap();
    }

    fn wait(&mut self, event: u64, any: bool, conditions: &[(SyncId, u64)]) {
        let condition = |&(sync, value): &(SyncId, u64)| Condition {
            handle: Handle(100),
            sync,
            value,
        };
        let wait = CpuWait {
            owner: OWNER,
            event,
            any,
            conditions: conditions.iter().map(condition).collect(),
        };
        self.engine.wait(wait).unwrap();
    }

    fn events(&mut self) -> Vec<u64> {
        self.engine.take_news().events
    }

    /// Lets the next thing happen that is due; `false` if there is none.
    fn next(&mut self) -> bool {
        let Some(due) = self.engine.next_due() else {
            return false;
        };
        self.now = due;
        self.engine.advance(due);
        true
    }

    fn finish(&mut self) {
        for _ in 0..100_000 {
            if !self.next() {
                return;
            }
        }
        panic!("this never ends");
    }

    /// Nothing holds anything.
    fn assert_empty(&self) {
        assert_eq!(self.engine.queue_count(), 0, "queues");
        assert_eq!(self.engine.sync_count(), 0, "sync objects");
        assert_eq!(self.engine.wait_count(), 0, "waits");
        assert_eq!(self.engine.joins.len(), 0, "joins");
        assert_eq!(self.engine.nodes.len(), 0, "buffers in work");
        assert_eq!(self.engine.load, 0, "load");
        assert_eq!(self.space.used(), 0, "pages");
        assert_eq!(self.engine.next_due(), None);
    }
}

fn signal(sync: SyncId, value: u64) -> Effect {
    Effect::Signal {
        sync,
        value,
        rewind: false,
    }
}

#[test]
fn work_is_done_in_order_and_takes_its_time() {
    let mut bench = Bench::new();
    let (queue, fence) = (bench.queue(), bench.fence(0));
    let begin = bench.now;
    for value in 1..=200 {
        bench.execute(queue, Some((fence, value)));
    }
    assert_eq!(bench.value(fence), 0, "nothing is done at once");
    let mut last = begin;
    for value in 1..=200 {
        assert!(bench.next());
        assert_eq!(bench.value(fence), value);
        let took = bench.now - last;
        assert!(took >= Duration::from_micros(50) && took <= Duration::from_micros(1000));
        last = bench.now;
    }
    assert!(!bench.next());
    bench.engine.remove_queue(queue);
    bench.engine.drop_handle(fence);
    bench.assert_empty();
}

#[test]
fn the_same_seed_takes_the_same_times() {
    let times = |seed| {
        let mut bench = Bench::new();
        bench.engine = Engine::new(seed);
        let begin = bench.now;
        let queue = bench.queue();
        for _ in 0..20 {
            bench.execute(queue, None);
        }
        let mut times = Vec::new();
        while bench.next() {
            times.push(bench.now - begin);
        }
        times
    };
    assert_eq!(times(3), times(3));
    assert_ne!(times(3), times(4));
}

#[test]
fn queues_go_on_by_themselves() {
    let mut bench = Bench::new();
    let (held, free) = (bench.queue(), bench.queue());
    let (gate, one, other) = (bench.fence(0), bench.fence(0), bench.fence(0));
    bench.wait_in(held, &[(gate, 1)]);
    bench.execute(held, Some((one, 1)));
    bench.execute(free, Some((other, 1)));
    bench.finish();
    assert_eq!((bench.value(one), bench.value(other)), (0, 1));
    bench.engine.signal_now(&[signal(gate, 1)], bench.now);
    bench.finish();
    assert_eq!(bench.value(one), 1);
}

#[test]
fn a_wait_needs_everything_and_values_do_not_go_back() {
    let mut bench = Bench::new();
    let queue = bench.queue();
    let (a, b, done) = (bench.fence(5), bench.fence(0), bench.fence(0));
    bench.wait_in(queue, &[(a, 6), (b, 3)]);
    bench.signal_in(&[queue], done, 1);
    let now = bench.now;
    bench.engine.signal_now(&[signal(a, 7), signal(b, 2)], now);
    bench.engine.signal_now(&[signal(a, 1)], now);
    assert_eq!((bench.value(a), bench.value(done)), (7, 0));
    bench.engine.signal_now(&[signal(b, 3)], now);
    assert_eq!(bench.value(done), 1);
    let rewind = Effect::Signal {
        sync: a,
        value: 1,
        rewind: true,
    };
    bench.engine.signal_now(&[rewind], now);
    assert_eq!(bench.value(a), 1);
}

#[test]
fn a_join_happens_when_all_queues_are_there() {
    let mut bench = Bench::new();
    let queues = [bench.queue(), bench.queue(), bench.queue()];
    let fence = bench.fence(0);
    for &queue in &queues {
        bench.execute(queue, None);
    }
    bench.signal_in(&queues, fence, 9);
    for _ in 0..2 {
        bench.next();
        assert_eq!(bench.value(fence), 0);
    }
    bench.next();
    assert_eq!(bench.value(fence), 9);
    // One that loses a queue never happens.
    let gate = bench.fence(0);
    bench.wait_in(queues[0], &[(gate, 1)]);
    bench.signal_in(&queues, fence, 10);
    bench.engine.remove_queue(queues[0]);
    bench.finish();
    assert_eq!(bench.value(fence), 9);
    assert_eq!(bench.engine.joins.len(), 0);
}

#[test]
fn mutexes_and_semaphores_are_held() {
    let mut bench = Bench::new();
    let (first, second) = (bench.queue(), bench.queue());
    let mutex = bench
        .engine
        .create_sync(0, Primitive::Mutex { owned: false });
    let (one, two) = (bench.fence(0), bench.fence(0));
    for (queue, fence) in [(first, one), (second, two)] {
        bench.wait_in(queue, &[(mutex, 0)]);
        bench.signal_in(&[queue], fence, 1);
    }
    assert_eq!((bench.value(one), bench.value(two)), (1, 0));
    bench.engine.signal_now(&[signal(mutex, 0)], bench.now);
    assert_eq!(bench.value(two), 1);

    let semaphore = Primitive::Semaphore { count: 1, max: 2 };
    let semaphore = bench.engine.create_sync(0, semaphore);
    let now = bench.now;
    // No more than two.
    for _ in 0..5 {
        bench.engine.signal_now(&[signal(semaphore, 0)], now);
    }
    for value in 2..=4 {
        bench.wait_in(first, &[(semaphore, 0)]);
        bench.signal_in(&[first], one, value);
    }
    assert_eq!(bench.value(one), 3);
}

#[test]
fn cpu_waits_end_once() {
    let mut bench = Bench::new();
    let (a, b) = (bench.fence(0), bench.fence(0));
    bench.wait(2, false, &[(a, 1), (b, 1)]);
    bench.wait(3, true, &[(a, 1), (b, 1)]);
    bench.wait(4, false, &[(a, 0)]);
    assert_eq!(bench.events(), [4], "it was over before it began");
    let now = bench.now;
    bench.engine.signal_now(&[signal(b, 1)], now);
    assert_eq!(bench.events(), [3]);
    bench.engine.signal_now(&[signal(a, 5), signal(a, 6)], now);
    assert_eq!(bench.events(), [2]);
    assert_eq!(bench.engine.wait_count(), 0);
}

#[test]
fn waits_end_with_their_handle_or_go_with_their_owner() {
    let mut bench = Bench::new();
    let fence = bench.fence(0);
    bench.wait(2, false, &[(fence, 1)]);
    let other = Handle(101);
    bench.engine.end_waits_by(OWNER.process, other, fence);
    assert!(bench.events().is_empty(), "another handle");
    bench.engine.end_waits_by(OWNER.process, Handle(100), fence);
    assert_eq!(bench.events(), [2]);
    bench.wait(3, false, &[(fence, 1)]);
    bench.engine.end_waits_of(OWNER, false);
    bench.engine.signal_now(&[signal(fence, 1)], bench.now);
    assert!(bench.events().is_empty());
    bench.wait(5, false, &[(fence, 9)]);
    bench.engine.end_waits_of(OWNER, true);
    assert_eq!(bench.events(), [5]);
    // Without a handle, nobody could end a wait.
    bench.wait(4, false, &[(fence, 9)]);
    bench.engine.drop_handle(fence);
    assert_eq!(bench.events(), [4]);
    bench.assert_empty();
}

#[test]
fn queued_work_keeps_objects_alive() {
    let mut bench = Bench::new();
    let (queue, fence, done) = (bench.queue(), bench.fence(0), bench.fence(0));
    bench.engine.add_share(fence);
    bench.wait_in(queue, &[(fence, 1)]);
    bench.signal_in(&[queue], done, 1);
    bench.engine.drop_handle(fence);
    bench.engine.signal_now(&[signal(fence, 1)], bench.now);
    assert_eq!(bench.value(done), 1);
    bench.engine.drop_share(fence);
    assert!(bench.engine.primitive(fence).is_none());
    bench.engine.remove_queue(queue);
    bench.engine.drop_handle(done);
    bench.assert_empty();
}

#[test]
fn notifications_and_events_are_told_in_order() {
    let mut bench = Bench::new();
    let queue = bench.queue();
    let notification = Primitive::CpuNotification { event: 7 };
    let notification = bench.engine.create_sync(0, notification);
    for event in [10, 11] {
        bench.execute(queue, None);
        let effects = vec![Effect::Event(event), signal(notification, 0)];
        bench
            .engine
            .submit_effects(&[queue], effects, bench.now)
            .unwrap();
    }
    assert!(bench.events().is_empty());
    bench.finish();
    assert_eq!(bench.events(), [10, 7, 11, 7]);
}

#[test]
fn periodic_fences_go_on() {
    let mut bench = Bench::new();
    let fence = Fence::new(&bench.space, 0).unwrap();
    let next = bench.now + PERIOD;
    let fence = bench
        .engine
        .create_sync(0, Primitive::Periodic { fence, next });
    bench.wait(2, false, &[(fence, 3)]);
    for value in 1..=3 {
        assert!(bench.events().is_empty());
        bench.next();
        assert_eq!(bench.value(fence), value);
    }
    assert_eq!(bench.events(), [2]);
    // A host that was busy elsewhere catches up.
    bench.engine.advance(bench.now + PERIOD * 10);
    assert_eq!(bench.value(fence), 13);
    bench.engine.drop_handle(fence);
    bench.assert_empty();
}

#[test]
fn flushing_waits_for_what_is_in_progress_only() {
    let mut bench = Bench::new();
    let (queue, other) = (bench.queue(), bench.queue());
    let gate = bench.fence(0);
    bench.execute(queue, None);
    bench.execute(queue, None);
    bench.wait_in(other, &[(gate, 1)]);
    bench.execute(other, None);
    bench.engine.flush(OWNER);
    assert!(bench.engine.take_news().idle.is_empty());
    bench.next();
    assert!(bench.engine.take_news().idle.is_empty());
    bench.next();
    assert_eq!(bench.engine.take_news().idle, [OWNER]);
    assert!(bench.engine.take_news().idle.is_empty(), "told once");
}

#[test]
fn there_is_a_limit() {
    let mut bench = Bench::new();
    let queue = bench.queue();
    let gate = bench.fence(0);
    let wait = Item::Wait(vec![(gate, 1); 32]);
    let mut accepted = 0;
    while bench.engine.submit(&[queue], &wait, bench.now).is_ok() {
        accepted += 1;
    }
    assert_eq!(accepted, super::LOAD_MAX / 33);
    bench.engine.remove_queue(queue);
    bench.engine.drop_handle(gate);
    bench.assert_empty();
}

/// Queues that signal and wait at random, compared with what must come of it: each fence is signalled
/// by one queue only, with growing values, and ends at the last of them.
#[test]
fn random_work_leaves_nothing_behind() {
    for seed in 1..60 {
        let mut bench = Bench::new();
        bench.engine = Engine::new(seed);
        let queues: Vec<QueueId> = (0..4).map(|_| bench.queue()).collect();
        let fences: Vec<SyncId> = (0..4).map(|_| bench.fence(0)).collect();
        let mut last = [0; 4];
        let mut state = seed;
        let mut number = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for event in 0..200 {
            let who = usize::try_from(number(4)).unwrap();
            match number(5) {
                0 => {
                    // Never for what is not queued yet: that would hold up for ever.
                    let whom = usize::try_from(number(4)).unwrap();
                    bench.wait_in(queues[who], &[(fences[whom], last[whom])]);
                }
                1 => bench.wait(event, false, &[(fences[who], last[who])]),
                2 => bench.execute(queues[who], None),
                3 => {
                    last[who] += 1;
                    bench.execute(queues[who], Some((fences[who], last[who])));
                }
                _ => {
                    last[who] += 1;
                    bench.signal_in(&[queues[who]], fences[who], last[who]);
                }
            }
            if number(3) == 0 {
                bench.next();
            }
        }
        bench.finish();
        for (who, &fence) in fences.iter().enumerate() {
            assert_eq!(bench.value(fence), last[who], "seed {seed}");
        }
        assert_eq!(bench.engine.wait_count(), 0);
        for queue in queues {
            bench.engine.remove_queue(queue);
        }
        for fence in fences {
            bench.engine.drop_handle(fence);
        }
        bench.assert_empty();
    }
}

#[test]
fn updates_are_the_hosts_to_make_when_it_is_their_turn() {
    let mut bench = Bench::new();
    let (queue, other) = (bench.queue(), bench.queue());
    let (gate, fence) = (bench.fence(0), bench.fence(0));
    let change = Change::Copy {
        from: 0,
        to: 0,
        len: 0,
    };
    let update = |changes: usize, value: u64| Item::Update {
        update: Arc::new(Update {
            adapter: 0,
            changes: vec![(change, None); changes],
        }),
        fence: (fence, value),
    };
    bench.wait_in(queue, &[(gate, 1)]);
    bench.wait_in(other, &[(gate, 2)]);
    for (queue, item) in [
        (queue, update(3, 1)),
        (queue, update(5, 2)),
        (other, update(7, 3)),
    ] {
        bench.engine.submit(&[queue], &item, bench.now).unwrap();
    }
    bench.execute(queue, Some((fence, 4)));
    assert!(bench.engine.take_updates().is_empty(), "not yet");
    bench.engine.signal_now(&[signal(gate, 1)], bench.now);
    for (changes, value) in [(3, 1), (5, 2)] {
        assert_eq!(bench.engine.take_updates(), [queue]);
        bench.finish();
        assert_eq!(
            bench.value(fence),
            value - 1,
            "nothing goes on without the host"
        );
        let (owner, update) = bench.engine.update_at(queue).unwrap();
        assert_eq!((owner, update.changes.len()), (OWNER, changes));
        bench.engine.finish_update(queue, bench.now);
        assert!(bench.engine.update_at(queue).is_none());
        assert_eq!(bench.value(fence), value - 1, "it takes its time");
        assert!(bench.next());
        assert_eq!(bench.value(fence), value);
    }
    bench.finish();
    assert_eq!(bench.value(fence), 4);
    // One that is dropped when the host is about to make it.
    bench.engine.signal_now(&[signal(gate, 2)], bench.now);
    assert_eq!(bench.engine.take_updates(), [other]);
    bench.engine.clear_queue(other);
    assert!(bench.engine.update_at(other).is_none());
    bench.execute(other, Some((fence, 5)));
    bench.finish();
    assert_eq!(bench.value(fence), 5, "the queue is of use");
    for queue in [queue, other] {
        bench.engine.remove_queue(queue);
    }
    for sync in [gate, fence] {
        bench.engine.drop_handle(sync);
    }
    bench.assert_empty();
}

#[test]
fn many_changes_are_much_work() {
    let mut bench = Bench::new();
    let (queue, gate) = (bench.queue(), bench.fence(0));
    bench.wait_in(queue, &[(gate, 1)]);
    let (from, to, len) = (0, 0, 0);
    let changes = vec![(Change::Copy { from, to, len }, None); 2048];
    let item = Item::Update {
        update: Arc::new(Update {
            adapter: 0,
            changes,
        }),
        fence: (gate, 1),
    };
    let mut results = (0..1000).map(|_| bench.engine.submit(&[queue], &item, bench.now));
    assert_eq!(results.find(Result::is_err), Some(Err(NtStatus::NO_MEMORY)));
    bench.engine.remove_queue(queue);
    bench.engine.drop_handle(gate);
    bench.assert_empty();
}
