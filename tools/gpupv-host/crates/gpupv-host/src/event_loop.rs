// SPDX-License-Identifier: GPL-2.0
//! The side of a run that the user sees, the same for both ways of running: console, time limit,
//! signals, summary, report and exit status.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::console::Tail;
use crate::exit_status::{End, Outcome};
use crate::signals;
use crate::terminal::{Input, InputMode};

/// How long a run may take to end after it was told to.
const STOP_GRACE: Duration = Duration::from_secs(15);

/// What the event loop waits for.
pub(crate) enum Event {
    /// SIGINT and the like.
    Signal,
    /// The run is over.
    Ended(Outcome),
}

/// Why a run is told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopCause {
    Interrupted,
    TimedOut,
}

impl StopCause {
    fn end(self) -> End {
        match self {
            StopCause::Interrupted => End::Interrupted,
            StopCause::TimedOut => End::TimedOut,
        }
    }
}

/// A run under way. Dropping it ends whatever is left of it.
pub(crate) trait Run {
    /// Asks it to end. It answers with [`Event::Ended`].
    fn stop(&self, cause: StopCause);
}

/// Where everything of a run goes, and what it is given.
pub(crate) struct Streams {
    pub(crate) events: Sender<Event>,
    pub(crate) console: GuestConsole,
    /// What the guest's console is given.
    pub(crate) input: Option<Receiver<Vec<u8>>>,
    pub(crate) files: Files,
}

/// The files that a run writes to as it goes on.
#[derive(Default)]
pub(crate) struct Files {
    /// For the trace of messages.
    pub(crate) trace: Option<File>,
    /// For what the guest gives through the transfer port.
    pub(crate) transfer: Option<File>,
}

/// Where the guest's console goes: standard output, and the tail.
#[derive(Clone, Default)]
pub(crate) struct GuestConsole {
    tail: Arc<Mutex<Tail>>,
}

impl GuestConsole {
    fn tail(&self) -> Vec<String> {
        self.tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lines()
    }
}

impl Write for GuestConsole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tail
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(bytes);
        // The prompt of a shell has no end of line for which standard output would wait.
        let mut out = io::stdout();
        out.write_all(bytes).and_then(|()| out.flush())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// What the user wants to see.
pub(crate) struct Options<'a> {
    pub(crate) timeout: Option<Duration>,
    pub(crate) strict: bool,
    pub(crate) report: Option<&'a Path>,
    pub(crate) input: Option<InputMode>,
}

/// Runs what `start` starts to its end and returns the exit status.
pub(crate) fn run(
    options: &Options<'_>,
    files: Files,
    start: impl FnOnce(Streams) -> Result<Box<dyn Run>, String>,
) -> u8 {
    let (sender, events) = channel();
    let console = GuestConsole::default();
    let started = Instant::now();
    let limit = options.timeout.and_then(|timeout| end(started, timeout));
    let begin = || {
        signals::forward(sender.clone())
            .map_err(|error| format!("cannot handle signals: {error}"))?;
        let (guard, input) = options
            .input
            .map(|mode| take_input(mode, sender.clone()))
            .transpose()?
            .unzip();
        let run = start(Streams {
            events: sender,
            console: console.clone(),
            input,
            files,
        })?;
        Ok((run, guard))
    };
    let outcome = match begin() {
        // The terminal is restored before anything is said of the end.
        Ok((run, _guard)) => supervise(run.as_ref(), &events, limit),
        Err(message) => Outcome::without_guest(End::Failed { message }),
    };
    finish(options, &outcome, &console, started.elapsed())
}

/// Starts to read standard input.
fn take_input(
    mode: InputMode,
    events: Sender<Event>,
) -> Result<(Input, Receiver<Vec<u8>>), String> {
    let (sender, input) = channel();
    let guard = Input::start(mode, sender, events)
        .map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok((guard, input))
}

/// When a run must be over. A time beyond all clocks is no limit.
fn end(started: Instant, timeout: Duration) -> Option<Instant> {
    started.checked_add(timeout)
}

