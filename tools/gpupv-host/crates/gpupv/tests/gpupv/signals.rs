// SPDX-License-Identifier: GPL-2.0
//! Signals, by CPUs and by queues.

use crate::bench::{signal_body, Bench, Signal, ACCESS_DENIED, INVALID_HANDLE, INVALID_PARAMETER};
use crate::guest::words;

const AT_SUBMISSION: u32 = 1;
const EVENT: u32 = 2;
const REWIND: u32 = 4;

fn with<'a>(flags: u32, objects: &'a [u32], queues: &'a [u32], values: &'a [u64]) -> Signal<'a> {
    Signal {
        flags,
        objects,
        queues,
        values,
        ..Signal::default()
    }
}

#[test]
fn a_cpu_signals_at_once() {
    let mut bench = Bench::new();
    let fence = bench.fence(3);
    assert_eq!(bench.signal_now(fence.handle, 10), 0);
    assert_eq!(bench.value(fence.page), 10);
    assert_eq!(bench.signal_now(fence.handle, 10), 0, "it is there already");
    assert_eq!(bench.signal_now(fence.handle, 9), INVALID_PARAMETER);
    assert_eq!(bench.value(fence.page), 10);
    let event = bench.device.into();
    let back = Signal {
        flags: REWIND,
        objects: &[fence.handle],
        values: &[2],
        event,
        ..Signal::default()
    };
    assert_eq!(bench.signal(&back), 0);
    assert_eq!(bench.value(fence.page), 2);
    bench.end();
}

#[test]
fn a_cpu_signals_all_or_nothing() {
    let mut bench = Bench::new();
    let (first, second) = (bench.fence(0), bench.fence(7));
    let mutex = bench.try_sync(1, 0, &[]).unwrap().handle;
    let periodic = bench.try_sync(6, 0, &[0; 40]).unwrap().handle;
    let locked = bench.try_sync(5, 1 << 4, &[]).unwrap().handle;
    let paging = bench.paging_queue().fence;
    let event = bench.device.into();
    for (other, value, status) in [
        (second.handle, 6, INVALID_PARAMETER),
        (mutex, 1, INVALID_PARAMETER),
        (periodic, 1 << 40, INVALID_PARAMETER),
        (locked, 1, ACCESS_DENIED),
        (paging, 1, INVALID_PARAMETER),
        (bench.device, 1, INVALID_PARAMETER),
        (0, 1, INVALID_PARAMETER),
    ] {
        let (objects, values) = ([first.handle, other], [1, value]);
        let signal = Signal {
            objects: &objects,
            values: &values,
            event,
            ..Signal::default()
        };
        assert_eq!(bench.signal(&signal), status, "{objects:x?}");
    }
    assert_eq!((bench.value(first.page), bench.value(second.page)), (0, 7));
    let both = Signal {
        objects: &[first.handle, second.handle],
        values: &[8, 9],
        event,
        ..Signal::default()
    };
    assert_eq!(bench.signal(&both), 0);
    assert_eq!((bench.value(first.page), bench.value(second.page)), (8, 9));
    for flags in [8, EVENT, 1 << 31] {
        let signal = Signal { flags, ..both };
        assert_eq!(bench.signal(&signal), INVALID_PARAMETER);
    }
    bench.end();
}

#[test]
fn a_cpu_signal_that_no_driver_sends() {
    let mut bench = Bench::new();
    let fence = bench.fence(0).handle;
    let many = [fence; 33];
    let event = bench.device.into();
    for (objects, values) in [(&[][..], &[][..]), (&many, &[1; 33])] {
        let signal = Signal {
            objects,
            values,
            event,
            ..Signal::default()
        };
        assert_eq!(bench.signal(&signal), INVALID_PARAMETER);
    }
    let stranger = Signal {
        objects: &[fence],
        values: &[1],
        event: 0x7FC0,
        ..Signal::default()
    };
    assert_eq!(bench.signal(&stranger), INVALID_HANDLE);
    // Fewer objects than it says.
    let mut body = signal_body(&stranger);
    body[..4].copy_from_slice(&99u32.to_le_bytes());
    assert_eq!(bench.status(26, &body), INVALID_PARAMETER);
    // A user may ask for a signal of nothing: no driver has to look at that.
    assert_eq!(bench.guest.violations().len(), 3);
}

#[test]
fn a_message_without_values_is_the_hosts_to_judge() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let fence = bench.fence(3);
    let semaphore = bench.try_sync(2, 0, &words(&[1, 0])).unwrap().handle;
    let mutex = bench.try_sync(1, 0, &words(&[1])).unwrap().handle;
    let event = bench.device.into();
    // What can be held has no value, and a CPU cannot let go of it.
    for object in [fence.handle, semaphore, mutex] {
        let status = bench.signal(&Signal {
            objects: &[object],
            event,
            ..Signal::default()
        });
        assert_eq!(status, INVALID_PARAMETER, "{object:#x}");
    }
    // A queue can.
    let waiting = bench.context(0);
    let both = [semaphore, mutex];
    assert_eq!(
        bench.wait_in(waiting, 1, &both.map(|object| (object, 0))),
        0
    );
    assert_eq!(bench.signal_in(waiting, fence.handle, 4), 0);
    assert_eq!(bench.value(fence.page), 3);
    assert_eq!(bench.signal(&with(0, &both, &[context], &[])), 0);
    assert_eq!(bench.value(fence.page), 4);
    let status = bench.signal(&with(0, &[fence.handle], &[context], &[]));
    assert_eq!(status, INVALID_PARAMETER);
    bench.end();
}

