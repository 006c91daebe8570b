// SPDX-License-Identifier: GPL-2.0
//! The thread that does what is due when it is due.

use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, Weak};
use std::thread::Builder;
use std::time::Instant;

use crate::host::{lock, Shared};

/// Wakes the thread. When it is gone, the thread ends.
pub(crate) struct Alarm {
    sender: Sender<()>,
    /// When the thread wakes by itself.
    set: Option<Instant>,
}

impl Alarm {
    /// An alarm, and what rings.
    pub(crate) fn new() -> (Self, Receiver<()>) {
        let (sender, receiver) = channel();
        (Self { sender, set: None }, receiver)
    }

    /// Makes sure that the thread wakes at `due`. Too early does no harm.
    pub(crate) fn set(&mut self, due: Option<Instant>) {
        let Some(due) = due else {
            return;
        };
        if self.set.is_none_or(|set| due < set) {
            self.set = Some(due);
            // Without a thread nothing is due any more.
            let _ = self.sender.send(());
        }
    }
}

/// Starts the thread. It does not keep the host alive.
///
/// # Panics
///
/// The system gives no thread.
pub(crate) fn start(shared: Weak<Mutex<Shared>>, alarm: Receiver<()>) {
    Builder::new()
        .name("gpu".to_owned())
        .spawn(move || run(&shared, &alarm))
        .expect("a thread for the GPUs");
}

fn run(shared: &Weak<Mutex<Shared>>, alarm: &Receiver<()>) {
    let mut due = None::<Instant>;
    loop {
        let rung = match due {
            None => alarm.recv().map_err(RecvTimeoutError::from),
            Some(due) => alarm.recv_timeout(due.saturating_duration_since(Instant::now())),
        };
        if rung == Err(RecvTimeoutError::Disconnected) {
            return;
        }
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut shared = lock(&shared);
        shared.advance(Instant::now());
        due = shared.engine.next_due();
        shared.alarm.set = due;
    }
}
