// SPDX-License-Identifier: GPL-2.0
//! Plans as text.

use faults::plan::{Channel, Fault, Kind, When, FAULTS_MAX, TEXT_MAX};
use faults::Plan;

use crate::guest::Guest;

fn one(text: &str) -> Fault {
    let plan: Plan = format!("[[fault]]\n{text}").parse().unwrap();
    plan.faults.into_iter().next().unwrap()
}

fn error(text: &str) -> String {
    text.parse::<Plan>().unwrap_err().to_string()
}

#[test]
fn a_plan_has_what_is_written() {
    let text = "
        seed = 7
        [[fault]]
        command = \"DESTROYPROCESS\"
        channel = \"global\"
        nth = 2
        do = \"delay\"
        delay_ms = 11000
        # every answer of the second adapter
        [[fault]]
        channel = 1
        do = \"overwrite\"
        offset = 4
        bytes = [0, 0x80, 255]
    ";
    let plan: Plan = text.parse().unwrap();
    assert_eq!(plan.seed, 7);
    let delay = Fault {
        command: Some("DESTROYPROCESS"),
        channel: Some(Channel::Global),
        when: When::Nth(2),
        kind: Kind::Delay { ms: Some(11_000) },
    };
    let overwrite = Fault {
        command: None,
        channel: Some(Channel::Adapter(1)),
        when: When::Always,
        kind: Kind::Overwrite {
            offset: Some(4),
            bytes: Some(vec![0, 0x80, 255]),
        },
    };
    assert_eq!(plan.faults, [delay, overwrite]);
    assert_eq!("".parse::<Plan>(), Ok(Plan::default()));
}

#[test]
fn numbers_may_be_left_to_chance() {
    assert_eq!(one("do = 'truncate'").kind, Kind::Truncate { length: None });
    assert_eq!(
        one("do = 'transaction'").kind,
        Kind::Transaction { id: None }
    );
    assert_eq!(
        one("do='transaction'\nid=-1").kind,
        Kind::Transaction { id: Some(u64::MAX) }
    );
    assert_eq!(one("do = 'hold'\none_in = 100").when, When::OneIn(100));
    assert_eq!(one("do = 'hold'\nevery = 3").when, When::Every(3));
}

#[test]
fn a_kind_is_named_as_it_is_written() {
    for name in [
        "delay",
        "hold",
        "ignore",
        "status",
        "delay-answer",
        "hold-answer",
        "never-answer",
        "answer-twice",
        "truncate",
        "extend",
        "overwrite",
        "transaction",
        "silent-negotiation",
        "bad-length",
        "bad-type",
        "bad-index",
        "unstable",
        "stall-ring",
        "no-interrupt",
        "no-interrupts",
        "no-open-result",
        "no-gpadl-created",
        "no-gpadl-torndown",
        "odd-version",
        "rescind",
        "close",
        "offer-again",
        "eject",
        "tear-out",
        "guest-event",
        "guest-data",
    ] {
        assert_eq!(one(&format!("do = '{name}'")).kind.name(), name);
    }
}

#[test]
fn errors_say_what_is_wrong_and_where() {
    for (text, expected) in [
        ("sed = 1", "line 1, column 1: unknown field `sed`"),
        (
            "[[fault]]\ndo = 'delay'\noften = 2",
            "line 3, column 1: unknown field `often`",
        ),
        ("[[fault]]\nnth = 1", "line 1, column 1: missing field `do`"),
        (
            "[[fault]]\ndo = 'explode'",
            "line 2, column 6: there is no fault \"explode\"",
        ),
        (
            "[[fault]]\n do = 'hold'\n nth = 0",
            "line 3, column 8: messages are counted from 1",
        ),
        (
            "[[fault]]\ndo = 'hold'\nnth = 1\nevery = 2",
            "line 4, column 9: only one of",
        ),
        (
            "[[fault]]\ndo = 'hold'\nlength = 1",
            "line 3, column 10: \"hold\" has no length",
        ),
        (
            "[[fault]]\ncommand = 'CREATE'\ndo = 'hold'",
            "line 2, column 11: there is no command",
        ),
        (
            "[[fault]]\ndo = 'hold'\nchannel = 'all'",
            "line 3, column 11: a channel is",
        ),
        (
            "[[fault]]\ndo = 'hold'\nchannel = -1",
            "line 3, column 11: a channel is",
        ),
        (
            "[[fault]]\ndo = 'delay'\ndelay_ms = 3600001",
            "line 3, column 12: 0 to 3600000",
        ),
        (
            "[[fault]]\ndo = 'delay'\ndelay_ms = -1",
            "line 3, column 12: ",
        ),
        (
            "[[fault]]\ndo = 'extend'\nlength = 0",
            "line 3, column 10: 1 to 131072",
        ),
        (
            "[[fault]]\ndo = 'overwrite'\nbytes = [256]",
            "line 3, column 10: ",
        ),
        (
            "[[fault]]\ndo = 'overwrite'\nbytes = []",
            "line 3, column 9: 1 to 4096 bytes",
        ),
        (
            "[[fault]]\ncommand = 'SETGUESTDATA'\ndo = 'status'",
            "line 3, column 6: messages that",
        ),
        (
            "[[fault]]\ndo = 'rescind'\nlength = 1",
            "line 3, column 10: \"rescind\" has no length",
        ),
        (
            "[[fault]]\nchannel = 'global'\ndo = 'eject'",
            "line 3, column 6: \"eject\" is for adapters only",
        ),
        (
            "[[fault]]\nchannel = 0\ndo = 'no-gpadl-created'",
            "line 3, column 6: \"no-gpadl-created\" has no channel",
        ),
        (
            "[[fault]]\ndo = 'unstable'\ntimes = 100001",
            "line 3, column 9: at most 100000",
        ),
        ("[[fault]\n", "line 1, column "),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn plans_have_limits() {
    let long = format!("#{}", "x".repeat(TEXT_MAX));
    assert!(error(&long).contains("bytes, at most"));
    let many = "[[fault]]\ndo = 'hold'\n".repeat(FAULTS_MAX);
    assert_eq!(many.parse::<Plan>().unwrap().faults.len(), FAULTS_MAX);
    let more = format!("{many}[[fault]]\ndo = 'hold'\n");
    assert!(
        error(&more).contains("more than 256 faults"),
        "{}",
        error(&more)
    );
}

#[test]
fn adapters_must_exist() {
    let guest = Guest::new();
    let set = |channel| {
        guest
            .faults
            .set_text(&format!("[[fault]]\nchannel={channel}\ndo='hold'"))
    };
    assert_eq!(set(1), Ok(()));
    assert_eq!(set(2), Err("there is no adapter 2, only 2".to_owned()));
}
