// SPDX-License-Identifier: GPL-2.0
//! What becomes of answers, and of messages that the host sends by itself.

use crate::guest::{process_body, wait, word, Guest, CREATEDEVICE, CREATEPROCESS, GLOBAL, VGPU};

const DEVICE: [u8; 16] = [0; 16];

fn plan(what: &str) -> String {
    format!("[[fault]]\ncommand = 'CREATEDEVICE'\n{what}")
}

#[test]
fn an_answer_that_never_comes_keeps_the_object() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan(&plan("do = 'never-answer'\nnth = 2"));
    guest.call(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!(guest.faults.done(), 0);
    guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!(guest.answers(VGPU), []);
    assert_eq!((guest.faults.done(), guest.objects()), (1, 2));
    guest.call(VGPU, CREATEDEVICE, process, &DEVICE);
    guest.plan("");
    assert_eq!(guest.answers(VGPU), []);
    assert_eq!(
        guest.faults.summary().into_iter().collect::<Vec<_>>(),
        [("never-answer", 1)]
    );
}

#[test]
fn an_answer_comes_twice() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan(&plan("do = 'answer-twice'"));
    let id = guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
    let answers = guest.answers(VGPU);
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1]);
    assert_eq!((answers[0].0, guest.objects()), (id, 1));
}

#[test]
fn bytes_are_cut_added_and_changed() {
    for (what, expected) in [
        ("do = 'truncate'\nlength = 3", vec![0, 0, 0]),
        ("do = 'extend'\nlength = 2", vec![0, 0, 0, 0, 0xA5, 0xA5]),
        (
            "do = 'overwrite'\noffset = 2\nbytes = [9, 8, 7]",
            vec![0, 0, 9, 8],
        ),
    ] {
        let mut guest = Guest::new();
        guest.plan(&format!("[[fault]]\ncommand = 'DESTROYPROCESS'\n{what}"));
        let process = guest.create_process();
        let id = guest.send(GLOBAL, 1001, process, &[]);
        assert_eq!(guest.answers(GLOBAL), [(id, expected)], "{what}");
        assert_eq!(guest.faults.done(), 1);
        assert_eq!(guest.processes(), 0);
    }
}

#[test]
fn what_changes_nothing_does_not_count() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan(&plan("do = 'truncate'\nlength = 4"));
    guest.call(VGPU, CREATEDEVICE, process, &DEVICE);
    guest.plan(&plan("do = 'overwrite'\noffset = 4"));
    guest.call(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!(guest.faults.summary().len(), 0);
}

#[test]
fn an_answer_names_another_request() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan(&plan("do = 'transaction'\nid = 0x123456789"));
    guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!(guest.answers(VGPU)[0].0, 0x1_2345_6789);
}

#[test]
fn an_answer_is_held_until_the_plan_ends() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\ndo = 'hold-answer'");
    let ids = [1, 2, 3].map(|_| guest.send(GLOBAL, CREATEPROCESS, 0, &process_body()));
    assert_eq!(guest.answers(GLOBAL), []);
    assert_eq!((guest.faults.done(), guest.processes()), (3, 3));
    // Others go on.
    guest.call(VGPU, CREATEDEVICE, 0, &DEVICE);
    guest.plan("");
    let answers = guest.await_answers(GLOBAL, 3);
    assert_eq!(answers.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    for (_, answer) in answers {
        guest.destroy_process(word(&answer));
    }
    assert_eq!(guest.processes(), 0);
}

#[test]
fn an_answer_comes_later() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan(&plan("do = 'delay-answer'\ndelay_ms = 30"));
    let begin = std::time::Instant::now();
    guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
    assert_eq!((guest.objects(), guest.faults.done()), (1, 1));
    guest.await_answers(VGPU, 1);
    assert!(begin.elapsed().as_millis() >= 30);
}

#[test]
fn late_answers_of_a_closed_channel_go_nowhere() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\ndo = 'hold'");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    guest.close(GLOBAL);
    guest.open(GLOBAL);
    guest.plan("");
    // What comes after it has been handled, so it has been, too.
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\ndo = 'delay'\ndelay_ms = 0");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    assert_eq!(guest.await_answers(GLOBAL, 1).len(), 1);
    assert_eq!(guest.processes(), 1);
}

#[test]
fn faults_of_one_message_add_up() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    let two = "do = 'extend'\nlength = 1";
    guest.plan(&format!("{}\n{}", plan(two), plan("do = 'answer-twice'")));
    guest.send(VGPU, CREATEDEVICE, process, &DEVICE);
    let lengths: Vec<_> = guest
        .answers(VGPU)
        .into_iter()
        .map(|(_, a)| a.len())
        .collect();
    assert_eq!((lengths, guest.faults.done()), (vec![5, 5], 2));
}

#[test]
fn what_the_host_sends_by_itself_can_be_lost_and_doubled() {
    for (what, expected) in [
        ("ignore", 0),
        ("never-answer", 0),
        ("answer-twice", 2),
        ("hold", 0),
    ] {
        let mut guest = Guest::new();
        let process = guest.create_process();
        let device = word(&guest.call(VGPU, CREATEDEVICE, process, &DEVICE));
        guest.plan(&format!(
            "[[fault]]\ncommand = 'SETGUESTDATA'\ndo = '{what}'"
        ));
        let mut body = device.to_le_bytes().to_vec();
        body.extend(0x8000_0000u32.to_le_bytes());
        // MARKDEVICEASERROR has the host tell of it.
        guest.call(VGPU, 29, process, &body);
        assert_eq!(
            (guest.unasked(), guest.faults.done()),
            (expected, 1),
            "{what}"
        );
        guest.plan("");
        if what == "hold" {
            wait(|| guest.unasked() == 1);
        }
    }
}
