// SPDX-License-Identifier: GPL-2.0
//! The program as the first process of the emulated machine.
//!
//! It mounts what it needs, loads KVM, runs the guest directly, says how it went, and powers off.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::mount::{mount, MountFlags};
use rustix::system::{finit_module, reboot, RebootCommand};
use rustix::termios::{tcdrain, tcgetattr, tcsetattr, OptionalActions};
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use vm::stop::Stop;

use super::link::{self, Message};
use super::name;
use crate::config::GuestConfig;
use crate::console::Output;
use crate::exit_status::{End, Outcome};
use crate::logger;
use crate::machine::{ConsoleInput, Lines, Machine};

const GUEST_CONSOLE: &str = "/dev/ttyS1";
const LINK: &str = "/dev/ttyS2";

/// Runs the guest and switches the emulated machine off.
pub(crate) fn main() -> ! {
    if let Err(message) = run() {
        // The link may not exist: the outer kernel's console is all that is left.
        eprintln!("gpupv-host inside the emulated machine: {message}");
    }
    power_off()
}

fn power_off() -> ! {
    let error = match reboot(RebootCommand::PowerOff) {
        Ok(()) => "it went on".to_owned(),
        Err(error) => error.to_string(),
    };
    // The first process must not end: the kernel panics then, which ends the machine as well.
    panic!("the emulated machine cannot be switched off: {error}")
}

fn run() -> Result<(), String> {
    for (kind, target) in [("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys")] {
        mount(kind, target, kind, MountFlags::empty(), None)
            .map_err(|error| format!("cannot mount {target}: {error}"))?;
    }
    let mut link = raw_line(LINK)?;
    link::send(&mut link, &Message::Ready)
        .map_err(|error| format!("cannot write to {LINK}: {error}"))?;
    let commands = link
        .try_clone()
        .map_err(|error| format!("cannot use {LINK} twice: {error}"))?;
    let link = Arc::new(Mutex::new(link));

    let outcome = guest(&link, commands)
        .unwrap_or_else(|message| Outcome::without_guest(End::Failed { message }));
    let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
    link::send(&mut *link, &Message::Outcome(Box::new(outcome)))
        .map_err(|error| format!("cannot report the outcome: {error}"))?;
    tcdrain(&*link).map_err(|error| format!("cannot report the outcome: {error}"))
}

/// Lets this thread and those that it will start run on all CPUs but the first one.
///
/// QEMU 10.0 and 11.1 emulate FXRSTOR, XRSTOR and others by clearing a flag of the first CPU, from
/// whatever CPU the instruction runs on, in the word that also says whether that CPU runs a nested
/// guest (`cpu_clear_ignne()`, `hflags2`). If the first CPU leaves its guest at this moment, the
/// word is written back as it was before: the CPU still translates addresses for the guest when it
/// is the hypervisor again, and the guest is left with registers of the hypervisor. A CPU that
/// never runs a guest has nothing to lose.
fn leave_first_cpu() -> Result<(), String> {
    let failed = |error| format!("cannot choose CPUs: {error}");
    let mut cpus = sched_getaffinity(None).map_err(failed)?;

    cpus.unset(0);
    sched_setaffinity(None, &cpus).map_err(failed)
}

/// Makes the guest leave early in its handling of each interrupt.
///
/// QEMU (10.0, 10.2) keeps the vector of an interrupt that VMRUN injects as if it were a pending
/// exception (`helper_vmrun()`, `exception_index`), until the guest leaves or takes another one. If
/// another thread asks the CPU out of its loop at a bad moment (`cpu_handle_interrupt()`, between
/// the two flags it looks at), the guest is interrupted by the same vector once more, even where it
/// has interrupts off. It rarely survives that in the first instructions of a system call or with
/// a lock in its hands. The shorter the time until the next exit, the rarer this is.
fn leave_soon_after_interrupts(config: &mut GuestConfig) {
    config.eager_eoi = true;
}

/// Opens a serial line as a plain channel of bytes.
fn raw_line(path: &str) -> Result<File, String> {
    let open = || {
        let line = OpenOptions::new().read(true).write(true).open(path)?;
        let mut mode = tcgetattr(&line)?;
        mode.make_raw();
        tcsetattr(&line, OptionalActions::Now, &mode)?;
        Ok(line)
    };
    open().map_err(|error: std::io::Error| format!("cannot open {path}: {error}"))
}

