// SPDX-License-Identifier: GPL-2.0
//! Random use of memory, with every sum checked against what it is a sum of.

use super::*;
use crate::budget::PerGroup;

const UNIT: u64 = 4096;
const PROCESSES: [Handle; 3] = [Handle(0x40), Handle(0x80), Handle(0xC0)];

fn info(group: SegmentGroup, pages: u64, priority: u32) -> MemoryInfo {
    MemoryInfo {
        adapter: 0,
        size: pages * UNIT,
        group,
        cached: false,
        priority,
    }
}

fn limits(budget: u64, capacity: u64) -> Limits {
    Limits {
        budget: PerGroup::new(|_| budget * UNIT),
        capacity: PerGroup::new(|_| capacity * UNIT),
    }
}

/// Whether memory is placed, where it belongs, and who uses it how often.
type State = BTreeMap<MemoryId, (bool, SegmentGroup, BTreeMap<Handle, u64>)>;

/// What an operation that fails must not change.
fn state(memories: &Memories) -> State {
    let one = |(&id, memory): (&MemoryId, &Memory)| {
        (id, (memory.placed, memory.info.group, memory.users.clone()))
    };
    memories.all.iter().map(one).collect()
}

fn check(memories: &Memories, capacity: PerGroup) {
    for group in SegmentGroup::ALL {
        let sum = |wanted: &dyn Fn(&Memory) -> bool| -> u64 {
            let all = memories.all.values().filter(|m| m.info.group == group);
            all.filter(|m| wanted(m)).map(|m| m.info.size).sum()
        };
        let placed = memories.placed(0).of(group);
        assert_eq!(placed, sum(&|m| m.placed));
        assert!(placed <= capacity.of(group));
        for process in PROCESSES {
            let used = memories.used(process, 0).of(group);
            assert_eq!(used, sum(&|m| m.users.contains_key(&process)));
        }
    }
    for memory in memories.all.values() {
        let must_have_a_place = !memory.users.is_empty() && memory.offer.is_none();
        assert!(memory.placed || !must_have_a_place);
        assert!(memory.users.values().all(|&times| times > 0));
    }
}

#[test]
fn random_use_adds_up() {
    let limits = limits(40, 64);
    let mut memories = Memories::default();
    let mut seed = 11u64;
    let mut random = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % limit
    };
    let (mut refused, mut evicted) = (0, 0);
    for _ in 0..10_000 {
        let ids: Vec<MemoryId> = memories.all.keys().copied().collect();
        let process = PROCESSES[random(3)];
        let some: Vec<MemoryId> = match ids.len() {
            0 => Vec::new(),
            len => (0..1 + random(3)).map(|_| ids[random(len)]).collect(),
        };
        let before = state(&memories);
        match (random(8), some.first().copied()) {
            (0, _) | (_, None) if ids.len() < 30 => {
                let group = SegmentGroup::ALL[random(2)];
                let priority = u32::try_from(random(3)).unwrap();
                memories.create(info(group, 1 + random(20) as u64, priority), None);
            }
            (1 | 2, _) => {
                // Memory on offer is not made resident; the handlers see to that.
                let free = |id: &MemoryId| memories.get(*id).is_some_and(|m| m.offer.is_none());
                let some: Vec<MemoryId> = some.into_iter().filter(free).collect();
                if memories.make_resident(process, 0, &some, limits).is_err() {
                    assert_eq!(state(&memories), before);
                    refused += 1;
                }
            }
            (3, Some(id)) => memories.stop_using(process, id, 1, random(2) == 0),
            (4, Some(id)) => {
                let priority = OfferPriority::try_from(1 + random(4) as u32).unwrap();
                let may_decommit = random(2) == 0;
                memories.offer(
                    id,
                    Offer {
                        priority,
                        may_decommit,
                    },
                );
            }
            (5, _) => match memories.reclaim(0, &some, limits.capacity) {
                Ok(fates) => assert_eq!(fates.len(), some.len()),
                Err(_) => assert_eq!(state(&memories), before),
            },
            (6, Some(id)) => {
                let group = SegmentGroup::ALL[random(2)];
                if memories.move_to(id, group, limits.capacity).is_err() {
                    assert_eq!(state(&memories), before);
                }
            }
            (_, Some(id)) if random(4) == 0 => memories.release(id),
            _ => {}
        }
        check(&memories, limits.capacity);
        evicted = memories.evictions(0).count;
    }
    assert!(refused > 50 && evicted > 50, "{refused}, {evicted}");
    for id in memories.all.keys().copied().collect::<Vec<_>>() {
        memories.release(id);
    }
    assert_eq!(memories.count(), 0);
    check(&memories, PerGroup::default());
}

#[test]
fn references_of_shares_count() {
    let mut memories = Memories::default();
    let id = memories.create(info(SegmentGroup::Local, 1, 0), None);
    let share = memories.share(SharedResource {
        adapter: 0,
        memories: vec![id, id],
    });
    memories.release(id);
    assert_eq!(memories.shared(share).unwrap().memories, [id, id]);
    assert!(memories.get(id).is_some());
    memories.unshare(share);
    assert!(memories.get(id).is_none() && memories.shared(share).is_none());
}

#[test]
fn pages_go_back_when_no_engine_works_on_them_any_more() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    let mut memories = Memories::default();
    let mut pages = GuestPages::new(2 * UNIT, false, &PageBudget::default());
    pages.append(0, &[5, 6]).unwrap();
    let id = memories.create(info(SegmentGroup::Local, 2, 0), Some(pages));
    // Somebody else has it, too.
    memories.retain(id);
    let gate = memories.add_gate();
    let done = AtomicBool::new(false);
    let (ready, started) = channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let busy = gate.lock().unwrap();
            ready.send(()).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
            done.store(true, Ordering::SeqCst);
            drop(busy);
        });
        started.recv().unwrap();
        memories.give_back(id);
        assert!(done.load(Ordering::SeqCst), "it was still at work");
    });
    let memory = memories.get(id).unwrap();
    assert!(!memory.is_complete());
    assert_eq!(memory.guest.as_ref().unwrap().page(0), None);
}
