// SPDX-License-Identifier: GPL-2.0
//! The emulated machine: QEMU as a child that leaves nothing behind, whatever happens to us.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::fs::MemfdFlags;
use rustix::io::FdFlags;
use rustix::process::Signal;

use super::link::{self, Message};
use crate::console::Tail;
use crate::event_loop::{Event, Files, Run, StopCause, Streams};
use crate::exit_status::{End, Outcome};

const QEMU: &str = "qemu-system-x86_64";

/// What the outer kernel and this program need beside what the guest sees, in bytes.
const RESERVE: u64 = 512 << 20;

/// The outer kernel's watchdog would distrust the emulated clock and take it away from the guest; its
/// check of the timer interrupt panics when this machine leaves the emulated one without time; a
/// panic must end the machine, not wait.
const CMDLINE: &str = "console=ttyS0 quiet tsc=reliable no_timer_check panic=-1 mitigations=off \
                       nokaslr audit=0";

/// The machine to start.
pub(super) struct Machine<'a> {
    pub(super) kernel: &'a [u8],
    pub(super) initrd: &'a [u8],
    pub(super) cpus: u8,
    pub(super) guest_memory: u64,
    /// Memory that the host shows the guest, at most, in bytes.
    pub(super) io_space: u64,
}

/// The running machine.
pub(super) struct Qemu {
    child: Arc<Mutex<Child>>,
    link: UnixStream,
    /// The program inside listens to the link.
    ready: Arc<AtomicBool>,
}

impl Machine<'_> {
    /// Starts the machine and the threads that listen to its lines.
    pub(super) fn start(&self, streams: Streams) -> Result<Qemu, String> {
        self.try_start(streams).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!(
                "{QEMU} is not installed; it is needed because the guest cannot run directly on this machine"
            ),
            _ => format!("cannot start the emulated machine: {error}"),
        })
    }

    fn try_start(&self, streams: Streams) -> io::Result<Qemu> {
        let Streams {
            events,
            mut console,
            input,
            files,
        } = streams;
        // In memory and without a name: there is nothing to clean up.
        let kernel = anonymous_file("kernel", self.kernel)?;
        let initrd = anonymous_file("initrd", self.initrd)?;
        let (outer_console, outer_end) = line()?;
        let (guest_console, guest_end) = line()?;
        let (link, link_end) = line()?;
        let mut child = self
            .command(&kernel, &initrd, &[&outer_end, &guest_end, &link_end])
            .spawn()?;
        // Otherwise the lines would never end.
        drop((outer_end, guest_end, link_end));

        let errors = child
            .stderr
            .take()
            .ok_or_else(|| io::Error::other("no pipe to the child"))?;
        let child = Arc::new(Mutex::new(child));
        // What comes before the other side has opened its end of the line would be lost in part.
        let (listening, opened) = channel();
        if let Some(input) = input {
            let mut line = guest_console.try_clone()?;
            std::thread::Builder::new()
                .name("console input".into())
                // The line ends with the emulated machine.
                .spawn(move || {
                    if opened.recv().is_ok() {
                        input.iter().all(|bytes| line.write_all(&bytes).is_ok());
                    }
                })?;
        }
        let last_words = Arc::new(Mutex::new(Tail::default()));
        let listeners = vec![
            listen(
                "outer console",
                outer_console.into(),
                tail_writer(&last_words),
            )?,
            listen("qemu", errors.into(), tail_writer(&last_words))?,
            listen("guest console", guest_console.into(), move |bytes| {
                console.write_all(bytes)
            })?,
        ];
        let ready = Arc::new(AtomicBool::new(false));
        let lines = Lines {
            link: link.try_clone()?,
            ready: ready.clone(),
            listening,
            listeners,
            last_words,
            child: child.clone(),
            events,
            files,
        };
        std::thread::Builder::new()
            .name("link".into())
            .spawn(move || lines.follow())?;
        Ok(Qemu { child, link, ready })
    }

    fn command(&self, kernel: &File, initrd: &File, lines: &[&UnixStream]) -> Command {
        let guest = self.guest_memory + self.io_space;
        let memory = guest + RESERVE + 2 * self.initrd.len() as u64;
        let mut command = Command::new(QEMU);
        command
            .args([
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
            ])
            .args([
                "-machine",
                "q35",
                "-accel",
                "tcg,thread=multi",
                "-cpu",
                "EPYC,+svm,+npt",
            ])
            .args(["-smp", &self.outer_cpus().to_string()])
            .args(["-m", &format!("{}M", memory.div_ceil(1 << 20))])
            .args([
                "-kernel",
                &path(kernel),
                "-initrd",
                &path(initrd),
                "-append",
                CMDLINE,
            ]);
        for (number, line) in lines.iter().enumerate() {
            command.args([
                "-chardev",
                &format!("socket,id=line{number},fd={}", line.as_raw_fd()),
            ]);
            command.args(["-serial", &format!("chardev:line{number}")]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        // A Ctrl-C at the terminal is for us alone; we pass it on in our way.
        command.process_group(0);
        die_with_parent(&mut command);
        command
    }

    /// As many CPUs as the guest has, but no more than there are. And the first one, which neither
    /// guest nor host uses, see [`super::init`].
    ///
    /// The host has none of its own: it works while a CPU of the guest waits for it. Where they are
    /// on two CPUs, each message wakes one of them and later the other, and both are switched to by
    /// way of an idle loop, which costs the emulator a fourth of all it does.
    fn outer_cpus(&self) -> usize {
        let available = std::thread::available_parallelism().map_or(2, usize::from);
        usize::from(self.cpus).clamp(1, available.max(2)) + 1
    }
}

/// Kills the child when the thread that started it ends, even if we are killed.
#[expect(
    unsafe_code,
    reason = "there is no safe way to run code between fork and exec"
)]
fn die_with_parent(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec. It makes one system call and allocates
    // nothing, so it is safe in the child of a program with threads.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
                .map_err(io::Error::from)
        });
    }
}

