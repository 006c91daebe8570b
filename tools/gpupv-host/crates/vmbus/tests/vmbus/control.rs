// SPDX-License-Identifier: GPL-2.0
//! The state machine, step by step.

use std::collections::BTreeSet;

use uuid::Uuid;
use vmbus::control::{Action, Control, ControlOptions, DeviceId};
use vmbus::proto::version;
use vmbus::{Closed, Offer};

use crate::session::{self, decode_answer, Answer};

pub const VPS: u32 = 2;
/// Pages from here on are no RAM.
pub const RAM_PAGES: u64 = 1000;

/// A state machine, and what its actions have led to.
pub struct Machine {
    pub control: Control,
    pub answers: Vec<Answer>,
    /// Whether the device can be opened.
    pub openable: bool,
    pub bound: BTreeSet<u32>,
    pub open: BTreeSet<u32>,
    pub closed: Vec<(u32, Closed)>,
    pub gpadls: BTreeSet<(DeviceId, u32)>,
    pub message_vp: Option<u32>,
}

pub fn offer(n: u128) -> Offer {
    Offer {
        class: Uuid::from_u128(0xC1A5_5000),
        instance: Uuid::from_u128(n),
        mmio_megabytes: n as u16,
        max_packet: Offer::DEFAULT_MAX_PACKET,
    }
}

impl Machine {
    pub fn new(max_version: u32) -> Self {
        let options = ControlOptions {
            max_version,
            vp_count: VPS,
            ram_pages: RAM_PAGES,
            is_ram: Box::new(|pfn| pfn < RAM_PAGES),
        };
        Self {
            control: Control::new(options),
            answers: Vec::new(),
            openable: true,
            bound: BTreeSet::new(),
            open: BTreeSet::new(),
            closed: Vec::new(),
            gpadls: BTreeSet::new(),
            message_vp: None,
        }
    }

    /// A machine with one device, whose guest has got the offers.
    pub fn offered() -> Self {
        let mut machine = Self::new(version::V5_3);
        machine.add(0, offer(7));
        machine.send(&session::contact(version::V5_3, 0));
        machine.send(&session::request_offers());
        machine.answers.clear();
        machine
    }

    /// `offered`, and the channel is open on GPADL 1.
    pub fn opened() -> Self {
        let mut machine = Self::offered();
        machine.lend(1, 1, 8);
        machine.send(&session::open(1, 33, 1, 4, 1));
        assert_eq!(machine.open.len(), 1);
        machine.answers.clear();
        machine
    }

    pub fn add(&mut self, id: u32, offer: Offer) {
        let actions = self.control.add(DeviceId(id), offer);
        self.perform(actions);
    }

    pub fn send(&mut self, message: &[u8]) {
        let actions = self.control.message(message);
        self.perform(actions);
    }

    pub fn lend(&mut self, relid: u32, gpadl: u32, pages: u64) {
        let pfns: Vec<u64> = (10..10 + pages).collect();
        for message in session::gpadl(relid, gpadl, &pfns) {
            self.send(&message);
        }
    }

    pub fn rescind(&mut self) {
        let actions = self.control.rescind(DeviceId(0), Closed::Rescinded);
        self.perform(actions);
    }

    pub fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Post { vp, payload } => {
                    self.message_vp = Some(vp);
                    self.answers.push(decode_answer(&payload));
                }
                Action::ClearMessages => {}
                Action::Bind { relid, .. } => assert!(self.bound.insert(relid)),
                Action::Unbind { relid } => assert!(self.bound.remove(&relid)),
                Action::Open(request) => {
                    assert!(!self.open.contains(&request.relid));
                    assert!(self.bound.contains(&request.relid));
                    let next = self.control.opened(request.relid, self.openable);
                    self.perform(next);
                }
                Action::Start { relid } => {
                    let told = matches!(self.answers.last(), Some(Answer::Opened { ok: true, .. }));
                    assert!(told, "started before the guest was told");
                    assert!(self.open.insert(relid));
                }
                Action::Close { relid, why } => {
                    assert!(self.open.remove(&relid));
                    self.closed.push((relid, why));
                }
                Action::Retarget { relid, vp } => {
                    assert!(self.open.contains(&relid));
                    assert!(vp < VPS);
                }
                Action::GpadlCreated { device, gpadl, .. } => {
                    assert!(self.gpadls.insert((device, gpadl)));
                }
                Action::GpadlGone { device, gpadl } => {
                    assert!(self.gpadls.remove(&(device, gpadl)));
                }
            }
        }
    }

    /// The answers since the last call.
    pub fn take(&mut self) -> Vec<Answer> {
        std::mem::take(&mut self.answers)
    }

    pub fn faults(&self) -> u64 {
        self.control.faults().count
    }
}

