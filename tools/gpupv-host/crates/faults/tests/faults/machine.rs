// SPDX-License-Identifier: GPL-2.0
//! What faults want of the machine, and when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use faults::plan::Channel;
use faults::{Machine, Plan};
use vm::pci::PciFunction;
use vmbus::proto::MessageType;
use vmbus::{Observer, RingFaults};

use crate::guest::{
    open_body, process_body, wait, Guest, CREATEDEVICE, CREATEPROCESS, GLOBAL, VGPU,
};

const DEVICE: [u8; 16] = [0; 16];

/// Notes what it is told.
#[derive(Default)]
struct FakeMachine {
    told: Mutex<Vec<String>>,
    rings: BTreeMap<Option<usize>, Arc<RingFaults>>,
    /// How often a slot is still occupied.
    occupied: Mutex<u32>,
}

impl FakeMachine {
    fn tell(&self, what: &str, of: impl std::fmt::Debug) {
        self.told.lock().unwrap().push(format!("{what} {of:?}"));
    }
}

impl Machine for FakeMachine {
    fn rescind(&self, channel: Channel) {
        self.tell("rescind", channel);
    }

    fn offer_again(&self, channel: Channel) {
        self.tell("offer", channel);
    }

    fn eject(&self, adapter: usize) {
        self.tell("eject", adapter);
    }

    fn tear_out(&self, adapter: usize) {
        self.tell("tear", adapter);
    }

    fn insert(&self, adapter: usize) -> bool {
        let mut occupied = self.occupied.lock().unwrap();
        if *occupied > 0 {
            *occupied -= 1;
            return false;
        }
        self.tell("insert", adapter);
        true
    }

    fn ring_faults(&self, channel: Channel) -> Option<Arc<RingFaults>> {
        self.rings.get(&channel.adapter()).cloned()
    }

    fn hold_messages(&self, kinds: &[MessageType], _observer: Observer) {
        self.tell("hold", kinds);
    }
}

fn scene() -> (Guest, Arc<FakeMachine>) {
    let guest = Guest::new();
    let machine = Arc::new(FakeMachine::default());
    guest.faults.connect(Arc::clone(&machine) as _);
    (guest, machine)
}

fn told(machine: &FakeMachine) -> Vec<String> {
    std::mem::take(&mut *machine.told.lock().unwrap())
}

#[test]
fn a_fault_without_a_message_happens_at_once() {
    let (guest, machine) = scene();
    guest.plan("[[fault]]\nchannel = 1\ndo = 'rescind'\n[[fault]]\ndo = 'eject'");
    let expected = ["rescind Adapter(1)", "eject 0", "eject 1"];
    assert_eq!(told(&machine), expected);
    assert_eq!(guest.faults.done(), 3);
    guest.plan("[[fault]]\ndo = 'offer-again'\nchannel = 'global'");
    assert_eq!(told(&machine), ["rescind Global", "offer Global"]);
}