#[test]
fn queues_signal_when_they_get_there() {
    let mut bench = Bench::new();
    let contexts = [bench.context(0), bench.context(0)];
    let hw = bench.hw_queue();
    let (gate, fence) = (bench.fence(0), bench.fence(0));
    assert_eq!(bench.wait_in(contexts[0], 0, &[(gate.handle, 1)]), 0);
    let object = [fence.handle];
    assert_eq!(bench.signal(&with(0, &object, &contexts, &[5])), 0);
    assert_eq!(bench.value(fence.page), 0, "one queue is held up");
    // Another queue is not, and a signal can be done without waiting.
    assert_eq!(bench.signal_in(hw.handle, fence.handle, 3), 0);
    assert_eq!(bench.value(fence.page), 3);
    assert_eq!(
        bench.signal(&with(AT_SUBMISSION, &object, &contexts, &[4])),
        0
    );
    assert_eq!(bench.value(fence.page), 4);
    assert_eq!(bench.signal_now(gate.handle, 1), 0);
    assert_eq!(bench.value(fence.page), 5);
    // Too late: the value is not taken back, unless that is wanted.
    assert_eq!(bench.signal(&with(0, &object, &contexts[1..], &[2])), 0);
    assert_eq!(bench.value(fence.page), 5);
    assert_eq!(
        bench.signal(&with(REWIND, &object, &contexts[1..], &[2])),
        0
    );
    assert_eq!(bench.value(fence.page), 2);
    bench.end();
}

#[test]
fn old_fences_take_the_single_value() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let (old, new) = (bench.try_sync(3, 0, &[0; 8]).unwrap(), bench.fence(0));
    let mutex = bench.try_sync(1, 0, &words(&[1])).unwrap();
    for value in [6, 8] {
        assert_eq!(bench.wait_in(context, 1, &[(old.handle, value)]), 0);
        assert_eq!(bench.signal_in(context, new.handle, value), 0);
    }
    let signal = Signal {
        objects: &[old.handle, mutex.handle],
        queues: &[bench.context(0)],
        value: 7,
        ..Signal::default()
    };
    assert_eq!(bench.signal(&signal), 0);
    assert_eq!(bench.value(new.page), 6, "7 is enough for 6, not for 8");
    // What can be watched wants a value of its own.
    let signal = Signal {
        objects: &[new.handle],
        ..signal
    };
    assert_eq!(bench.signal(&signal), INVALID_PARAMETER);
    bench.end();
}

#[test]
fn events_take_their_place_in_the_queue() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let (gate, fence) = (bench.fence(0), bench.fence(0));
    let queues = [context];
    let event = |flags, event| Signal {
        event,
        ..with(flags, &[], &queues, &[])
    };
    assert_eq!(bench.wait_in(context, 0, &[(gate.handle, 1)]), 0);
    assert_eq!(bench.signal(&event(EVENT, 21)), 0);
    assert_eq!(bench.signal(&event(EVENT | AT_SUBMISSION, 20)), 0);
    assert_eq!(bench.events(), [20]);
    assert_eq!(bench.signal_now(gate.handle, 1), 0);
    assert_eq!(bench.events(), [21]);
    // An event and objects at once, and neither.
    let both = Signal {
        objects: &[fence.handle],
        values: &[1],
        ..event(EVENT, 22)
    };
    assert_eq!(bench.signal(&both), INVALID_PARAMETER);
    assert_eq!(bench.signal(&event(0, 0)), INVALID_PARAMETER);
    bench.guest.assert_clean();
    assert_eq!(bench.signal(&event(EVENT, 0)), INVALID_PARAMETER);
    assert_eq!(bench.guest.violations().len(), 1);
    assert!(bench.events().is_empty());
}

#[test]
fn cpu_notifications_tell_of_each_signal() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let notification = bench.try_sync(4, 0, &words(&[33, 0])).unwrap().handle;
    for _ in 0..3 {
        assert_eq!(bench.submit(&[context]), 0);
        let signal = Signal {
            objects: &[notification],
            queues: &[context],
            ..Signal::default()
        };
        assert_eq!(bench.signal(&signal), 0);
        bench.await_event(33);
    }
    assert_eq!(
        bench.wait_in(context, 1, &[(notification, 0)]),
        INVALID_PARAMETER
    );
    bench.end();
}

#[test]
fn queues_and_objects_are_checked() {
    let mut bench = Bench::new();
    let context = bench.context(0);
    let other = bench.guest.create_process(2, "other");
    let fence = bench.fence(0).handle;
    let signal = Signal {
        objects: &[fence],
        queues: &[context, bench.device],
        values: &[1],
        ..Signal::default()
    };
    assert_eq!(bench.signal(&signal), INVALID_PARAMETER);
    for object in [0, 0x7FC0, context] {
        let signal = Signal {
            objects: &[object],
            queues: &[context],
            ..signal
        };
        assert_eq!(bench.signal(&signal), INVALID_PARAMETER);
    }
    let gone = bench.context(0);
    assert_eq!(bench.status(7, &words(&[gone])), 0);
    assert_eq!(bench.signal_in(gone, fence, 1), INVALID_PARAMETER);
    bench.guest.assert_clean();
    assert_eq!(bench.signal_in(bench.device, fence, 1), INVALID_HANDLE);
    // Another process has other names.
    let body = signal_body(&Signal {
        queues: &[context],
        ..signal
    });
    let reply = bench.guest.vgpu(0, 26, other, &body);
    assert_eq!(reply, words(&[INVALID_HANDLE]));
    assert_eq!(bench.guest.violations().len(), 2);
}