#[test]
fn versions_are_negotiated() {
    let mut machine = Machine::new(version::V5_3);
    // As Linux does it: newest first.
    machine.send(&session::contact(version::V6_0, 1));
    let (supported, number) = (false, 4);
    assert_eq!(machine.take(), [Answer::Version { supported, number }]);
    machine.send(&session::contact(version::V5_3, 1));
    let supported = true;
    assert_eq!(machine.take(), [Answer::Version { supported, number }]);
    assert_eq!(machine.message_vp, Some(1));
    assert_eq!(machine.faults(), 0);

    for accepted in version::ACCEPTED {
        machine.send(&session::contact(accepted, 0));
        let number = if accepted < version::V5_0 {
            accepted
        } else {
            4
        };
        assert_eq!(machine.take(), [Answer::Version { supported, number }]);
    }
    for refused in [0, 13, 0x0003_0000, 0x0005_0004, 0x0007_0000, u32::MAX] {
        machine.send(&session::contact(refused, 0));
        let answer = machine.take();
        let supported = matches!(
            &answer[..],
            [Answer::Version {
                supported: true,
                ..
            }]
        );
        assert!(!supported && answer.len() == 1, "{refused:#x}");
    }
}

#[test]
fn the_newest_version_can_be_capped() {
    let mut machine = Machine::new(version::V4_1);
    for (wanted, expected) in [
        (version::V5_3, false),
        (version::V5_0, false),
        (version::V4_1, true),
    ] {
        machine.send(&session::contact(wanted, 0));
        let answers = machine.take();
        let [Answer::Version { supported, .. }] = answers[..] else {
            panic!("{answers:?}");
        };
        assert_eq!(supported, expected, "{wanted:#x}");
    }
}

#[test]
fn wrong_interrupt_trust_level_or_processor_is_refused() {
    for (at, value) in [(16, 3), (17, 1), (12, VPS as u8)] {
        let mut machine = Machine::new(version::V5_3);
        let mut message = session::contact(version::V5_3, 0);
        message[at] = value;
        machine.send(&message);
        let (supported, number) = (false, 4);
        assert_eq!(machine.take(), [Answer::Version { supported, number }]);
        machine.send(&session::request_offers());
        assert_eq!(machine.take(), [], "not connected");
    }
}

#[test]
fn offers_come_in_a_stable_order_with_small_numbers() {
    let mut machine = Machine::new(version::V5_3);
    for n in (0..64).rev() {
        machine.add(63 - n, offer(u128::from(n) + 1));
    }
    machine.send(&session::contact(version::V5_3, 0));
    machine.take();
    machine.send(&session::request_offers());
    let answers = machine.take();
    assert_eq!(answers.len(), 65);
    for (n, answer) in answers[..64].iter().enumerate() {
        let Answer::Offer(offered) = answer else {
            panic!("{answer:?}");
        };
        let expected = offer(n as u128 + 1);
        assert_eq!(offered.instance, expected.instance.to_bytes_le());
        assert_eq!(offered.class, expected.class.to_bytes_le());
        assert_eq!(offered.mmio, expected.mmio_megabytes);
        assert_eq!(offered.relid, n as u32 + 1);
    }
    assert_eq!(answers[64], Answer::AllOffered);
    assert_eq!(machine.bound.len(), 64);
    // A second request is the guest's mistake.
    machine.send(&session::request_offers());
    assert_eq!(machine.take(), []);
    assert_eq!(machine.faults(), 1);
}