#[test]
fn a_fault_with_a_message_happens_to_its_channel() {
    let (mut guest, machine) = scene();
    let process = guest.create_process();
    guest.plan("[[fault]]\ncommand = 'CREATEDEVICE'\nnth = 2\ndo = 'tear-out'");
    guest.call(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!(told(&machine), [""; 0]);
    guest.call(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!(told(&machine), ["tear 0"]);
    // The global channel has no function.
    guest.plan("[[fault]]\nevery = 1\ndo = 'eject'");
    guest.create_process();
    assert_eq!((told(&machine).len(), guest.faults.done()), (0, 0));
}

#[test]
fn close_answers_nothing() {
    let (mut guest, machine) = scene();
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\ndo = 'close'");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    assert_eq!(told(&machine), ["rescind Global"]);
    assert_eq!((guest.answers(GLOBAL).len(), guest.faults.done()), (0, 1));
}

#[test]
fn what_left_comes_back_when_there_is_room() {
    let (guest, machine) = scene();
    *machine.occupied.lock().unwrap() = 2;
    guest.plan("[[fault]]\nchannel = 0\ndo = 'eject'\ndelay_ms = 1");
    wait(|| machine.told.lock().unwrap().len() == 2);
    assert_eq!(told(&machine), ["eject 0", "insert 0"]);
    guest.plan("[[fault]]\nchannel = 0\ndo = 'offer-again'\ndelay_ms = 3600000");
    assert_eq!(told(&machine), ["rescind Adapter(0)"]);
    guest.plan("");
    wait(|| !machine.told.lock().unwrap().is_empty());
    assert_eq!(told(&machine), ["offer Adapter(0)"]);
}

#[test]
fn control_messages_are_held_while_the_plan_is_in_force() {
    let (mut guest, machine) = scene();
    guest.plan("[[fault]]\ndo = 'no-gpadl-torndown'\n[[fault]]\ndo = 'no-open-result'");
    assert_eq!(told(&machine), ["hold [OpenChannelResult, GpadlTorndown]"]);
    guest.plan("");
    assert_eq!(told(&machine), ["hold []"]);
    // Or for a time, from a message on.
    guest.plan("[[fault]]\nnth = 1\ndo = 'no-gpadl-created'\ndelay_ms = 1");
    guest.create_process();
    wait(|| machine.told.lock().unwrap().len() == 2);
    assert_eq!(told(&machine), ["hold [GpadlCreated]", "hold []"]);
}

#[test]
fn a_plan_waits_for_its_machine() {
    let guest = Guest::new();
    guest.plan("[[fault]]\nchannel = 0\ndo = 'rescind'");
    assert_eq!(guest.faults.done(), 0);
    let machine = Arc::new(FakeMachine::default());
    guest.faults.connect(Arc::clone(&machine) as _);
    assert_eq!(told(&machine), ["rescind Adapter(0)"]);
}

#[test]
fn messages_come_that_nobody_asked_for() {
    let (guest, _machine) = scene();
    let event = "[[fault]]\ndo = 'guest-event'\nid = 0x55\n";
    guest.plan(&format!("{event}[[fault]]\ndo = 'guest-data'\n"));
    let messages = guest.take_unasked();
    assert_eq!((messages.len(), guest.faults.done()), (2, 2));
    assert_eq!((messages[0][16], messages[0][24]), (0, 0x55));
    assert_eq!(messages[1][16], 2);
}

#[test]
fn the_driver_waits_in_its_negotiation_and_nowhere_else() {
    let (mut guest, _machine) = scene();
    guest.plan("[[fault]]\ndo = 'silent-negotiation'");
    guest.create_process();
    guest.send(VGPU, 14, 0, &open_body());
    assert_eq!((guest.answers(VGPU).len(), guest.faults.done()), (0, 1));
    guest.plan("");
    guest.await_answers(VGPU, 1);
}

struct Version40;

impl PciFunction for Version40 {
    fn read(&mut self, register: u8) -> u32 {
        (u32::from(register) << 8) | 40
    }

    fn write(&mut self, _register: u8, _value: u32, _byte_mask: u8) {}
}

#[test]
fn a_version_is_odd_and_what_comes_of_it_excused() {
    let (mut guest, _machine) = scene();
    let mut function = guest.faults.wrap_function(Box::new(Version40), 1);
    assert_eq!(function.read(0xD0), 0xD028);
    guest.plan("[[fault]]\nchannel = 1\ndo = 'odd-version'\nversion = 26");
    assert_eq!((function.read(0xD0), function.read(0xD4)), (26, 0xD428));
    assert_eq!(guest.faults.done(), 1);
    // A message that makes no sense in version 40
    guest.send(GLOBAL, 0x7777_7777, 0xFFFF, &[]);
    guest.call(VGPU, CREATEDEVICE, 0x1234, &DEVICE);
    assert_eq!(guest.host.report().violation_count, 0);
    guest.plan("");
    assert_eq!(function.read(0xD0), 0xD028);
    guest.call(VGPU, CREATEDEVICE, 0x1234, &DEVICE);
    assert_eq!(guest.host.report().violation_count, 1);
}

#[test]
fn a_hostile_host_makes_faults_of_every_kind() {
    let (mut guest, _machine) = scene();
    let process = guest.create_process();
    guest.faults.set(Plan::hostile(3)).unwrap();
    let kinds: std::collections::BTreeSet<_> = {
        let plan = Plan::hostile(3);
        plan.faults.iter().map(|fault| fault.kind.name()).collect()
    };
    // What the machine of a test does not do is not counted.
    let missing = [
        "no-interrupt",
        "no-interrupts",
        "no-gpadl-torndown",
        "no-gpadl-created",
        "no-open-result",
        "odd-version",
        "bad-length",
        "bad-type",
        "bad-index",
        "unstable",
    ];
    for _ in 0..200_000 {
        guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
        guest.send(VGPU, 1, process, &[0; 8]);
        guest.answers(VGPU);
        guest.take_unasked();
        let made = guest.faults.summary();
        if kinds
            .iter()
            .all(|kind| made.contains_key(kind) || missing.contains(kind))
        {
            return;
        }
    }
    panic!("{:?} of {kinds:?}", guest.faults.summary());
}
