// SPDX-License-Identifier: GPL-2.0
//! The command line, and the choice between the two ways of running.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use gpupv::Behaviour;
use vm::stop::{Stop, StopReason};

use crate::config::GuestConfig;
use crate::console::Output;
use crate::event_loop::{self, Event, Files, Run, StopCause, Streams};
use crate::exit_status::status;
use crate::gpus::IO_SPACE_MAX;
use crate::machine::{Lines, Machine};
use crate::nested::{self, OuterMachine};
use crate::terminal::InputMode;
use crate::trace::TraceFormat;
use crate::{logger, support};

const EXIT_STATUS: &str = "\
Exit status:
  0        the guest powered off
  0-255    what the guest wrote to the test port 0x604
  2        the command line is wrong
  100      the guest asked for a reset (also a panic before VMBus is up)
  101      the guest crashed with a triple fault
  102      the guest panicked
  103      the time limit was reached
  104      the machine could not be set up or failed
  105      --strict: the guest broke the protocol or left something behind
  130      interrupted";

/// Boots a Linux kernel as a Hyper-V guest with paravirtual GPUs.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a guest. Its console goes to standard output, all other messages to standard error.
    #[command(after_help = after_help())]
    Run(RunArgs),
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The guest's kernel: a vmlinux or a bzImage, built with CONFIG_PVH.
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,
    /// The guest's initial file system.
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Virtual CPUs.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    cpus: u8,
    /// Memory, with the suffix M or G.
    #[arg(long, default_value = "2G", value_parser = parse_size)]
    memory: u64,
    /// A GPU, or "none". May be repeated. By default one for rendering and one for computing.
    #[arg(long, value_name = "SPEC")]
    adapter: Vec<String>,
    /// More for the kernel's command line.
    #[arg(long, value_name = "TEXT")]
    cmdline: Option<String>,
    /// End the guest after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Fail if the guest breaks the protocol or leaves something behind.
    #[arg(long)]
    strict: bool,
    /// Write what the host saw to a file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write each GPU-PV message to a file, as it comes: a line with its fields and its answer.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// What the lines of --trace look like: for people, or JSON objects.
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        requires = "trace"
    )]
    trace_format: TraceFormat,
    /// Give standard input to the guest's console. With "keys", which is meant without a value, a terminal
    /// gives every key to the guest, and Ctrl-A x ends the guest; with "lines" it gives whole lines, and
    /// Ctrl-C ends the guest.
    #[arg(
        long,
        value_name = "HOW",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "keys"
    )]
    input: Option<InputMode>,
    /// Keep input until the guest writes to I/O port 0x60D, when its program has begun to read.
    #[arg(long, requires = "input")]
    input_port: bool,
    /// Let the guest write to a file, through I/O port 0x60C.
    #[arg(long, value_name = "FILE")]
    transfer: Option<PathBuf>,
    /// The newest GPU-PV interface version to offer.
    #[arg(long, value_name = "NUMBER")]
    interface_version: Option<u32>,
    /// Address space of the guest for memory of the host, with the suffix M or G.
    #[arg(long, value_name = "SIZE", default_value = "1000M", value_parser = parse_io_space)]
    io_space: u16,
    /// What the host does where no document says it; may be repeated. See the settings below.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_behaviour)]
    behaviour: Vec<String>,
    /// Ask the guest for asynchronous messages, which all travel over the global channel.
    #[arg(long)]
    asynchronous: bool,
    /// For tests: let the guest take its own devices away, through I/O port 0x606.
    #[arg(long)]
    removal_port: bool,
    /// For tests: let the guest read from I/O port 0x608, as 32 bits, how many objects its processes
    /// have on the host.
    #[arg(long)]
    count_port: bool,
    /// Make the faults that this file lists (TOML, see Documentation/gpupv-host.md).
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Make faults of all kinds at random. The same number makes the same ones, as far as the guest does the
    /// same.
    #[arg(long, value_name = "SEED", conflicts_with = "faults")]
    hostile: Option<u64>,
    /// For tests: let the guest say, through I/O ports from 0x620 on, which faults to make.
    #[arg(long)]
    fault_port: bool,
    /// The newest VMBus version to accept, such as 5.2.
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = parse_version)]
    max_vmbus_version: Option<u32>,
    /// Run on this machine's KVM, even if it does not look able to.
    #[arg(long, conflicts_with = "nested")]
    direct: bool,
    /// Run inside an emulated machine, even if this machine's KVM looks able.
    #[arg(long)]
    nested: bool,
    /// For nested runs: the kernel of the emulated machine, with KVM for AMD CPUs.
    #[arg(long, value_name = "FILE")]
    outer_kernel: Option<PathBuf>,
    /// For nested runs: its KVM modules, and a file modules.load that names them in order.
    #[arg(long, value_name = "DIRECTORY")]
    outer_modules: Option<PathBuf>,
    /// Show debug messages.
    #[arg(long, short)]
    verbose: bool,
}

fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        _ => return Err("a number followed by M or G is needed".into()),
    };
    let number: u64 = digits
        .parse()
        .map_err(|error| format!("{digits:?}: {error}"))?;
    match number.checked_mul(1 << shift) {
        Some(0) => Err("that is nothing".into()),
        Some(size) => Ok(size),
        None => Err("that is too much".into()),
    }
}

/// The size of the IO space in MiB, which is how guests are told of it.
fn parse_io_space(text: &str) -> Result<u16, String> {
    let mib = parse_size(text)? >> 20;
    match u16::try_from(mib) {
        Ok(mib) if mib <= IO_SPACE_MAX => Ok(mib),
        _ => Err(format!("at most {IO_SPACE_MAX}M are possible")),
    }
}

/// Checks a setting of the host's behaviour, which stays a text for a program in a nested machine.
fn parse_behaviour(text: &str) -> Result<String, String> {
    let set = Behaviour::default().set(text);
    set.map(|()| text.to_owned())
        .map_err(|error| error.to_string())
}

/// Explains the exit statuses and the settings of [`Behaviour`].
fn after_help() -> String {
    let settings = Behaviour::settings();
    let line = |(name, values): &(&str, String)| format!("  {name}={values}");
    let lines: Vec<String> = settings.iter().map(line).collect();
    format!(
        "{EXIT_STATUS}\n\nSettings of --behaviour, the default first:\n{}",
        lines.join("\n")
    )
}

fn parse_version(text: &str) -> Result<u32, String> {
    let parsed = text.split_once('.').and_then(|(major, minor)| {
        Some((u32::from(major.parse::<u16>().ok()?) << 16) | u32::from(minor.parse::<u16>().ok()?))
    });
    parsed.ok_or_else(|| "a version such as 5.2 is needed".into())
}

/// Does what the command line says.
pub(crate) fn run() -> ExitCode {
    let Command::Run(args) = Cli::parse().command;
    let mut config = GuestConfig {
        cpus: args.cpus,
        memory: args.memory,
        extra_cmdline: args.cmdline.clone(),
        adapters: args.adapter.clone(),
        interface_version: args.interface_version,
        io_space_mib: args.io_space,
        behaviour: args.behaviour.clone(),
        asynchronous: args.asynchronous,
        removal_port: args.removal_port,
        count_port: args.count_port,
        faults: None,
        hostile: args.hostile,
        fault_port: args.fault_port,
        transfer_port: args.transfer.is_some(),
        input_port: args.input_port,
        eager_eoi: false,
        max_vmbus_version: args.max_vmbus_version,
        trace: args.trace.is_some().then_some(args.trace_format),
        verbose: args.verbose,
    };
    logger::install(config.log_level(), |line| eprintln!("{line}"));
    if let Some(path) = &args.faults {
        match read_text(path) {
            Ok(text) => config.faults = Some(text),
            Err(message) => {
                log::error!("{message}");
                return ExitCode::from(status::FAILED);
            }
        }
    }
    ExitCode::from(run_guest(&args, &config))
}

