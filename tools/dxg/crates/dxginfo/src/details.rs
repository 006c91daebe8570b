// SPDX-License-Identifier: GPL-2.0

//! Everything about one adapter, for `--verbose`.

use crate::{
    report::{AdapterReport, Ids, Problem, Segments},
    table::{Column, Table, NONE},
    text::Style,
    units::{bytes, percent},
};

const INDENT: usize = 2;
const LABEL: usize = 14;
const BAR: usize = 16;

/// The adapter's block: facts, then a table each of budgets, engines and features.
pub(crate) fn render(adapter: &AdapterReport, style: Style) -> String {
    let name = style.clean(adapter.name.as_deref().unwrap_or(NONE));
    let luid = &adapter.luid;
    // The LUID tells adapters apart, so the name gives way to it.
    let name = style.fit(&name, style.width.saturating_sub(luid.len() + 3));
    let mut text = format!("{name} ({luid})\n");
    for (label, fact) in facts(adapter) {
        let fact = style.clean(fact.as_deref().unwrap_or(NONE));
        let fact = style.fit(&fact, style.width.saturating_sub(INDENT + LABEL));
        text.push_str(&format!("{:INDENT$}{label:LABEL$}{fact}\n", ""));
    }
    for table in [
        budgets(adapter, style),
        memory_in_use(adapter, style),
        engines(adapter, style),
        features(adapter, style),
    ] {
        text.push('\n');
        text.push_str(&table);
    }
    text.push_str(&problems("NOT ANSWERED", &adapter.unanswered, style));
    text.push_str(&problems("FAILED", &adapter.errors, style));
    text
}

fn facts(adapter: &AdapterReport) -> Vec<(String, Option<String>)> {
    let mut facts = vec![
        ("kind".to_owned(), adapter.kind.clone()),
        (
            "abilities".to_owned(),
            adapter
                .capabilities
                .as_ref()
                .filter(|names| !names.is_empty())
                .map(|names| names.join(", ")),
        ),
        ("driver".to_owned(), adapter.driver_version.clone()),
        ("WDDM".to_owned(), adapter.wddm_version.clone()),
        ("memory".to_owned(), adapter.segments.as_ref().map(memory)),
        ("PCI address".to_owned(), adapter.pci_address.clone()),
    ];
    for physical in &adapter.physical_adapters {
        let label = match adapter.physical_adapters.len() {
            1 => "PCI ID".to_owned(),
            _ => format!("PCI ID {}", physical.index),
        };
        facts.push((label, physical.ids.as_ref().map(pci_ids)));
    }
    facts
}

fn memory(segments: &Segments) -> String {
    format!(
        "{} video, {} system, {} shared",
        bytes(segments.dedicated_video),
        bytes(segments.dedicated_system),
        bytes(segments.shared_system)
    )
}

fn pci_ids(ids: &Ids) -> String {
    format!(
        "{:04x}:{:04x}, subsystem {:04x}:{:04x}, revision {:02x}",
        ids.vendor, ids.device, ids.sub_vendor, ids.sub_system, ids.revision
    )
}

fn budgets(adapter: &AdapterReport, style: Style) -> String {
    let mut table = Table::new([
        Column::right("GPU"),
        Column::left("MEMORY"),
        Column::right("IN USE"),
        Column::right("BUDGET"),
        Column::left("SHARE"),
        Column::right("RESERVED"),
        Column::right("RESERVABLE"),
    ]);
    for physical in &adapter.physical_adapters {
        for budget in &physical.budgets {
            let memory = budget.memory.as_ref();
            table.row([
                Some(physical.index.to_string()),
                Some(budget.group.clone()),
                memory.map(|memory| bytes(memory.current_usage)),
                memory.map(|memory| bytes(memory.budget)),
                memory.map(|memory| style.bar(memory.current_usage, memory.budget, BAR)),
                memory.map(|memory| bytes(memory.current_reservation)),
                memory.map(|memory| bytes(memory.available_for_reservation)),
            ]);
        }
    }
    table.render(style, INDENT)
}

/// What everybody uses.
fn memory_in_use(adapter: &AdapterReport, style: Style) -> String {
    let mut table = Table::new([
        Column::right("GPU"),
        Column::left("MEMORY"),
        Column::right("IN USE BY ALL"),
        Column::right("OF"),
        Column::left("SHARE"),
    ]);
    for physical in &adapter.physical_adapters {
        for memory in &physical.memory_in_use {
            let both = memory.used.zip(memory.total);
            table.row([
                Some(physical.index.to_string()),
                Some(memory.group.clone()),
                memory.used.map(bytes),
                memory.total.map(bytes),
                both.map(|(used, total)| style.bar(used, total, BAR)),
            ]);
        }
    }
    table.render(style, INDENT)
}