/// A file without a name that the child inherits.
fn anonymous_file(name: &str, content: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create(name, MemfdFlags::empty())?);
    file.write_all(content)?;
    Ok(file)
}

/// How the child opens an inherited file.
fn path(file: &File) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

/// Two ends of a line: ours, and the one that the child inherits.
fn line() -> io::Result<(UnixStream, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    rustix::io::fcntl_setfd(theirs.as_fd(), FdFlags::empty())?;
    Ok((ours, theirs))
}

fn tail_writer(tail: &Arc<Mutex<Tail>>) -> impl FnMut(&[u8]) -> io::Result<()> + Send + 'static {
    let tail = tail.clone();
    move |bytes| {
        tail.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes);
        Ok(())
    }
}

/// Gives everything that comes from `source` to `sink`, until its end.
fn listen(
    name: &str,
    source: OwnedFd,
    mut sink: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let mut source = File::from(source);
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let mut buffer = vec![0; 16 << 10];
            let mut usable = true;
            loop {
                match source.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(count) if usable => {
                        if let Err(error) = sink(&buffer[..count]) {
                            log::warn!("cannot pass the guest's console on: {error}");
                            // Reading goes on, so that the guest is not held up.
                            usable = false;
                        }
                    }
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return,
                }
            }
        })
}

/// What the thread of the link needs.
struct Lines {
    link: UnixStream,
    ready: Arc<AtomicBool>,
    /// Told when the guest's console takes input. Nobody may be waiting for that.
    listening: Sender<()>,
    listeners: Vec<JoinHandle<()>>,
    last_words: Arc<Mutex<Tail>>,
    child: Arc<Mutex<Child>>,
    events: Sender<Event>,
    files: Files,
}

impl Lines {
    /// Follows the link to its end and reports the outcome.
    fn follow(mut self) {
        let mut outcome = None;
        let end = loop {
            match link::receive(&mut self.link) {
                Ok(Some(Message::Ready)) => self.ready.store(true, Ordering::Relaxed),
                Ok(Some(Message::Listening)) => drop(self.listening.send(())),
                Ok(Some(Message::Log(line))) => eprintln!("{line}"),
                Ok(Some(Message::Trace(lines))) => {
                    write_to(&mut self.files.trace, "the trace", &lines);
                }
                Ok(Some(Message::Transfer(bytes))) => {
                    write_to(&mut self.files.transfer, "what the guest gives", &bytes);
                }
                Ok(Some(Message::Outcome(result))) => outcome = Some(*result),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        end_child(&self.child);
        for listener in self.listeners.drain(..) {
            if listener.join().is_err() {
                log::error!("a thread that listens to the emulated machine panicked");
            }
        }
        let outcome = outcome.unwrap_or_else(|| self.failure(end));
        // The event loop is gone when it did not want to wait.
        let _ = self.events.send(Event::Ended(outcome));
    }

    fn failure(&self, error: Option<io::Error>) -> Outcome {
        let words = self
            .last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lines();
        let mut message = match error {
            Some(error) => format!("the emulated machine cannot be understood: {error}"),
            None => "the emulated machine ended before the guest did".to_owned(),
        };
        if !words.is_empty() {
            message += "; its last words:\n  ";
            message += &words.join("\n  ");
        }
        Outcome::without_guest(End::Failed { message })
    }
}

/// Writes to `file`. After an error it is `None`: the error is said once, and nothing comes after a gap.
fn write_to(file: &mut Option<File>, name: &str, bytes: &[u8]) {
    let result = file.as_mut().map(|file| file.write_all(bytes));
    if let Some(Err(error)) = result {
        log::error!("cannot write {name}: {error}");
        *file = None;
    }
}

fn kill(child: &Mutex<Child>) {
    // It may have ended by itself.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).kill();
}

fn end_child(child: &Mutex<Child>) {
    kill(child);
    if let Err(error) = child.lock().unwrap_or_else(PoisonError::into_inner).wait() {
        log::error!("cannot wait for the emulated machine: {error}");
    }
}

impl Run for Qemu {
    fn stop(&self, cause: StopCause) {
        if !self.ready.load(Ordering::Relaxed) {
            // Nobody inside would answer; the end of the link is the answer then.
            kill(&self.child);
            return;
        }
        if let Err(error) = (&self.link).write_all(&[link::stop_byte(cause)]) {
            log::debug!("the program inside cannot be told to stop: {error}");
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        end_child(&self.child);
    }
}
