// SPDX-License-Identifier: GPL-2.0

//! `dxginfo` shows the paravirtual GPU adapters of this machine: a table for people, JSON for
//! programs. `dxginfo --help` describes its use.

mod args;
mod details;
mod failure;
mod overview;
mod pages;
mod report;
#[cfg(test)]
mod sample;
mod sampler;
mod survey;
mod table;
mod text;
mod units;

use args::Args;
use clap::Parser;
use failure::Failure;
use report::Report;
use std::{
    borrow::Cow,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};
use survey::Survey;
use text::Style;

/// The time between the two first looks: short for people, long beside what a look takes.
const FIRST_PERIOD: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has had enough of it.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("dxginfo: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    if let Some(page) = args.generate {
        return pages::generate(page, &mut io::stdout().lock()).map_err(Failure::Output);
    }
    let mut survey = Survey::new(&args.device, args.adapter.clone())?;
    // How busy an engine is takes two looks.
    survey.take()?;
    std::thread::sleep(FIRST_PERIOD);
    loop {
        let report = survey.take()?;
        let text = if args.json {
            json(&report, args.watch.is_some())?
        } else {
            tables(&report, args)
        };
        show(&text, args)?;
        for warning in report.warnings() {
            eprintln!("dxginfo: {warning}");
        }
        match args.watch {
            Some(seconds) => std::thread::sleep(Duration::from_secs(seconds)),
            None => return Ok(()),
        }
    }
}

/// One document: on a line of its own if more will follow, else laid out for reading.
fn json(report: &Report, one_line: bool) -> Result<String, Failure> {
    let text = if one_line {
        serde_json::to_string(report)
    } else {
        serde_json::to_string_pretty(report)
    };
    let mut text = text.map_err(|error| Failure::Output(error.into()))?;
    text.push('\n');
    Ok(text)
}

fn tables(report: &Report, args: &Args) -> String {
    let style = Style::of_environment();
    let mut text = overview::render(report, style);
    if args.verbose {
        for adapter in &report.adapters {
            text.push('\n');
            text.push_str(&details::render(adapter, style));
        }
    }
    if args.processes {
        text.push('\n');
        text.push_str(&overview::render_processes(report, style));
    }
    text
}

fn show(text: &str, args: &Args) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let in_place = args.watch.is_some() && !args.json && out.is_terminal();
    let view = if in_place {
        Cow::Owned(text::over_previous(text))
    } else {
        Cow::Borrowed(text)
    };
    out.write_all(view.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Failure::Output)
}