fn guest(link: &Arc<Mutex<File>>, commands: File) -> Result<Outcome, String> {
    let config = take(name::CONFIG)?;
    let mut config: GuestConfig = serde_json::from_slice(&config)
        .map_err(|error| format!("cannot understand the configuration: {error}"))?;
    leave_soon_after_interrupts(&mut config);
    logger::install(config.log_level(), {
        let link = link.clone();
        move |line| {
            let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
            // Without a link there is nobody to tell.
            let _ = link::send(&mut *link, &Message::Log(line.to_owned()));
        }
    });
    load_modules()?;
    leave_first_cpu()?;

    let kernel = take(name::KERNEL)?;
    let initrd = if fs::exists(path(name::INITRD)).unwrap_or(false) {
        Some(take(name::INITRD)?)
    } else {
        None
    };
    let console = raw_line(GUEST_CONSOLE)?;
    let twice = |error| format!("cannot use {GUEST_CONSOLE} twice: {error}");
    let drain = console.try_clone().map_err(twice)?;
    let input = console.try_clone().map_err(twice)?;
    let threads = |error| format!("cannot start a thread: {error}");
    let output = Output::new(console).map_err(threads)?;
    let trace = match config.trace {
        Some(_) => Some(Output::new(TraceLink(link.clone())).map_err(threads)?),
        None => None,
    };
    let lines = Lines {
        console: output.writer(),
        trace: trace.as_ref().map(Output::writer),
        transfer: config.transfer_port.then(|| TransferLink(link.clone())),
    };
    let machine = Machine::start(&config, &kernel, initrd.as_deref(), lines)
        .map_err(|error| error.to_string())?;
    // Their content is in the guest's memory now.
    drop((kernel, initrd));
    log::debug!("the guest is running");
    obey(commands, machine.stop())?;
    pass_on(input, machine.console_input()).map_err(threads)?;
    {
        let mut link = link.lock().unwrap_or_else(PoisonError::into_inner);
        link::send(&mut *link, &Message::Listening)
            .map_err(|error| format!("cannot write to {LINK}: {error}"))?;
    }
    let outcome = machine.finish();
    drop((output, trace));
    tcdrain(&drain).map_err(|error| format!("cannot finish the guest's console: {error}"))?;
    Ok(outcome)
}

/// Passes lines of the trace on to the outside.
struct TraceLink(Arc<Mutex<File>>);

impl Write for TraceLink {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        link::send_trace(&mut *link, lines)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes what the guest gives on to the outside.
struct TransferLink(Arc<Mutex<File>>);

impl Write for TransferLink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        link::send(&mut *link, &Message::Transfer(bytes.to_vec()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives what comes from outside to the guest's console.
fn pass_on(mut line: File, console: ConsoleInput) -> io::Result<()> {
    std::thread::Builder::new()
        .name("console input".into())
        .spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = line.read(&mut buffer) {
                console.receive(&buffer[..count]);
            }
        })
        .map(|_| ())
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/").join(name)
}

/// Reads a file and deletes it: all files here take memory.
fn take(name: &str) -> Result<Vec<u8>, String> {
    let path = path(name);
    let read = || {
        let content = fs::read(&path)?;
        fs::remove_file(&path)?;
        Ok(content)
    };
    read().map_err(|error: std::io::Error| format!("cannot read {}: {error}", path.display()))
}

/// Loads the modules in the order of their names, which is the order of the list outside.
fn load_modules() -> Result<(), String> {
    let directory = path(name::MODULES);
    let list = || {
        fs::read_dir(&directory)?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()
    };
    let mut modules =
        list().map_err(|error| format!("cannot list {}: {error}", directory.display()))?;
    modules.sort();
    for module in modules {
        let load = || Ok(finit_module(File::open(&module)?, c"", 0)?);
        load().map_err(|error: std::io::Error| {
            format!(
                "the outer kernel refuses the module {}: {error}",
                module.display()
            )
        })?;
    }
    Ok(())
}

/// Stops the machine when the outside says so.
fn obey(mut commands: File, stop: Arc<Stop>) -> Result<(), String> {
    std::thread::Builder::new()
        .name("commands".into())
        .spawn(move || {
            let mut byte = [0];
            while let Ok(1) = commands.read(&mut byte) {
                if let Some(cause) = link::stop_cause(byte[0]) {
                    stop.request(cause.into());
                    return;
                }
            }
        })
        .map(|_| ())
        .map_err(|error| format!("cannot start a thread: {error}"))
}