fn engines(adapter: &AdapterReport, style: Style) -> String {
    let mut table = Table::new([
        Column::right("GPU"),
        Column::right("ENGINE"),
        Column::left("KIND"),
        Column::right("BUSY"),
        Column::left("GPU MMU"),
        Column::left("IOMMU"),
        Column::left("NAME").at_least(8),
    ]);
    for physical in &adapter.physical_adapters {
        let index = || Some(physical.index.to_string());
        let Some(engines) = &physical.engines else {
            table.row([index(), None, None, None, None, None, None]);
            continue;
        };
        for engine in engines {
            table.row([
                index(),
                Some(engine.ordinal.to_string()),
                Some(engine.kind.clone()),
                engine.utilization.map(percent),
                Some(yes_or_no(engine.gpu_mmu)),
                Some(yes_or_no(engine.io_mmu)),
                Some(engine.name.clone()).filter(|name| !name.is_empty()),
            ]);
        }
    }
    table.render(style, INDENT)
}

fn features(adapter: &AdapterReport, style: Style) -> String {
    let mut table = Table::new([
        Column::left("FEATURE"),
        Column::left("ENABLED"),
        Column::left("KNOWN"),
        Column::left("IN DRIVER"),
        Column::left("IN CONFIG"),
        Column::right("VERSION"),
    ]);
    for feature in &adapter.features {
        let state = feature.state.as_ref();
        table.row([
            Some(feature.name.clone()),
            state.map(|state| yes_or_no(state.enabled)),
            state.map(|state| yes_or_no(state.known)),
            state.map(|state| yes_or_no(state.supported_by_driver)),
            state.map(|state| yes_or_no(state.supported_on_config)),
            state.map(|state| state.version.to_string()),
        ]);
    }
    table.render(style, INDENT)
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

/// The queries without an answer, or nothing.
fn problems(title: &'static str, problems: &[Problem], style: Style) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let mut table = Table::new([
        Column::left(title).at_least(16),
        Column::left("ERROR").at_least(16),
    ]);
    for problem in problems {
        table.row([
            problem.function.clone(),
            problem.errno.clone().or(Some(problem.message.clone())),
        ]);
    }
    format!("\n{}", table.render(style, INDENT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn block(adapter: usize, unicode: bool) -> String {
        let style = Style {
            unicode,
            width: 100,
        };
        render(&sample::report().adapters[adapter], style)
    }

    #[test]
    fn the_block_shows_all_there_is() {
        assert_eq!(
            block(0, false),
            "\
Software Render Adapter (00000000:0000a1b2)
  kind          render
  abilities     render_supported, paravirtualized
  driver        31.0.101.4146
  WDDM          3.2
  memory        4.0 GiB video, 0 B system, 8.0 GiB shared
  PCI address   00:02.0
  PCI ID        1414:008e, subsystem 0000:0000, revision 00

  GPU  MEMORY        IN USE   BUDGET  SHARE              RESERVED  RESERVABLE
    0  local      896.0 MiB  3.5 GiB  ####............  128.0 MiB     1.5 GiB
    0  non-local        0 B      0 B  ................        0 B         0 B

  GPU  MEMORY     IN USE BY ALL       OF  SHARE
    0  local            3.0 GiB  4.0 GiB  ############....
    0  non-local              -        -  -

  GPU  ENGINE  KIND  BUSY  GPU MMU  IOMMU  NAME
    0       0  3D     25%  yes      no     -
    0       1  copy   <1%  yes      no     Copy 0

  FEATURE                    ENABLED  KNOWN  IN DRIVER  IN CONFIG  VERSION
  hardware scheduling        yes      yes    yes        yes              1
  page-based memory manager  -        -      -          -                -
  kernel-mode testing        -        -      -          -                -

  NOT ANSWERED                                                       ERROR
  D3DKMTQueryStatistics(D3DKMT_QUERYSTATISTICS_SEGMENT_GROUP_USAGE)  EINVAL
  D3DKMTIsFeatureEnabled(page-based memory manager)                  EINVAL
  D3DKMTIsFeatureEnabled(kernel-mode testing)                        EINVAL
"
        );
    }

    #[test]
    fn what_is_unknown_is_a_dash_and_explained() {
        let text = block(2, false);
        assert!(text.starts_with("- (00000000:0000a1b4)\n"), "{text}");
        assert!(text.contains("kind          -\n"), "{text}");
        let reason = "D3DKMTQueryAdapterInfo(KMTQAITYPE_GETSEGMENTSIZE) ";
        assert!(text.contains(reason), "{text}");
        assert!(!text.contains("FAILED"), "{text}");
    }

    #[test]
    fn blocks_stay_within_their_width_and_character_set() {
        for adapter in 0..3 {
            let text = block(adapter, false);
            assert!(text.is_ascii());
            assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        }
        assert!(block(0, true).contains('█'));
    }
}
