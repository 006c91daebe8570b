// SPDX-License-Identifier: GPL-2.0
//! Handles and objects.

use std::collections::HashMap;

use gpupv::handles::{Handle, HandleTable};
use gpupv::objects::{Lookup, Object, ObjectKind, ObjectTable};

/// How many numbers must be free before one of them comes back.
const RESERVE: u32 = 1024;

#[test]
fn the_first_handles_are_those_of_windows() {
    let mut table = HandleTable::default();
    let handles: Vec<u32> = (0..3).map(|n| table.insert(n).unwrap().0).collect();
    assert_eq!(handles, [0x4000_0040, 0x4000_0080, 0x4000_00C0]);
}

#[test]
fn numbers_go_upwards_and_come_back_late_under_another_name() {
    let mut table = HandleTable::default();
    let mut names = Vec::new();
    for n in 0..4 * RESERVE {
        let handle = table.insert(n).unwrap();
        names.push(handle.0);
        assert_eq!(table.remove(handle), Some(n));
        assert_eq!(table.remove(handle), None);
    }
    let round = |unique: u32| (1..=RESERVE).map(move |index| (unique << 30) | (index << 6));
    let expected: Vec<u32> = [1, 2, 3, 1].into_iter().flat_map(round).collect();
    assert_eq!(names, expected);
}

#[test]
fn the_number_that_is_free_the_longest_comes_back_first() {
    let mut table = HandleTable::default();
    let insert = |n| table.insert(n).unwrap();
    let mut handles: Vec<Handle> = (0..2 * RESERVE).map(insert).collect();
    handles.reverse();
    for &handle in &handles {
        table.remove(handle);
    }
    for &handle in &handles[..RESERVE as usize] {
        let next = Handle(handle.0 ^ 0xC000_0000);
        assert_eq!(table.insert(0), Some(next));
    }
}

#[test]
fn only_the_exact_name_is_known() {
    let mut table = HandleTable::default();
    let handle = table.insert('a').unwrap();
    assert_eq!(table.get(handle), Some(&'a'));
    for bit in 0..32 {
        assert_eq!(table.get(Handle(handle.0 ^ (1 << bit))), None, "bit {bit}");
    }
    assert_eq!(table.get(Handle(0)), None);
    assert_eq!(table.get(Handle(u32::MAX)), None);
    *table.get_mut(handle).unwrap() = 'b';
    assert_eq!(table.remove(handle), Some('b'));
}

#[test]
fn tables_against_a_map() {
    let mut table = HandleTable::default();
    let mut model: HashMap<Handle, u32> = HashMap::new();
    let mut state = 7u32;
    for step in 0..50_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 30 != 0 || model.is_empty() {
            let handle = table.insert(step).unwrap();
            assert_ne!(handle.0 >> 30, 0);
            assert_eq!(handle.0 & 0x3F, 0);
            assert_eq!(model.insert(handle, step), None, "in use");
        } else {
            let victim = *model.keys().min().unwrap();
            assert_eq!(table.remove(victim), model.remove(&victim));
        }
        if model.len() > 300 {
            for handle in model.drain().map(|(handle, _)| handle) {
                assert!(table.remove(handle).is_some());
            }
        }
    }
    let highest = table.iter().map(|(h, _)| h.0 << 2 >> 8).max();
    assert!(highest <= Some(301 + RESERVE), "dense: {highest:?}");
    let all: HashMap<Handle, u32> = table.iter().map(|(h, &v)| (h, v)).collect();
    assert_eq!(all, model);
}

#[test]
fn names_that_were_given_are_remembered() {
    let mut table = HandleTable::default();
    let first = table.insert('a').unwrap();
    assert!(table.was_given(first) && !table.is_reused(first));
    table.remove(first);
    assert!(table.was_given(first));
    assert!(!table.was_given(Handle(0x8000_0040)), "the next one");
    for _ in 1..3 * RESERVE {
        let next = table.insert('b').unwrap();
        assert!(!table.is_reused(next));
        table.remove(next);
    }
    for name in [0x4000_0040, 0x8000_0040, 0xC000_0040] {
        assert!(table.was_given(Handle(name)));
    }
    let beyond = 0x4000_0000 | ((RESERVE + 1) << 6);
    for name in [0, 0x40, 0x4000_0041, beyond, u32::MAX] {
        assert!(!table.was_given(Handle(name)), "{name:#x}");
    }
    // The name of the first one comes back.
    assert_eq!(table.insert('c'), Some(first));
    assert!(table.is_reused(first));
    table.remove(first);
    assert!(!table.is_reused(first), "names nothing");
}

fn object(kind: ObjectKind, adapter: usize, parent: Option<Handle>) -> Object<ObjectKind> {
    Object {
        adapter,
        parent,
        payload: kind,
    }
}

fn handles(removed: Vec<(Handle, Object<ObjectKind>)>) -> Vec<Handle> {
    removed.into_iter().map(|(handle, _)| handle).collect()
}

#[test]
fn children_die_with_their_parents() {
    let mut table = ObjectTable::default();
    let device = table.insert(object(ObjectKind::Device, 0, None)).unwrap();
    let other = table.insert(object(ObjectKind::Device, 1, None)).unwrap();
    let context = object(ObjectKind::Context, 0, Some(device));
    let context = table.insert(context).unwrap();
    let queue = object(ObjectKind::HwQueue, 0, Some(context));
    let queue = table.insert(queue).unwrap();
    let fence = object(ObjectKind::MonitoredFence, 0, Some(queue));
    let fence = table.insert(fence).unwrap();
    // No parent, or one on another adapter.
    assert_eq!(
        table.insert(object(ObjectKind::Context, 0, Some(Handle(5)))),
        None
    );
    assert_eq!(
        table.insert(object(ObjectKind::Context, 0, Some(other))),
        None
    );
    assert_eq!(table.children(device).collect::<Vec<_>>(), [context]);
    assert_eq!(handles(table.remove(context)), [fence, queue, context]);
    assert_eq!(table.children(device).next(), None);
    for gone in [context, queue, fence] {
        assert_eq!(table.look_up(gone), Lookup::Stale);
        assert!(table.remove(gone).is_empty());
    }
    assert_eq!(table.look_up(Handle(0x1000)), Lookup::Never);
    assert!(table.get(device).is_some());
    let sync = table
        .insert(object(ObjectKind::SyncObject, 0, None))
        .unwrap();
    let child = table
        .insert(object(ObjectKind::SyncObject, 0, Some(device)))
        .unwrap();
    assert_eq!(handles(table.remove_adapter(0)), [child, device, sync]);
    let counts: Vec<_> = table.count().into_iter().collect();
    assert_eq!(counts, [(ObjectKind::Device, 1)]);
    assert_eq!(handles(table.remove_all()), [other]);
    assert_eq!(table.iter().count(), 0);
}