#[test]
fn no_devices_no_offers_but_the_end_of_them() {
    let mut machine = Machine::new(version::V5_3);
    machine.send(&session::contact(version::V5_3, 0));
    machine.take();
    machine.send(&session::request_offers());
    assert_eq!(machine.take(), [Answer::AllOffered]);
    machine.add(0, offer(1));
    let answers = machine.take();
    assert!(matches!(&answers[..], [Answer::Offer(_)]), "a late device");
}

#[test]
fn open_close_and_open_again() {
    let mut machine = Machine::opened();
    assert_eq!(machine.gpadls.len(), 1);
    machine.send(&session::close(1));
    assert_eq!(machine.closed, [(1, Closed::ByGuest)]);
    machine.send(&session::teardown(1, 1));
    assert_eq!(machine.take(), [Answer::TornDown(1)]);
    assert!(machine.gpadls.is_empty());
    machine.lend(1, 2, 128);
    machine.send(&session::open(1, 34, 2, 64, 0));
    let (relid, gpadl, ok) = (1, 2, true);
    let created = Answer::Created { relid, gpadl, ok };
    let open_id = 34;
    let opened = Answer::Opened { relid, open_id, ok };
    assert_eq!(machine.take(), [created, opened]);
    assert_eq!(machine.faults(), 0);
}

#[test]
fn bad_opens_are_refused_and_leave_the_channel_usable() {
    let mut machine = Machine::offered();
    machine.lend(1, 1, 8);
    machine.take();
    // Channel, GPADL, second ring, processor.
    for (relid, gpadl, downstream, vp) in [
        (2, 1, 4, 0),
        (0, 1, 4, 0),
        (1, 2, 4, 0),
        (1, 1, 1, 0),
        (1, 1, 0, 0),
        (1, 1, 7, 0),
        (1, 1, u32::MAX, 0),
        (1, 1, 4, VPS),
    ] {
        machine.send(&session::open(relid, 9, gpadl, downstream, vp));
        let (open_id, ok) = (9, false);
        assert_eq!(machine.take(), [Answer::Opened { relid, open_id, ok }]);
    }
    assert_eq!(machine.faults(), 8);
    machine.openable = false;
    machine.send(&session::open(1, 9, 1, 4, 0));
    let (relid, open_id, ok) = (1, 9, false);
    assert_eq!(machine.take(), [Answer::Opened { relid, open_id, ok }]);
    machine.openable = true;
    machine.send(&session::open(1, 10, 1, 6, 0));
    let (open_id, ok) = (10, true);
    assert_eq!(machine.take(), [Answer::Opened { relid, open_id, ok }]);
    // Twice.
    machine.send(&session::open(1, 11, 1, 4, 0));
    let (open_id, ok) = (11, false);
    assert_eq!(machine.take(), [Answer::Opened { relid, open_id, ok }]);
}

#[test]
fn gpadls_are_assembled_when_interleaved() {
    let mut machine = Machine::new(version::V5_3);
    machine.add(0, offer(1));
    machine.add(1, offer(2));
    machine.send(&session::contact(version::V5_3, 0));
    machine.send(&session::request_offers());
    machine.take();
    let pfns: Vec<u64> = (0..100).collect();
    let first = session::gpadl(1, 0xE1E10, &pfns);
    let second = session::gpadl(2, 0xE1E11, &pfns[..60]);
    assert_eq!((first.len(), second.len()), (4, 3));
    for step in 0..4 {
        for list in [&first, &second] {
            if let Some(message) = list.get(step) {
                machine.send(message);
            }
        }
        if step < 2 {
            assert_eq!(machine.answers, []);
        }
    }
    let created = |relid, gpadl| Answer::Created {
        relid,
        gpadl,
        ok: true,
    };
    assert_eq!(machine.take(), [created(2, 0xE1E11), created(1, 0xE1E10)]);
}

