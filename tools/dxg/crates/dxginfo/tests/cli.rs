// SPDX-License-Identifier: GPL-2.0

//! The program as its callers see it: exit status, standard output and standard error.

use std::{
    path::Path,
    process::{Command, Output},
};

fn dxginfo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dxginfo"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

#[test]
fn a_missing_device_is_status_3_and_says_what_to_do() {
    let output = dxginfo(&["--device", "/nonexistent/dxg"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(
        stderr(&output),
        "dxginfo: cannot open /nonexistent/dxg: there is no such device; the dxgkrnl module is \
         probably not loaded (try `modprobe dxgkrnl`)\n"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn failures_leave_standard_output_empty_for_json_readers() {
    let output = dxginfo(&["--json", "--device", "/nonexistent/dxg"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
}

#[test]
fn something_else_than_the_device_is_status_1() {
    let output = dxginfo(&["--device", env!("CARGO_MANIFEST_DIR")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("not a character device"));

    let output = dxginfo(&["--device", "/dev/null"]);
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.starts_with("dxginfo: D3DKMTEnumAdapters3 failed with ENOTTY: "),
        "{message}"
    );
    assert!(message.contains("it is not dxgkrnl"), "{message}");
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let output = dxginfo(&["--watch", "often"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("invalid digit"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_help_lists_the_exit_statuses() {
    let output = dxginfo(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).expect("text");
    for word in ["--json", "--verbose", "--processes", "--adapter", "--watch"] {
        assert!(help.contains(word), "{word}");
    }
    assert!(help.contains("Exit status:"), "{help}");
}

#[test]
fn the_man_page_comes_without_a_device() {
    let output = dxginfo(&["--generate", "man"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let page = String::from_utf8(output.stdout).expect("text");
    assert!(page.contains(".TH dxginfo 1"), "{page}");
}

#[test]
fn the_device_of_this_machine_is_shown() {
    if !Path::new("/dev/dxg").exists() {
        // The print macros would be captured by the test harness and never be seen.
        use std::io::Write;
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED the_device_of_this_machine_is_shown: there is no /dev/dxg here"
        );
        return;
    }
    let table = dxginfo(&["--verbose", "--processes"]);
    assert_eq!(table.status.code(), Some(0), "{}", stderr(&table));
    let json = dxginfo(&["--json"]);
    assert_eq!(json.status.code(), Some(0), "{}", stderr(&json));
    let report: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    let table = String::from_utf8(table.stdout).expect("text");
    for adapter in report["adapters"].as_array().expect("a list") {
        let luid = adapter["luid"].as_str().expect("a LUID");
        assert!(table.contains(luid), "{luid} in\n{table}");
    }
}
