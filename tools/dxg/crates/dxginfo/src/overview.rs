// SPDX-License-Identifier: GPL-2.0

//! The tables over all adapters: one line each, and who uses them.

use dxg::SegmentGroup;

use crate::{
    report::{AdapterReport, ProcessEngine, Report, Segments},
    table::{Column, Table},
    text::Style,
    units::{bytes, percent},
};

/// One line per adapter.
pub(crate) fn render(report: &Report, style: Style) -> String {
    if report.adapters.is_empty() {
        return format!("{} has no adapters.\n", report.device);
    }
    let mut table = Table::new([
        Column::left("NAME").at_least(8),
        Column::left("LUID"),
        Column::left("KIND").at_least(7),
        Column::left("PCI ID"),
        Column::right("MEMORY"),
        Column::right("BUSY"),
        Column::left("DRIVER").at_least(9),
    ]);
    for adapter in &report.adapters {
        table.row([
            adapter.name.clone(),
            Some(adapter.luid.clone()),
            adapter.kind.clone(),
            pci_id(adapter),
            adapter.segments.as_ref().map(memory),
            adapter.utilization.map(percent),
            adapter.driver_version.clone(),
        ]);
    }
    table.render(style, 0)
}

/// One line per process and adapter.
pub(crate) fn render_processes(report: &Report, style: Style) -> String {
    let mut table = Table::new([
        Column::left("ADAPTER"),
        Column::right("PID"),
        Column::right("BUSY"),
        Column::left("ENGINE").at_least(6),
        Column::right("LOCAL"),
        Column::right("NON-LOCAL"),
        Column::left("PROCESS").at_least(8),
    ]);
    let [local, non_local] = SegmentGroup::ALL.map(|group| group.to_string());
    for adapter in &report.adapters {
        let luid = || Some(adapter.luid.clone());
        let Some(processes) = &adapter.processes else {
            table.row([luid(), None, None, None, None, None, None]);
            continue;
        };
        for process in processes {
            let name = process
                .name
                .as_ref()
                .map(|name| match process.this_program {
                    true => format!("{name} (this program)"),
                    false => name.clone(),
                });
            table.row([
                luid(),
                Some(process.pid.to_string()),
                process.utilization.map(percent),
                process
                    .busiest_engine()
                    .and_then(|busy| engine(adapter, busy)),
                process.memory_of(&local).map(bytes),
                process.memory_of(&non_local).map(bytes),
                name,
            ]);
        }
    }
    if table.is_empty() {
        "No process has an adapter open.\n".to_owned()
    } else {
        table.render(style, 0)
    }
}

/// What an engine is called, or else what it is for.
fn engine(adapter: &AdapterReport, wanted: &ProcessEngine) -> Option<String> {
    let mut physical = adapter.physical_adapters.iter();
    let physical = physical.find(|physical| physical.index == wanted.physical_adapter)?;
    let mut engines = physical.engines.iter().flatten();
    let engine = engines.find(|engine| engine.ordinal == wanted.ordinal)?;
    let name = if engine.name.is_empty() {
        &engine.kind
    } else {
        &engine.name
    };
    Some(name.clone())
}

fn pci_id(adapter: &AdapterReport) -> Option<String> {
    let ids = adapter.physical_adapters.first()?.ids.as_ref()?;
    Some(format!("{:04x}:{:04x}", ids.vendor, ids.device))
}

/// The adapter's own memory, or what it shares if it has none.
fn memory(segments: &Segments) -> String {
    match (segments.dedicated_video, segments.shared_system) {
        (0, shared) if shared > 0 => format!("{} shared", bytes(shared)),
        (dedicated, _) => bytes(dedicated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sample, text::UNLIMITED};

    const ASCII: Style = Style {
        unicode: false,
        width: UNLIMITED,
    };

    #[test]
    fn the_table_has_a_line_per_adapter_and_dashes_for_what_is_unknown() {
        assert_eq!(
            render(&sample::report(), ASCII),
            "\
NAME                                                    LUID               KIND          PCI ID             MEMORY  BUSY  DRIVER
Software Render Adapter                                 00000000:0000a1b2  render        1414:008e         4.0 GiB   25%  31.0.101.4146
Software Compute Accelerator without Memory of its Own  00000000:0000a1b3  compute-only  1414:008a  8.0 GiB shared     -  1.2.3.4
-                                                       00000000:0000a1b4  -             -                       -     -  -
"
        );
    }

    #[test]
    fn tables_stay_within_their_width() {
        for (width, unicode) in [(100, true), (100, false), (80, true)] {
            let style = Style { unicode, width };
            let text = render(&sample::report(), style);
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{line}");
                assert!(unicode || line.is_ascii(), "{line}");
            }
            assert_eq!(text.contains('…'), unicode);
        }
    }

    #[test]
    fn no_adapters_are_a_sentence() {
        let mut report = sample::report();
        report.adapters.clear();
        assert_eq!(render(&report, ASCII), "/dev/dxg has no adapters.\n");
        assert_eq!(
            render_processes(&report, ASCII),
            "No process has an adapter open.\n"
        );
    }

    #[test]
    fn processes_are_listed_per_adapter() {
        let mut report = sample::report();
        if let Some(process) = report.adapters[0].processes.as_mut() {
            process[1].this_program = true;
            process[1].name = None;
        }
        report.adapters[2].processes = None;
        assert_eq!(
            render_processes(&report, ASCII),
            "\
ADAPTER             PID  BUSY  ENGINE      LOCAL  NON-LOCAL  PROCESS
00000000:0000a1b2   101   25%  3D      768.0 MiB  512.0 MiB  worker
00000000:0000a1b2  2002     -  -               -          -  -
00000000:0000a1b4     -     -  -               -          -  -
"
        );
    }
}
