// SPDX-License-Identifier: GPL-2.0
//! The trace: each message with its fields.

use std::sync::{Arc, Mutex};

use gpupv::trace::{Record, Value};
use gpupv::Config;

use crate::bench::Bench;
use crate::guest::{words, Guest};

type Records = Arc<Mutex<Vec<Record>>>;

fn traced(guest: &Guest) -> Records {
    let records = Records::default();
    let sink = Arc::clone(&records);
    guest
        .host
        .set_trace(Box::new(move |record| sink.lock().unwrap().push(record)));
    records
}

fn take(records: &Records) -> Vec<Record> {
    std::mem::take(&mut *records.lock().unwrap())
}

#[test]
fn a_command_has_its_fields_by_name() {
    let mut bench = Bench::new();
    let records = traced(&bench.guest);
    let fence = bench.fence(7);
    let context = bench.context(0);
    bench.signal_in(context, fence.handle, 9);
    bench.wait(55, 0, &[(fence.handle, 9)]);
    let records = take(&records);
    let names: Vec<&str> = records.iter().map(|r| r.command.as_str()).collect();
    assert_eq!(
        names,
        [
            "CREATESYNCOBJECT",
            "CREATECONTEXTVIRTUAL",
            "SIGNALSYNCOBJECT",
            "WAITFORSYNCOBJECTFROMCPU",
            "SIGNALGUESTEVENT"
        ]
    );
    let sync = &records[0];
    assert_eq!((sync.channel.as_str(), sync.number), ("vgpu0", Some(8)));
    assert_eq!(sync.process, Some(bench.process));
    assert_eq!(sync.fields.number("type"), Some(5));
    assert_eq!(sync.fields.number("initial_fence_value"), Some(7));
    assert_eq!(sync.fields.number("device"), Some(bench.device.into()));
    let reply = sync.reply.as_ref().unwrap();
    assert_eq!((reply.length, reply.status), (32, None));
    assert_eq!(
        reply.fields.number("sync_object"),
        Some(fence.handle.into())
    );
    assert_eq!(
        reply.fields.number("fence_storage_address"),
        Some(fence.page)
    );
    let reply = records[1].reply.as_ref().unwrap();
    assert_eq!(reply.fields.number("context"), Some(context.into()));
    let reply = records[2].reply.as_ref().unwrap();
    assert_eq!((reply.status, reply.fields.0.len()), (Some(0), 0));
    assert!(matches!(
        records[2].fields.0.last(),
        Some(("tail", Value::Bytes(_)))
    ));
    assert!(records[4].to_guest);
    assert_eq!(records[4].fields.number("event"), Some(55));
    assert!(records.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn lines_are_for_people_and_programs() {
    let mut guest = Guest::new(Config::default());
    let records = traced(&guest);
    guest.start();
    let process = guest.create_process(42, "traced");
    let device = guest.create_device(0, process, 1);
    guest.vgpu_later(0, 42, process, &words(&[device, 4]));
    guest.vgpu(0, 63, process, &[]);
    guest.vgpu(0, 7, process, &words(&[0x7FC0, 0]));
    guest.global.raw(vec![0; 8], true);
    let records = take(&records);
    let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("global -> SETIOSPACEREGION"), "{lines:#?}");
    assert!(has("vgpu1 -> GETINTERNALADAPTERINFO"));
    assert!(has("process_id 0x2a"));
    assert!(has("vgpu0 <- FLUSHDEVICE"));
    assert!(has("vgpu0 -> (unknown)"));
    assert!(has("VIOLATION \"DESTROYCONTEXT: context 0x7fc0\""));
    assert!(has("global -> (malformed)"));
    assert!(lines.iter().all(|line| !line.contains('\n')));
    for record in &records {
        let json = serde_json::to_string(record).unwrap();
        assert!(!json.contains('\n'));
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["command"], record.command.as_str());
        let fields = parsed["fields"].as_object().unwrap();
        assert_eq!(fields.len(), record.fields.0.len(), "no name comes twice");
    }
}

#[test]
fn every_command_that_is_done_has_a_layout() {
    use gpupv::command;
    use gpupv::wire::ChannelType;

    let mut guest = Guest::started(Config::default());
    let process = guest.create_process(1, "all");
    let records = traced(&guest);
    for family in [ChannelType::VgpuToHost, ChannelType::VmToHost] {
        for info in command::all(family).iter().filter(|i| i.handler.is_some()) {
            if info.min_len == 24 || info.name == "CLOSEADAPTER" {
                continue;
            }
            let body = vec![0xFF; info.min_len];
            match family {
                ChannelType::VgpuToHost => guest.vgpu(0, info.number, process, &body),
                ChannelType::VmToHost => guest.global(info.number, process, &body),
            };
            let record = take(&records).remove(0);
            let mut names: Vec<&str> = record.fields.0.iter().map(|(name, _)| *name).collect();
            assert_ne!(names, ["tail"], "{} has no layout", info.name);
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{} has a name twice", info.name);
        }
    }
}

#[test]
fn fields_have_the_names_of_the_specification() {
    let lines = crate::layout::table("gpupv-layout.csv");
    // "args.info.type:0:4" and "padding[]" are "type" and "padding".
    let last = |field: &str| -> String {
        let name = field.split(':').next().unwrap().replace("[]", "");
        name.rsplit('.').next().unwrap().to_owned()
    };
    // Words whose bits have names, but which have none themselves, and structures at the end.
    let words = ["flags", "descriptor_flags", "result_flags"];
    let mut checked = 0;
    for layout in gpupv::wire::all_layouts() {
        let specified: Vec<String> = lines
            .iter()
            .filter(|line| line[0] == layout.name)
            .map(|line| last(&line[2]))
            .collect();
        for field in layout.fields {
            if field.name.starts_with("padding") || words.contains(&field.name) {
                continue;
            }
            let known = specified.iter().any(|name| name == field.name);
            assert!(known, "{}.{}", layout.name, field.name);
            checked += 1;
        }
    }
    assert!(checked > 300, "{checked}");
}

#[test]
fn each_violation_has_its_own_words() {
    let mut guest = Guest::started(Config::default());
    let records = traced(&guest);
    for process in 1..=150 {
        guest.destroy_process(process);
    }
    let records = take(&records);
    assert_eq!(records.len(), 150);
    for (process, record) in (1..).zip(records) {
        let expected = format!("DESTROYPROCESS: process {process:#x} in the header");
        assert_eq!(record.violation, Some(expected));
    }
}
