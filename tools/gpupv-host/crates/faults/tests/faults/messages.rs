// SPDX-License-Identifier: GPL-2.0
//! Which messages a fault fits, and what becomes of them before they are handled.

use crate::guest::{process_body, wait, word, Guest, CREATEDEVICE, CREATEPROCESS, GLOBAL, VGPU};

const DEVICE: [u8; 16] = [0; 16];

#[test]
fn a_message_is_held_until_the_plan_ends() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan("[[fault]]\ncommand = 'CREATEDEVICE'\ndo = 'hold'\n[[fault]]\ncommand = 'CREATEDEVICE'\ndo = 'answer-twice'");
    let ids = [1, 2].map(|_| guest.send(VGPU, CREATEDEVICE, process, &DEVICE));
    assert_eq!((guest.objects(), guest.faults.done()), (0, 2));
    guest.plan("");
    let answers = guest.await_answers(VGPU, 4);
    let order: Vec<u64> = answers.iter().map(|(id, _)| *id).collect();
    assert_eq!(order, [ids[0], ids[0], ids[1], ids[1]]);
    assert_eq!(guest.objects(), 2);
}

#[test]
fn a_message_is_handled_later() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\nnth = 1\ndo = 'delay'\ndelay_ms = 3600000");
    let late = guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    let other = guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    assert_eq!(guest.answers(GLOBAL)[0].0, other);
    // An hour ends with the plan.
    guest.plan("");
    assert_eq!(guest.await_answers(GLOBAL, 1)[0].0, late);
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\ndo = 'delay'\ndelay_ms = 20");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    assert_eq!(guest.processes(), 2);
    guest.await_answers(GLOBAL, 1);
    assert_eq!(guest.processes(), 3);
}

#[test]
fn a_message_is_never_handled() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'CREATEPROCESS'\ndo = 'ignore'");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    guest.plan("");
    assert_eq!((guest.processes(), guest.answers(GLOBAL).len()), (0, 0));
    assert_eq!(guest.faults.summary()["ignore"], 1);
}

#[test]
fn a_message_is_refused_in_the_form_of_its_command() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    guest.plan("[[fault]]\ndo = 'status'\nstatus = 0xC0000017");
    assert_eq!(
        guest.call(GLOBAL, CREATEPROCESS, 0, &process_body()),
        [0; 4]
    );
    assert_eq!(guest.call(VGPU, CREATEDEVICE, process, &DEVICE), [0; 4]);
    assert_eq!(word(&guest.call(GLOBAL, 1001, process, &[])), 0xC000_0017);
    assert_eq!((guest.processes(), guest.objects()), (1, 0));
    assert_eq!(guest.faults.done(), 3);
}

#[test]
fn messages_are_chosen_by_command_channel_and_number() {
    let mut guest = Guest::new();
    let process = guest.create_process();
    let mut refused = |plan: &str| -> Vec<usize> {
        guest.plan(&format!("[[fault]]\ndo = 'status'\n{plan}"));
        let mut refused = Vec::new();
        for n in 1..=7 {
            let global = word(&guest.call(GLOBAL, CREATEPROCESS, 0, &process_body())) == 0;
            let device = word(&guest.call(VGPU, CREATEDEVICE, process, &DEVICE)) == 0;
            refused.extend(global.then_some(n));
            refused.extend(device.then_some(10 * n));
        }
        refused
    };
    assert_eq!(refused("command = 'CREATEDEVICE'\nnth = 3"), [30]);
    assert_eq!(refused("channel = 'global'\nevery = 3"), [3, 6]);
    assert_eq!(refused("channel = 0\nevery = 7"), [70]);
    assert!(refused("channel = 1").is_empty());
    assert!(refused("command = 'DESTROYDEVICE'").is_empty());
    assert_eq!(refused("nth = 14"), [70]);
}

#[test]
fn a_random_share_is_the_same_for_the_same_seed() {
    let mut guest = Guest::new();
    let mut refused = |seed: u32| -> Vec<bool> {
        let plan = "[[fault]]\ndo = 'status'\none_in = 4\n";
        guest.plan(&format!("seed = {seed}\n{plan}"));
        let mut call = || word(&guest.call(GLOBAL, CREATEPROCESS, 0, &process_body())) == 0;
        (0..200).map(|_| call()).collect()
    };
    let (first, again, other) = (refused(1), refused(1), refused(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let share = first.iter().filter(|&&refused| refused).count();
    assert!((20..=80).contains(&share), "{share} of 200");
}

#[test]
fn what_is_held_has_a_limit() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ncommand = 'ESCAPE'\ndo = 'hold'");
    let body = vec![0; 100_000];
    let sent = 1000;
    for _ in 0..sent {
        guest.send(VGPU, 13, 0, &body);
    }
    // 64 MiB are held, and the others are handled.
    let answered = guest.answers(VGPU).len() as u64;
    assert_eq!(guest.faults.done() + answered, sent);
    assert!(guest.faults.done() * body.len() as u64 <= 64 << 20);
    assert!(answered < sent / 2, "{answered}");
    guest.plan("");
    let left = guest.faults.summary()["hold"] as usize;
    assert_eq!(guest.await_answers(VGPU, left).len(), left);
}

#[test]
fn the_end_waits_for_nothing() {
    let mut guest = Guest::new();
    guest.plan("[[fault]]\ndo = 'delay'\ndelay_ms = 3600000");
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    wait(|| guest.faults.done() == 1);
    guest.faults.shut_down();
    assert_eq!((guest.processes(), guest.answers(GLOBAL).len()), (0, 0));
    // Without a clock nothing waits.
    guest.send(GLOBAL, CREATEPROCESS, 0, &process_body());
    assert_eq!(guest.answers(GLOBAL).len(), 1);
}
