// SPDX-License-Identifier: GPL-2.0
//! The trace of messages: what it looks like, and on what way it gets into its file.

use std::io::Write;

use clap::ValueEnum;
use gpupv::trace::{Record, Sink};
use serde::{Deserialize, Serialize};

/// How a message is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TraceFormat {
    /// A line for people.
    Text,
    /// A line that is a JSON object.
    Json,
}

impl TraceFormat {
    /// A message as a line, with its end.
    fn line(self, record: &Record) -> String {
        let mut line = match self {
            TraceFormat::Text => record.to_string(),
            // A record has nothing that JSON has not.
            TraceFormat::Json => serde_json::to_string(record).unwrap_or_default(),
        };
        line.push('\n');
        line
    }

    /// Writes each message to `out`, which must not block, in one piece.
    pub(crate) fn sink(self, mut out: impl Write + Send + 'static) -> Sink {
        Box::new(move |record| {
            // What reads at the other end complains by itself.
            let _ = out.write_all(self.line(&record).as_bytes());
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{channel, Sender};

    use gpupv::trace::Fields;

    use super::*;

    struct Pieces(Sender<String>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let piece = String::from_utf8(bytes.to_vec()).unwrap();
            self.0.send(piece).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn piece(format: TraceFormat) -> String {
        let record = Record {
            time: 1.5,
            channel: "global".into(),
            to_guest: false,
            command: "DESTROYPROCESS".into(),
            number: Some(1001),
            process: Some(0x4000_0040),
            asynchronous: false,
            length: 40,
            fields: Fields::default(),
            reply: None,
            violation: Some("a \"quoted\"\nline".into()),
        };
        let (sender, pieces) = channel();
        format.sink(Pieces(sender))(record);
        pieces.recv().unwrap()
    }

    #[test]
    fn a_message_is_one_line() {
        let text = piece(TraceFormat::Text);
        assert!(text.contains("global -> DESTROYPROCESS process 0x40000040 40 bytes"));
        let json = piece(TraceFormat::Json);
        for line in [&text, &json] {
            assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
        }
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["number"], 1001);
        assert_eq!(parsed["violation"], "a \"quoted\"\nline");
    }
}
