// SPDX-License-Identifier: GPL-2.0
//! A guest is not blamed for what comes of a fault, and blamed for everything else.

use crate::guest::{open_body, process_body, wait, word, Guest};
use crate::guest::{CLOSEADAPTER, CREATEDEVICE, CREATEPROCESS, DESTROYDEVICE, DESTROYPROCESS};
use crate::guest::{GLOBAL, OPENADAPTER, VGPU};

const DEVICE: [u8; 16] = [0; 16];

#[test]
fn a_process_that_the_guest_never_learns_of_is_not_its_fault() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\nnth = 1\ndo = 'never-answer'");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    assert_eq!((guest.processes(), guest.reasons().len()), (1, 0));
    // The next one is.
    let process = guest.create_process();
    assert_eq!(guest.reasons(), ["1 process left"]);
    guest.destroy_process(process);
    assert_eq!(guest.reasons(), [""; 0]);
}

#[test]
fn a_message_that_is_overtaken_is_not_its_fault() {
    let mut guest = Guest::new();
    let (misled, other) = (guest.create_process(), guest.create_process());
    guest.plan("[[fault]]\ncommand = 'CREATEDEVICE'\ndo = 'hold'");
    guest.send(VGPU, CREATEDEVICE, misled, &DEVICE);
    guest.destroy_process(misled);
    guest.plan("");
    guest.await_answers(VGPU, 1);
    let report = guest.host.report();
    assert_eq!((report.violation_count, report.excused_violations), (0, 1));
    // The same without a fault is.
    guest.destroy_process(other);
    guest.call(VGPU, CREATEDEVICE, other, &DEVICE);
    assert_eq!(guest.reasons(), ["1 protocol violation"]);
}

#[test]
fn late_answers_excuse_nothing() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan("[[fault]]\ndo = 'hold-answer'\n[[fault]]\ndo = 'answer-twice'");
    guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
    guest.plan("");
    guest.await_answers(VGPU, 2);
    guest.call(VGPU, DESTROYDEVICE, 0x1234, &[0; 8]);
    let report = guest.host.report();
    assert_eq!((report.violation_count, report.excused_violations), (1, 0));
}

#[test]
fn an_adapter_that_could_not_be_closed_is_excused_until_its_channel_is_opened() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'CLOSEADAPTER'\ndo = 'status'");
    guest.call(VGPU, CLOSEADAPTER, 0, &[0; 8]);
    guest.close(VGPU);
    assert_eq!(guest.reasons(), [""; 0]);
    guest.plan("");
    guest.open(VGPU);
    guest.open_adapter();
    guest.close(VGPU);
    assert_eq!(guest.reasons(), ["1 protocol violation"]);
}

#[test]
fn the_report_tells_of_faults() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'DESTROYPROCESS'\ndo = 'status'");
    let process = guest.create_process();
    let status = word(&guest.call(GLOBAL, DESTROYPROCESS, process, &[]));
    assert_ne!(status, 0);
    guest.plan("[[fault]]\ncommand = 'OPENADAPTER'\ndo = 'delay'\ndelay_ms = 0");
    guest.send(VGPU, OPENADAPTER, 0, &open_body());
    wait(|| guest.faults.done() == 1);
    let report = guest.host.report().with_faults(guest.faults.summary());
    let summary = report.summary();
    let line = "faults made: 1 delay, 1 status";
    assert!(summary.iter().any(|l| l == line), "{summary:#?}");
}
