// SPDX-License-Identifier: GPL-2.0
//! The program's own messages, one line each, to wherever they belong.

use std::sync::OnceLock;

use log::{LevelFilter, Log, Metadata, Record};

type Sink = Box<dyn Fn(&str) + Send + Sync>;

struct Logger {
    sink: OnceLock<Sink>,
}

static LOGGER: Logger = Logger {
    sink: OnceLock::new(),
};

impl Log for Logger {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        if let Some(sink) = self.sink.get() {
            sink(&format!("gpupv-host: {}", record.args()));
        }
    }

    fn flush(&self) {}
}

/// Sends all messages up to `level` to `sink`, line by line without the line's end. The first call
/// counts.
pub(crate) fn install(level: LevelFilter, sink: impl Fn(&str) + Send + Sync + 'static) {
    if LOGGER.sink.set(Box::new(sink)).is_ok() && log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(level);
    }
}