#[test]
fn bad_gpadls_are_answered_once() {
    let mut machine = Machine::offered();
    let created = |relid, gpadl| Answer::Created {
        relid,
        gpadl,
        ok: false,
    };
    // Not RAM, found only when the list is complete.
    let mut pfns: Vec<u64> = (0..40).collect();
    pfns[39] = RAM_PAGES;
    for message in session::gpadl(1, 5, &pfns) {
        machine.send(&message);
    }
    assert_eq!(machine.take(), [created(1, 5)]);
    // No such channel: refused at the header, and the body is not another one.
    for message in session::gpadl(3, 6, &pfns) {
        machine.send(&message);
    }
    assert_eq!(machine.take(), [created(3, 6)]);
    // A number in use, of a complete list and of one in the making.
    machine.lend(1, 7, 2);
    machine.take();
    machine.lend(1, 7, 2);
    assert_eq!(machine.take(), [created(1, 7)]);
    let long = session::gpadl(1, 8, &pfns[..39]);
    machine.send(&long[0]);
    machine.send(&long[0]);
    assert_eq!(machine.take(), [created(1, 8)]);
    // Torn down before it was complete: both requests are answered.
    machine.send(&session::teardown(1, 8));
    assert_eq!(machine.take(), [created(1, 8), Answer::TornDown(8)]);
    // Unknown: still answered.
    machine.send(&session::teardown(1, 99));
    assert_eq!(machine.take(), [Answer::TornDown(99)]);
    assert_eq!(machine.gpadls.len(), 1);
}

#[test]
fn rings_torn_down_under_an_open_channel_close_it_first() {
    let mut machine = Machine::opened();
    machine.send(&session::teardown(1, 1));
    assert_eq!(machine.closed, [(1, Closed::RingsTornDown)]);
    assert_eq!(machine.take(), [Answer::TornDown(1)]);
    assert_eq!(machine.faults(), 1);
}

#[test]
fn interrupts_move_and_are_answered_from_5_3_on() {
    let mut machine = Machine::opened();
    machine.send(&session::modify(1, 0));
    let relid = 1;
    assert_eq!(machine.take(), [Answer::Modified { relid, ok: true }]);
    machine.send(&session::modify(1, VPS));
    assert_eq!(machine.take(), [Answer::Modified { relid, ok: false }]);

    let mut old = Machine::new(version::V5_2);
    old.add(0, offer(1));
    old.send(&session::contact(version::V5_2, 0));
    old.send(&session::request_offers());
    old.lend(1, 1, 8);
    old.send(&session::open(1, 1, 1, 4, 0));
    old.take();
    old.send(&session::modify(1, 1));
    assert_eq!(old.take(), []);
}

#[test]
fn rescind_of_an_offered_channel() {
    let mut machine = Machine::offered();
    machine.rescind();
    machine.rescind();
    assert_eq!(machine.take(), [Answer::Rescind(1)]);
    assert_eq!(machine.closed, []);
    assert_eq!(machine.bound.len(), 1, "until the guest lets go");
    machine.send(&session::released(1));
    assert!(machine.bound.is_empty());
    assert_eq!(machine.take(), []);
    assert_eq!(machine.faults(), 0);
}

#[test]
fn rescind_of_an_open_channel_and_a_new_offer() {
    let mut machine = Machine::opened();
    machine.rescind();
    assert_eq!(machine.closed, [(1, Closed::Rescinded)]);
    assert_eq!(machine.take(), [Answer::Rescind(1)]);
    let actions = machine.control.offer_again(DeviceId(0));
    machine.perform(actions);
    assert_eq!(machine.take(), [], "the guest still has the old one");
    // What was under way, and what the driver's remove does.
    machine.send(&session::open(1, 50, 1, 4, 0));
    let (relid, open_id, ok) = (1, 50, false);
    assert_eq!(machine.take(), [Answer::Opened { relid, open_id, ok }]);
    machine.lend(1, 2, 4);
    let (gpadl, ok) = (2, true);
    assert_eq!(machine.take(), [Answer::Created { relid, gpadl, ok }]);
    machine.send(&session::modify(1, 0));
    let ok = false;
    assert_eq!(machine.take(), [Answer::Modified { relid, ok }]);
    machine.send(&session::close(1));
    machine.send(&session::teardown(1, 1));
    assert_eq!(machine.take(), [Answer::TornDown(1)]);
    machine.send(&session::released(1));
    assert!(machine.gpadls.is_empty(), "also the one never torn down");
    let answers = machine.take();
    assert!(matches!(&answers[..], [Answer::Offer(_)]));
    assert_eq!(machine.faults(), 0, "nothing of this is wrong");
}

