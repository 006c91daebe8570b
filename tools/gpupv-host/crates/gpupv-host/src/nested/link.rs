// SPDX-License-Identifier: GPL-2.0
//! What the program inside the emulated machine and the one outside say to each other.
//!
//! Inside to outside: frames of a mark, a kind, a length and a body, over a serial line. Outside to
//! inside: single bytes.

use std::io::{self, Read, Write};

use crate::event_loop::StopCause;
use crate::exit_status::Outcome;

const MARK: [u8; 2] = *b"GH";
const KIND_LOG: u8 = 1;
const KIND_OUTCOME: u8 = 2;
const KIND_READY: u8 = 3;
const KIND_TRACE: u8 = 4;
const KIND_TRANSFER: u8 = 5;
const KIND_LISTENING: u8 = 6;
/// Longer frames are a sign that the line carries something else.
const BODY_MAX: u32 = 64 << 20;

/// Longer pieces of the trace are sent as several frames: there may be much more of it than the line
/// takes at once.
const TRACE_MAX: usize = 256 << 10;

const STOP_INTERRUPTED: u8 = b'I';
const STOP_TIMED_OUT: u8 = b'T';

/// A message from inside.
#[derive(Debug)]
pub(super) enum Message {
    /// The first message: from now on, the inside listens.
    Ready,
    /// The line of the guest's console is open inside: from now on no input is lost.
    Listening,
    /// A line for standard error.
    Log(String),
    /// Lines for the trace, with their ends.
    Trace(Vec<u8>),
    /// Bytes that the guest gives through the transfer port.
    Transfer(Vec<u8>),
    /// The last message.
    Outcome(Box<Outcome>),
}

/// Writes a message.
pub(super) fn send(out: &mut impl Write, message: &Message) -> io::Result<()> {
    let (kind, body) = match message {
        Message::Ready => (KIND_READY, Vec::new()),
        Message::Listening => (KIND_LISTENING, Vec::new()),
        Message::Log(line) => (KIND_LOG, line.clone().into_bytes()),
        Message::Trace(lines) => (KIND_TRACE, lines.clone()),
        Message::Transfer(bytes) => (KIND_TRANSFER, bytes.clone()),
        Message::Outcome(outcome) => (KIND_OUTCOME, serde_json::to_vec(outcome)?),
    };
    let length = u32::try_from(body.len()).map_err(|_| invalid("the message is too long"))?;
    out.write_all(&[&MARK[..], &[kind], &length.to_le_bytes(), &body].concat())?;
    out.flush()
}

/// Writes as much of the trace as one message holds. Returns how much that was.
pub(super) fn send_trace(out: &mut impl Write, lines: &[u8]) -> io::Result<usize> {
    let piece = &lines[..lines.len().min(TRACE_MAX)];
    send(out, &Message::Trace(piece.to_vec()))?;
    Ok(piece.len())
}

/// Reads the next message; `None` at the end of the line.
pub(super) fn receive(input: &mut impl Read) -> io::Result<Option<Message>> {
    let mut header = [0; 7];
    match input.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let [first, second, kind, length @ ..] = header;
    let length = u32::from_le_bytes(length);
    if [first, second] != MARK || length > BODY_MAX {
        return Err(invalid("this is not a message"));
    }
    // CAST: at most BODY_MAX.
    let mut body = vec![0; length as usize];
    input.read_exact(&mut body)?;
    match kind {
        KIND_READY => Ok(Some(Message::Ready)),
        KIND_LISTENING => Ok(Some(Message::Listening)),
        KIND_LOG => Ok(Some(Message::Log(
            String::from_utf8_lossy(&body).into_owned(),
        ))),
        KIND_TRACE => Ok(Some(Message::Trace(body))),
        KIND_TRANSFER => Ok(Some(Message::Transfer(body))),
        KIND_OUTCOME => Ok(Some(Message::Outcome(serde_json::from_slice(&body)?))),
        _ => Err(invalid("this message is of no known kind")),
    }
}

/// The byte that asks the inside to stop.
pub(super) fn stop_byte(cause: StopCause) -> u8 {
    match cause {
        StopCause::Interrupted => STOP_INTERRUPTED,
        StopCause::TimedOut => STOP_TIMED_OUT,
    }
}

/// What a byte from outside asks for.
pub(super) fn stop_cause(byte: u8) -> Option<StopCause> {
    match byte {
        STOP_INTERRUPTED => Some(StopCause::Interrupted),
        STOP_TIMED_OUT => Some(StopCause::TimedOut),
        _ => None,
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_status::End;

    #[test]
    fn messages_arrive_as_they_were_sent() {
        let mut line = Vec::new();
        send(&mut line, &Message::Ready).unwrap();
        send(&mut line, &Message::Listening).unwrap();
        send(&mut line, &Message::Log("hello".into())).unwrap();
        send(&mut line, &Message::Trace(b"one\ntwo\n".to_vec())).unwrap();
        send(&mut line, &Message::Transfer(vec![0, 10, 255])).unwrap();
        let outcome = Outcome::without_guest(End::TestExit { status: 7 });
        send(&mut line, &Message::Outcome(Box::new(outcome))).unwrap();

        let mut input = line.as_slice();
        assert!(matches!(receive(&mut input).unwrap(), Some(Message::Ready)));
        assert!(matches!(
            receive(&mut input).unwrap(),
            Some(Message::Listening)
        ));
        assert!(
            matches!(receive(&mut input).unwrap(), Some(Message::Log(text)) if text == "hello")
        );
        assert!(
            matches!(receive(&mut input).unwrap(), Some(Message::Trace(lines)) if lines == b"one\ntwo\n")
        );
        assert!(
            matches!(receive(&mut input).unwrap(), Some(Message::Transfer(bytes)) if bytes == [0, 10, 255])
        );
        let Some(Message::Outcome(outcome)) = receive(&mut input).unwrap() else {
            panic!("no outcome")
        };
        assert_eq!(outcome.end, End::TestExit { status: 7 });
        assert!(receive(&mut input).unwrap().is_none());
    }

    #[test]
    fn a_long_trace_comes_in_pieces() {
        let trace: Vec<u8> = (0..=255).cycle().take(2 * TRACE_MAX + 9).collect();
        let (mut line, mut sent) = (Vec::new(), 0);
        while sent < trace.len() {
            sent += send_trace(&mut line, &trace[sent..]).unwrap();
        }
        let (mut input, mut got) = (line.as_slice(), Vec::new());
        for len in [TRACE_MAX, TRACE_MAX, 9] {
            let Some(Message::Trace(piece)) = receive(&mut input).unwrap() else {
                panic!("no piece")
            };
            assert_eq!(piece.len(), len);
            got.extend(piece);
        }
        assert!(got == trace && receive(&mut input).unwrap().is_none());
    }

    #[test]
    fn anything_else_is_an_error() {
        let mut line = Vec::new();
        send(&mut line, &Message::Log("hello".into())).unwrap();
        assert!(receive(&mut &line[..line.len() - 1]).is_err(), "cut short");
        assert!(receive(&mut b"Kernel panic".as_slice()).is_err());
        line[2] = 9;
        assert!(receive(&mut line.as_slice()).is_err());
        let endless = [b'G', b'H', 1, 0xFF, 0xFF, 0xFF, 0xFF];
        assert!(receive(&mut endless.as_slice()).is_err());
    }

    #[test]
    fn stop_bytes_come_back() {
        for cause in [StopCause::Interrupted, StopCause::TimedOut] {
            assert_eq!(stop_cause(stop_byte(cause)), Some(cause));
        }
        assert_eq!(stop_cause(b'\n'), None);
    }
}