fn run_guest(args: &RunArgs, config: &GuestConfig) -> u8 {
    let opened = read(&args.kernel).and_then(|kernel| {
        let initrd = args.initrd.as_deref().map(read).transpose()?;
        let files = Files {
            trace: args.trace.as_deref().map(create).transpose()?,
            transfer: args.transfer.as_deref().map(create).transpose()?,
        };
        Ok((kernel, initrd, files))
    });
    let (kernel, initrd, files) = match opened {
        Ok(opened) => opened,
        Err(message) => {
            log::error!("{message}");
            return status::FAILED;
        }
    };
    let options = event_loop::Options {
        timeout: args.timeout.map(Duration::from_secs),
        strict: args.strict,
        report: args.report.as_deref(),
        input: args.input,
    };
    let initrd = initrd.as_deref();
    if runs_nested(args) {
        event_loop::run(&options, files, |streams| {
            let outer = outer_machine(args)?;
            nested::start(&outer, config, &kernel, initrd, streams)
        })
    } else {
        event_loop::run(&options, files, |streams| {
            start_directly(config, &kernel, initrd, streams)
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn read_text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn create(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| format!("cannot create {}: {error}", path.display()))
}

/// Chooses, and says what it chose and why.
fn runs_nested(args: &RunArgs) -> bool {
    if args.direct {
        log::info!("running directly, as --direct asks for");
        return false;
    }
    if args.nested {
        log::info!("running nested in an emulated machine, as --nested asks for");
        return true;
    }
    match support::obstacle() {
        None => {
            log::info!("running directly: KVM has what a Hyper-V guest needs");
            false
        }
        Some(obstacle) => {
            log::info!("running nested in an emulated machine: {obstacle}");
            true
        }
    }
}

fn outer_machine(args: &RunArgs) -> Result<OuterMachine<'_>, String> {
    let needed =
        "a nested run needs --outer-kernel and --outer-modules: a kernel and its KVM modules";
    Ok(OuterMachine {
        kernel: args.outer_kernel.as_deref().ok_or(needed)?,
        modules: args.outer_modules.as_deref().ok_or(needed)?,
    })
}

struct DirectRun {
    stop: Arc<Stop>,
}

impl Run for DirectRun {
    fn stop(&self, cause: StopCause) {
        self.stop.request(cause.into());
    }
}

impl From<StopCause> for StopReason {
    fn from(cause: StopCause) -> Self {
        match cause {
            StopCause::Interrupted => StopReason::Interrupted,
            StopCause::TimedOut => StopReason::TimedOut,
        }
    }
}

fn start_directly(
    config: &GuestConfig,
    kernel: &[u8],
    initrd: Option<&[u8]>,
    streams: Streams,
) -> Result<Box<dyn Run>, String> {
    let threads = |error| format!("cannot start a thread: {error}");
    let Streams {
        events,
        console,
        input,
        files,
    } = streams;
    let output = Output::new(console).map_err(threads)?;
    let trace = files.trace.map(Output::new).transpose().map_err(threads)?;
    let lines = Lines {
        console: output.writer(),
        trace: trace.as_ref().map(Output::writer),
        transfer: files.transfer,
    };
    let machine =
        Machine::start(config, kernel, initrd, lines).map_err(|error| error.to_string())?;
    if let Some(input) = input {
        let console = machine.console_input();
        std::thread::Builder::new()
            .name("console input".into())
            .spawn(move || input.iter().for_each(|bytes| console.receive(&bytes)))
            .map_err(threads)?;
    }
    let stop = machine.stop();
    std::thread::Builder::new()
        .name("machine".into())
        .spawn(move || {
            let outcome = machine.finish();
            // All of the console and the trace comes before the end.
            drop((output, trace));
            // The event loop is gone when it did not want to wait.
            let _ = events.send(Event::Ended(outcome));
        })
        .map_err(threads)?;
    Ok(Box::new(DirectRun { stop }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;

        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!(parse_size("512M"), Ok(512 << 20));
        assert_eq!(parse_size("4g"), Ok(4 << 30));
        for bad in ["", "4", "G", "-1G", "0M", "4T", "99999999999999G"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_io_space_has_limits() {
        assert_eq!(parse_io_space("1000M"), Ok(1000));
        assert_eq!(parse_io_space("2G"), Ok(2048));
        assert_eq!(parse_io_space("65471M"), Ok(65_471));
        for bad in ["65472M", "64G", "0M", "1", "99999G"] {
            assert!(parse_io_space(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn behaviour_is_checked_and_explained() {
        let parse = |extra: &[&str]| {
            let all = ["gpupv-host", "run", "--kernel", "k"].iter().chain(extra);
            let Command::Run(args) = Cli::try_parse_from(all).ok()?.command;
            Some((args.io_space, args.behaviour))
        };
        assert_eq!(parse(&[]), Some((1000, Vec::new())));
        let two = [
            "--behaviour",
            "cpu-waits=signal",
            "--behaviour=first-handle=77",
        ];
        let settings = vec!["cpu-waits=signal".to_owned(), "first-handle=77".to_owned()];
        assert_eq!(parse(&two), Some((1000, settings)));
        assert_eq!(parse(&["--behaviour", "cpu-waits"]), None);
        assert_eq!(parse(&["--behaviour", "cpu-waits=never"]), None);
        let help = after_help();
        assert!(help.contains("\n  cpu-waits=drop|signal\n"), "{help}");
        assert!(help.contains("105      --strict"), "{help}");
    }

    #[test]
    fn versions_have_two_halves() {
        assert_eq!(parse_version("5.3"), Ok(0x0005_0003));
        for bad in ["5", "5.", "5.x", "70000.0"] {
            assert!(parse_version(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn direct_and_nested_exclude_each_other() {
        let with = |extra: &[&str]| {
            Cli::try_parse_from(["gpupv-host", "run", "--kernel", "k"].iter().chain(extra)).is_ok()
        };
        assert!(with(&["--nested", "--cpus", "4"]));
        assert!(!with(&["--nested", "--direct"]));
        assert!(with(&["--input", "--cpus", "4"]));
        assert!(with(&["--input=lines"]));
        assert!(with(&["--input", "--input-port"]));
        assert!(!with(&["--input-port"]));
        assert!(!with(&["--input=words"]));
        assert!(!with(&["--cpus", "0"]));
        assert!(!with(&["--memory", "2"]));
    }
}
