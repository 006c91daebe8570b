// SPDX-License-Identifier: GPL-2.0
//! The report: its lines, its JSON, its verdict.

use gpupv::Config;
use vmbus::BusReport;

use crate::guest::Guest;

#[test]
fn the_first_line_says_it_all() {
    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "a");
    guest.destroy_process(process);
    let lines = guest.host.report().summary();
    assert_eq!(
        lines[0],
        "7 messages, 1 process (0 left), 0 objects left, 0 protocol violations"
    );
    assert!(lines[1].contains("GPU-PV Software GPU, render): opened 1 time, now open"));
    assert!(lines[2].contains("compute-only"));
    assert!(lines[3].contains("2 OPENADAPTER"));
    assert_eq!(lines.len(), 4);
}

#[test]
fn what_is_wrong_has_its_own_lines() {
    let mut guest = Guest::started(Config::default());
    guest.create_process(42, "leaky");
    guest.create_process(43, "leaky");
    guest.vgpu(0, 63, 0, &[]);
    guest.vgpu(0, 38, 0, &[0; 40]);
    for _ in 0..12 {
        guest.destroy_process(5);
    }
    let report = guest.host.report();
    let lines = report.summary();
    assert!(lines[0].contains("2 processes (2 left)"), "{}", lines[0]);
    assert!(lines[0].contains("12 protocol violations"));
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("left: process 42 (leaky, 0x"));
    assert!(has("unknown: vgpu command 63, 1 time"));
    assert!(has("not supported: vgpu command 38 BLT, 1 time"));
    assert!(has("violation: DESTROYPROCESS: process 0x5 in the header"));
    assert!(has("violation: and 2 more"));
    let verdict = report.verdict();
    assert!(!verdict.is_clean());
    assert_eq!(
        verdict.reasons,
        [
            "12 protocol violations",
            "2 processes left",
            "1 message without meaning"
        ]
    );
}

#[test]
fn json_has_what_a_program_needs() {
    let mut guest = Guest::started(Config::default());
    guest.create_process(42, "left");
    let report = guest.host.report();
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["messages"]["OPENADAPTER"], 2);
    assert_eq!(json["processes_created"], 1);
    assert_eq!(json["processes_left"][0]["pid"], 42);
    assert_eq!(json["processes_left"][0]["objects"], serde_json::json!({}));
    assert_eq!(json["adapters"][1]["kind"], "compute-only");
    assert_eq!(json["adapters"][0]["open"], true);
    assert_eq!(json["violation_count"], 0);
    assert_eq!(json["pci"]["version_written"], serde_json::Value::Null);
}

#[test]
fn the_bus_below_counts_too() {
    let guest = Guest::started(Config::default());
    let clean = BusReport {
        messages: 20,
        ..BusReport::default()
    };
    let report = guest.host.report().with_bus(&clean);
    assert_eq!(report.bus_messages, 20);
    assert!(report.verdict().is_clean());
    let bad = BusReport {
        violations: vec!["offers requested twice".to_owned()],
        violation_count: 1,
        unknown: [(40, 2)].into(),
        ..clean
    };
    let report = guest.host.report().with_bus(&bad);
    assert_eq!(report.violations, ["VMBus: offers requested twice"]);
    assert_eq!(
        report.verdict().reasons,
        ["1 protocol violation", "2 messages without meaning"]
    );
}

#[test]
fn memory_that_was_lent_and_not_taken_back() {
    let guest = Guest::started(Config::default());
    // The rings of the channels, which are open.
    let off = BusReport {
        open_channels: 3,
        gpadls: 3,
        ..BusReport::default()
    };
    assert!(guest.host.report().with_bus(&off).verdict().is_clean());
    let left = BusReport {
        gpadls: 5,
        lent_gpadls: 2,
        ..off
    };
    let report = guest.host.report().with_bus(&left);
    assert_eq!(report.verdict().reasons, ["2 GPADLs left"]);
    assert!(report.summary().contains(&"left: 2 GPADLs".to_owned()));
}
