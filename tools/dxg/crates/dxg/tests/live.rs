// SPDX-License-Identifier: GPL-2.0

//! The library against the driver of this machine. Skipped, audibly, where there is none.

use dxg::{AdapterFilter, AdapterKind, Dxg, SegmentGroup, DEVICE_PATH};
use std::{io::Write, path::Path};

/// The device, or `None` if this machine has none. Any other failure fails the test.
fn device(test: &str) -> Option<Dxg> {
    if Path::new(DEVICE_PATH).exists() {
        return Some(Dxg::open().unwrap_or_else(|error| panic!("{error}")));
    }
    // The print macros would be captured by the test harness and never be seen.
    let _ = writeln!(
        std::io::stderr(),
        "SKIPPED {test}: there is no {DEVICE_PATH} here"
    );
    None
}

#[test]
fn every_adapter_can_be_opened_again_by_its_luid() {
    let Some(device) = device("every_adapter_can_be_opened_again_by_its_luid") else {
        return;
    };
    for adapter in device.adapters(AdapterFilter::ALL).unwrap() {
        let again = device.open_by_luid(adapter.luid()).unwrap();
        assert_eq!(again.kind().unwrap(), adapter.kind().unwrap());
        again.close().unwrap();
        adapter.close().unwrap();
    }
}

#[test]
fn the_render_filter_leaves_out_compute_only_adapters() {
    let Some(device) = device("the_render_filter_leaves_out_compute_only_adapters") else {
        return;
    };
    for adapter in device.adapters(AdapterFilter::RENDER).unwrap() {
        assert_ne!(adapter.kind().unwrap(), AdapterKind::ComputeOnly);
    }
}

#[test]
fn this_process_is_among_those_that_use_the_adapter() {
    let Some(device) = device("this_process_is_among_those_that_use_the_adapter") else {
        return;
    };
    for adapter in device.adapters(AdapterFilter::ALL).unwrap() {
        let processes = adapter.processes().unwrap();
        assert!(processes.contains(&std::process::id()), "{processes:?}");
    }
}

#[test]
fn a_process_without_allocations_uses_no_local_memory() {
    let Some(device) = device("a_process_without_allocations_uses_no_local_memory") else {
        return;
    };
    for adapter in device.adapters(AdapterFilter::ALL).unwrap() {
        let memory = adapter.video_memory(0, SegmentGroup::Local).unwrap();
        assert_eq!(memory.current_usage, 0, "{memory:?}");
        assert_eq!(memory.current_reservation, 0, "{memory:?}");
    }
}

#[test]
fn unknown_luids_are_reported_missing() {
    let Some(device) = device("unknown_luids_are_reported_missing") else {
        return;
    };
    let luid = "ffffffff:fffffffe".parse().unwrap();
    let error = device.open_by_luid(luid).unwrap_err();
    assert!(matches!(error, dxg::Error::NoSuchAdapter { .. }), "{error}");
}
