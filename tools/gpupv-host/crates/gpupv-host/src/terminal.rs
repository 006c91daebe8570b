// SPDX-License-Identifier: GPL-2.0
//! Input for the guest's console: standard input, and the terminal that it may be.

use std::io::{self, IsTerminal, Read};
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;

use clap::ValueEnum;
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions, OutputModes, Termios};

use crate::event_loop::Event;

/// The key that begins a command to gpupv-host: Ctrl-A.
const ESCAPE: u8 = 0x01;
/// What a terminal sends for Ctrl-D. It ends the input of what reads a terminal line by line.
const END_OF_INPUT: u8 = 0x04;

/// How standard input reaches the guest's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputMode {
    /// A terminal gives each key to the guest, Ctrl-C as well; Ctrl-A x ends the guest.
    Keys,
    /// A terminal stays as it is: it gives whole lines, and Ctrl-C interrupts gpupv-host.
    Lines,
}

/// What the keys mean that follow each other.
#[derive(Debug, Default)]
struct Keys {
    /// The last key was [`ESCAPE`].
    escaped: bool,
}

impl Keys {
    /// Divides `typed` into what is for the guest and whether it asks for the end.
    fn divide(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut input = Vec::with_capacity(typed.len());
        for key in typed {
            match (std::mem::take(&mut self.escaped), *key) {
                (true, b'x' | b'X') => return (input, true),
                (true, ESCAPE | b'a') => input.push(ESCAPE),
                // No command: nothing is lost.
                (true, other) => input.extend([ESCAPE, other]),
                (false, ESCAPE) => self.escaped = true,
                (false, other) => input.push(other),
            }
        }
        (input, false)
    }
}

/// A terminal whose keys go through unchanged. Dropping it restores the terminal.
struct RawTerminal {
    terminal: OwnedFd,
    before: Termios,
}

impl RawTerminal {
    fn new(terminal: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        // What this program says itself still ends lines as before.
        raw.output_modes |= before.output_modes & (OutputModes::OPOST | OutputModes::ONLCR);
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(&self.terminal, OptionalActions::Now, &self.before) {
            log::warn!("cannot restore the terminal: {error}");
        }
    }
}

/// Standard input on its way to the guest. Dropping it restores the terminal.
pub(crate) struct Input(
    #[expect(dead_code, reason = "it is there to be dropped")] Option<RawTerminal>,
);

impl Input {
    /// Starts the thread that reads standard input. What it reads goes to `input`; the request to end
    /// the guest goes to `events`.
    pub(crate) fn start(
        mode: InputMode,
        input: Sender<Vec<u8>>,
        events: Sender<Event>,
    ) -> io::Result<Self> {
        let terminal = if mode == InputMode::Keys && io::stdin().is_terminal() {
            let terminal = rustix::io::dup(io::stdin())?;
            log::info!("keys go to the guest; Ctrl-A x ends it at once, Ctrl-A a is Ctrl-A");
            Some(RawTerminal::new(terminal)?)
        } else {
            None
        };
        let keys = terminal.is_some().then(Keys::default);
        std::thread::Builder::new()
            .name("input".into())
            .spawn(move || forward(io::stdin().lock(), keys, &input, &events))?;
        Ok(Self(terminal))
    }
}

/// Reads `source` to its end, or until the guest has ended.
fn forward(
    mut source: impl Read,
    mut keys: Option<Keys>,
    input: &Sender<Vec<u8>>,
    events: &Sender<Event>,
) {
    let mut buffer = [0; 4096];
    let mut line_ended = true;
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                log::warn!("cannot read standard input: {error}");
                return;
            }
        };
        let (bytes, end) = match &mut keys {
            Some(keys) => keys.divide(read),
            None => (read.to_vec(), false),
        };
        if end {
            // The guest may be over already.
            let _ = events.send(Event::Signal);
            return;
        }
        line_ended = bytes.last().is_none_or(|last| *last == b'\n');
        if input.send(bytes).is_err() {
            return;
        }
    }
    // A terminal that is gone is no end of input. In an unfinished line, the first one only ends the
    // line.
    if keys.is_none() {
        let ends: &[u8] = if line_ended {
            &[END_OF_INPUT]
        } else {
            &[END_OF_INPUT; 2]
        };
        let _ = input.send(ends.to_vec());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn divide(pieces: &[&[u8]]) -> (Vec<u8>, bool) {
        let mut keys = Keys::default();
        let mut input = Vec::new();
        for piece in pieces {
            let (bytes, end) = keys.divide(piece);
            input.extend(bytes);
            if end {
                return (input, true);
            }
        }
        (input, false)
    }

    #[test]
    fn keys_are_for_the_guest_but_for_the_escape() {
        assert_eq!(divide(&[b"ls\r\x03"]), (b"ls\r\x03".to_vec(), false));
        assert_eq!(divide(&[b"a\x01xb"]), (b"a".to_vec(), true));
        assert_eq!(divide(&[b"a\x01", b"x"]), (b"a".to_vec(), true));
        assert_eq!(divide(&[b"\x01a\x01\x01x"]), (b"\x01\x01x".to_vec(), false));
        assert_eq!(divide(&[b"\x01q\x01"]), (b"\x01q".to_vec(), false));
    }

    fn forwarded(source: &[u8], keys: Option<Keys>) -> (Vec<u8>, bool) {
        let (input, received) = channel();
        let (events, seen) = channel();
        forward(source, keys, &input, &events);
        drop((input, events));
        (
            received.iter().flatten().collect(),
            seen.iter().count() == 1,
        )
    }

    #[test]
    fn a_file_ends_with_the_end_of_input() {
        assert_eq!(forwarded(b"one\n", None), (b"one\n\x04".to_vec(), false));
        assert_eq!(forwarded(b"", None), (b"\x04".to_vec(), false));
        // Without a terminal, there is no escape.
        assert_eq!(
            forwarded(b"\x01x", None),
            (b"\x01x\x04\x04".to_vec(), false)
        );
    }

    #[test]
    fn the_escape_is_a_request_to_end() {
        assert_eq!(
            forwarded(b"one\x01xtwo", Some(Keys::default())),
            (Vec::new(), true)
        );
    }
}