#[test]
fn rescind_while_a_gpadl_arrives() {
    let mut machine = Machine::offered();
    let messages = session::gpadl(1, 3, &(0..50).collect::<Vec<_>>());
    machine.send(&messages[0]);
    machine.rescind();
    machine.send(&messages[1]);
    let (relid, gpadl, ok) = (1, 3, true);
    let created = Answer::Created { relid, gpadl, ok };
    assert_eq!(machine.take(), [Answer::Rescind(1), created]);
    machine.send(&messages[0]);
    machine.send(&session::released(1));
    assert!(machine.gpadls.is_empty());
    assert_eq!(machine.control.gpadl_count(), 0);
}

#[test]
fn rescind_while_opening() {
    let mut machine = Machine::offered();
    machine.lend(1, 1, 8);
    machine.take();
    // The device is asked to open, and wants to go before it has answered.
    let actions = machine.control.message(&session::open(1, 9, 1, 4, 0));
    assert!(matches!(&actions[..], [Action::Open(_)]));
    machine.rescind();
    let (relid, open_id, ok) = (1, 9, false);
    let opened = Answer::Opened { relid, open_id, ok };
    assert_eq!(machine.take(), [opened, Answer::Rescind(1)]);
    let late = machine.control.opened(1, true);
    assert_eq!(late, [], "too late");
}

#[test]
fn rescind_before_any_guest_hides_the_device() {
    let mut machine = Machine::new(version::V5_3);
    machine.add(0, offer(1));
    machine.rescind();
    machine.send(&session::contact(version::V5_3, 0));
    machine.send(&session::request_offers());
    machine.take();
    let actions = machine.control.offer_again(DeviceId(0));
    machine.perform(actions);
    assert_eq!(machine.take().len(), 1);
}

#[test]
fn release_of_a_channel_in_use_is_ignored() {
    let mut machine = Machine::opened();
    machine.send(&session::released(1));
    machine.send(&session::released(77));
    assert_eq!(machine.faults(), 2);
    assert_eq!(machine.open.len(), 1);
}

#[test]
fn unload_releases_everything() {
    let mut machine = Machine::opened();
    machine.send(&session::unload());
    assert_eq!(machine.take(), [Answer::Unloaded]);
    assert_eq!(machine.closed, [(1, Closed::Reset)]);
    assert!(machine.bound.is_empty() && machine.gpadls.is_empty());
    machine.send(&session::request_offers());
    assert_eq!(machine.take(), [], "not connected");
    machine.send(&session::contact(version::V5_1, 1));
    machine.send(&session::request_offers());
    assert_eq!(machine.take().len(), 3);
}

#[test]
fn contact_while_connected_starts_over() {
    let mut machine = Machine::opened();
    machine.send(&session::contact(version::V5_3, 1));
    assert_eq!(machine.closed, [(1, Closed::Reset)]);
    assert!(machine.bound.is_empty() && machine.gpadls.is_empty());
    assert_eq!(machine.take().len(), 1);
    machine.send(&session::request_offers());
    assert_eq!(machine.take().len(), 2);
}

#[test]
fn messages_without_sense_are_counted() {
    let mut machine = Machine::offered();
    machine.send(&[]);
    machine.send(&[5, 0, 0, 0]);
    let short = session::open(1, 1, 1, 4, 0);
    machine.send(&short[..147]);
    // Ours, not the guest's.
    machine.send(&[1, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(machine.faults(), 4);
    for _ in 0..3 {
        machine.send(&[40, 0, 0, 0, 0, 0, 0, 0]);
    }
    assert_eq!(machine.control.faults().unknown[&40], 3);
    // Hyper-V sockets are refused by saying nothing.
    machine.send(&[21, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(machine.faults(), 4);
    assert_eq!(machine.take(), []);
}

#[test]
fn shutdown_closes_what_is_open() {
    let mut machine = Machine::opened();
    let actions = machine.control.shutdown();
    machine.perform(actions);
    assert_eq!(machine.closed, [(1, Closed::Shutdown)]);
    assert!(machine.bound.is_empty() && machine.gpadls.is_empty());
    assert_eq!(machine.take(), []);
}
