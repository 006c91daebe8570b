// SPDX-License-Identifier: GPL-2.0
//! Memory that a guest lends: how much of it, and what is left of it at the end.

use vmbus::control::{Control, ControlOptions};
use vmbus::proto::version;
use vmbus::Closed;

use crate::control::{offer, Machine, RAM_PAGES, VPS};
use crate::session::{self, Answer};

#[test]
fn what_is_left_is_not_the_rings() {
    let mut machine = Machine::opened();
    let lent = |machine: &Machine| {
        (
            machine.control.gpadl_count(),
            machine.control.lent_gpadl_count(),
        )
    };
    assert_eq!(lent(&machine), (1, 0), "the rings");
    machine.lend(1, 2, 3);
    machine.lend(1, 3, 30);
    assert_eq!(lent(&machine), (3, 2));
    machine.send(&session::teardown(1, 2));
    assert_eq!(lent(&machine), (2, 1));
    // A driver that goes without taking its memory back
    machine.send(&session::close(1));
    assert_eq!(lent(&machine), (2, 1));
    machine.send(&session::teardown(1, 1));
    assert_eq!(lent(&machine), (1, 1));
    // The next rings, opened or not yet
    machine.lend(1, 4, 8);
    assert_eq!(lent(&machine), (2, 1));
    machine.send(&session::open(1, 34, 4, 4, 0));
    assert_eq!(lent(&machine), (2, 1));
    // It cannot be taken back from a channel that is gone.
    machine.rescind();
    assert_eq!(lent(&machine), (2, 0));
    machine.send(&session::unload());
    assert_eq!(lent(&machine), (0, 0));
    assert_eq!(
        machine.closed,
        [(1, Closed::ByGuest), (1, Closed::Rescinded)]
    );
}

#[test]
fn pages_are_lent_so_often_and_no_more() {
    let mut machine = Machine::offered();
    let pfns: Vec<u64> = (0..RAM_PAGES).collect();
    let lend = |machine: &mut Machine, gpadl: u32, pages: usize| {
        for message in session::gpadl(1, gpadl, &pfns[..pages]) {
            machine.send(&message);
        }
        match machine.take()[..] {
            [Answer::Created {
                relid: 1,
                gpadl: number,
                ok,
            }] if number == gpadl => ok,
            ref other => panic!("{other:?}"),
        }
    };
    for gpadl in 0..3 {
        assert!(lend(&mut machine, gpadl, 1000));
    }
    // What is still arriving counts with all that it will be.
    let arriving = session::gpadl(1, 3, &pfns[..500]);
    machine.send(&arriving[0]);
    assert!(lend(&mut machine, 4, 500));
    assert!(!lend(&mut machine, 5, 1));
    machine.send(&session::teardown(1, 3));
    machine.take();
    assert!(lend(&mut machine, 6, 26));
    machine.send(&session::teardown(1, 0));
    machine.take();
    assert!(lend(&mut machine, 7, 1000));
    assert!(!lend(&mut machine, 8, 475));
    assert!(lend(&mut machine, 9, 474));
    machine.rescind();
    machine.send(&session::released(1));
    assert_eq!(machine.control.gpadl_count(), 0);
}

#[test]
fn lists_of_a_page_each() {
    const LISTS: u32 = 1 << 16;
    let mut machine = Machine::new(version::V5_3);
    // So much RAM that their number is what counts
    machine.control = Control::new(ControlOptions {
        max_version: version::V5_3,
        vp_count: VPS,
        ram_pages: 1 << 20,
        is_ram: Box::new(|_| true),
    });
    machine.add(0, offer(1));
    let connect = |machine: &mut Machine| {
        machine.send(&session::contact(version::V5_3, 0));
        machine.send(&session::request_offers());
        machine.take();
    };
    connect(&mut machine);
    for gpadl in 0..=LISTS {
        machine.lend(1, gpadl, 1);
        let (relid, ok) = (1, gpadl < LISTS);
        assert_eq!(machine.take(), [Answer::Created { relid, gpadl, ok }]);
    }
    // Nothing of them is left behind, and there is room again.
    machine.send(&session::unload());
    connect(&mut machine);
    machine.lend(1, 5, 8);
    let (relid, gpadl, ok) = (1, 5, true);
    assert_eq!(machine.take(), [Answer::Created { relid, gpadl, ok }]);
}