/// Waits for the end of `run`, brings it about if it must.
fn supervise(run: &dyn Run, events: &Receiver<Event>, limit: Option<Instant>) -> Outcome {
    let mut deadline = limit;
    let mut stopping: Option<StopCause> = None;
    loop {
        let event = match deadline {
            Some(deadline) => {
                events.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            }
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let cause = match (event, stopping) {
            (Ok(Event::Ended(outcome)), None) => return outcome,
            // Whatever it says of its end, it was we who ended it.
            (Ok(Event::Ended(outcome)), Some(cause)) => {
                let end = match outcome.end {
                    End::Failed { .. } => cause.end(),
                    end => end,
                };
                return Outcome { end, ..outcome };
            }
            (Ok(Event::Signal), None) => StopCause::Interrupted,
            (Err(RecvTimeoutError::Timeout), None) => StopCause::TimedOut,
            // A second signal, or no answer: the caller drops what is left.
            (Ok(Event::Signal) | Err(RecvTimeoutError::Timeout), Some(cause)) => {
                return Outcome::without_guest(cause.end());
            }
            (Err(RecvTimeoutError::Disconnected), cause) => {
                let lost = End::Failed {
                    message: "the run ended without an outcome".into(),
                };
                return Outcome::without_guest(cause.map_or(lost, StopCause::end));
            }
        };
        run.stop(cause);
        stopping = Some(cause);
        deadline = Some(Instant::now() + STOP_GRACE);
    }
}

fn finish(
    options: &Options<'_>,
    outcome: &Outcome,
    console: &GuestConsole,
    elapsed: Duration,
) -> u8 {
    let tail = console.tail();
    if !matches!(
        outcome.end,
        End::PowerOff | End::TestExit { .. } | End::Interrupted
    ) && !tail.is_empty()
    {
        log::info!("the last lines of the guest's console:");
        for line in tail {
            eprintln!("  | {line}");
        }
    }
    for line in outcome.summary.lines() {
        eprintln!("{line}");
    }
    match &outcome.end {
        End::Failed { message } => log::error!("{message}"),
        end => log::info!("{end} after {:.1} s", elapsed.as_secs_f64()),
    }
    let status = outcome.exit_status(options.strict);
    match options
        .report
        .map(|path| write_report(path, outcome, status))
    {
        Some(Err(error)) => {
            log::error!("cannot write the report: {error}");
            if status == 0 {
                crate::exit_status::status::FAILED
            } else {
                status
            }
        }
        _ => status,
    }
}

fn write_report(path: &Path, outcome: &Outcome, status: u8) -> io::Result<()> {
    let report = serde_json::json!({
        "end": outcome.end,
        "exit_status": status,
        "clean": outcome.clean,
        "gpupv": outcome.report,
    });
    let mut file = File::create(path)?;
    serde_json::to_writer_pretty(&mut file, &report)?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Default)]
    struct Recorder(RefCell<Vec<StopCause>>);

    impl Run for Recorder {
        fn stop(&self, cause: StopCause) {
            self.0.borrow_mut().push(cause);
        }
    }

    fn ended(end: End) -> Event {
        Event::Ended(Outcome::without_guest(end))
    }

    #[test]
    fn an_end_is_passed_on() {
        let (sender, events) = channel();
        sender.send(ended(End::Reset)).unwrap();
        assert_eq!(
            supervise(&Recorder::default(), &events, None).end,
            End::Reset
        );
    }

    #[test]
    fn a_signal_stops_and_a_second_one_does_not_wait() {
        let (sender, events) = channel();
        let run = Recorder::default();
        sender.send(Event::Signal).unwrap();
        sender.send(Event::Signal).unwrap();
        assert_eq!(supervise(&run, &events, None).end, End::Interrupted);
        assert_eq!(*run.0.borrow(), [StopCause::Interrupted]);
    }

    /// Ends when it is told to, and not well.
    struct Obedient(Sender<Event>);

    impl Run for Obedient {
        fn stop(&self, cause: StopCause) {
            assert_eq!(cause, StopCause::TimedOut);
            let mut outcome = Outcome::without_guest(End::Failed {
                message: "killed".into(),
            });
            outcome.summary = "seen".into();
            self.0.send(Event::Ended(outcome)).unwrap();
        }
    }

    #[test]
    fn the_limit_stops_and_the_outcome_is_still_waited_for() {
        let (sender, events) = channel();
        let outcome = supervise(&Obedient(sender), &events, Some(Instant::now()));
        assert_eq!(
            (outcome.end, outcome.summary.as_str()),
            (End::TimedOut, "seen")
        );
    }

    #[test]
    fn the_longest_limit_is_none() {
        let (now, hour) = (Instant::now(), Duration::from_secs(3600));
        assert_eq!(end(now, hour), Some(now + hour));
        assert_eq!(end(now, Duration::from_secs(u64::MAX)), None);
    }

    #[test]
    fn a_run_that_vanishes_has_failed() {
        let (sender, events) = channel();
        drop(sender);
        assert!(matches!(
            supervise(&Recorder::default(), &events, None).end,
            End::Failed { .. }
        ));
    }
}
