// SPDX-License-Identifier: GPL-2.0
//! The guest's console output: passed on as it comes, and the end of it kept.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How many lines are kept for the case that the guest ends badly.
const TAIL_LINES: usize = 20;
/// A line without end is cut here.
const LINE_MAX: usize = 1000;

/// The last lines of a stream of bytes.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<Vec<u8>>,
    current: Vec<u8>,
}

impl Tail {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\r' => {}
                b'\n' => self.end_line(),
                byte => {
                    self.current.push(*byte);
                    if self.current.len() >= LINE_MAX {
                        self.end_line();
                    }
                }
            }
        }
    }

    fn end_line(&mut self) {
        if self.lines.len() == TAIL_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(std::mem::take(&mut self.current));
    }

    /// The lines, the unfinished one included.
    pub(crate) fn lines(&self) -> Vec<String> {
        let unfinished = Some(&self.current).filter(|line| !line.is_empty());
        self.lines
            .iter()
            .chain(unfinished)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect()
    }
}

/// A writer that never blocks and a thread that writes what it was given.
///
/// Whoever writes is a virtual CPU, which must not wait for a slow terminal, and it writes byte by
/// byte, which would be a system call each.
pub(crate) struct Output {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing end of an [`Output`].
pub(crate) struct OutputWriter(Arc<Shared>);

impl Write for OutputWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state();
        let was_empty = state.pending.is_empty();
        state.pending.extend_from_slice(bytes);
        if was_empty {
            self.0.changed.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    /// Starts the thread that writes to `target`.
    pub(crate) fn new(target: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("console".into()).spawn({
            let shared = shared.clone();
            move || drain(&shared, target)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// A writer for the guest's serial port.
    pub(crate) fn writer(&self) -> OutputWriter {
        OutputWriter(self.shared.clone())
    }
}

impl Drop for Output {
    /// Waits until everything has been written.
    fn drop(&mut self) {
        self.shared.state().closed = true;
        self.shared.changed.notify_one();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            log::error!("the console thread panicked");
        }
    }
}

fn drain(shared: &Shared, mut target: impl Write) {
    let mut usable = true;
    loop {
        let mut state = shared.state();
        while state.pending.is_empty() && !state.closed {
            state = shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let bytes = std::mem::take(&mut state.pending);
        let closed = state.closed;
        drop(state);
        if usable {
            if let Err(error) = target.write_all(&bytes).and_then(|()| target.flush()) {
                // A reader that went away is no reason to end the guest.
                log::warn!("cannot pass output on: {error}");
                usable = false;
            }
        }
        if closed && bytes.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_lines() {
        let mut tail = Tail::default();
        for number in 0..30 {
            tail.push(format!("line {number}\r\n").as_bytes());
        }
        tail.push(b"no end");
        let lines = tail.lines();
        assert_eq!(lines.len(), TAIL_LINES + 1);
        assert_eq!(lines[0], "line 10");
        assert_eq!(lines[TAIL_LINES - 1..], ["line 29", "no end"]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let mut tail = Tail::default();
        tail.push(&vec![b'x'; TAIL_LINES * LINE_MAX * 3]);
        assert_eq!(tail.lines().len(), TAIL_LINES);
        assert_eq!(tail.lines()[0].len(), LINE_MAX);
    }

    #[derive(Clone, Default)]
    struct Collect(Arc<Mutex<Vec<u8>>>);

    impl Write for Collect {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_is_written_before_the_end() {
        let target = Collect::default();
        let output = Output::new(target.clone()).unwrap();
        let mut writer = output.writer();
        for byte in 0..=255u8 {
            writer.write_all(&[byte]).unwrap();
        }
        drop(output);
        assert_eq!(*target.0.lock().unwrap(), (0..=255).collect::<Vec<u8>>());
    }
}
