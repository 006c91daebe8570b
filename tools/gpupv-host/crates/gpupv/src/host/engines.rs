// SPDX-License-Identifier: GPL-2.0
//! The threads that are the engines of the adapters.

use std::collections::BTreeMap;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Mutex, PoisonError, Weak};
use std::thread::{self, Builder};
use std::time::Instant;

use super::execution::Slice;
use super::shared::{lock, Shared};
use crate::engine::NodeId;
use crate::memory::{Gate, Memories};

/// The engines that have had work so far. When this is gone, their threads end.
#[derive(Default)]
pub(crate) struct Engines {
    shared: Weak<Mutex<Shared>>,
    bells: BTreeMap<NodeId, SyncSender<()>>,
}

impl Engines {
    /// Says where the work is.
    pub(super) fn connect(&mut self, shared: Weak<Mutex<Shared>>) {
        self.shared = shared;
    }

    /// An engine has something to do.
    ///
    /// # Panics
    ///
    /// The system gives no thread.
    pub(super) fn ring(&mut self, node: NodeId, memories: &mut Memories) {
        let bell = self.bells.entry(node).or_insert_with(|| {
            let (sender, receiver) = sync_channel(1);
            let (shared, gate) = (Weak::clone(&self.shared), memories.add_gate());
            Builder::new()
                .name(format!("gpu{}.{}", node.adapter, node.ordinal))
                .spawn(move || run(&shared, node, &gate, &receiver))
                .expect("a thread for an engine");
            sender
        });
        // Full is as good: the thread looks for all that there is.
        let _ = bell.try_send(());
    }
}

fn run(shared: &Weak<Mutex<Shared>>, node: NodeId, gate: &Gate, bell: &Receiver<()>) {
    while bell.recv().is_ok() {
        while slice(shared, node, gate) {}
    }
}

/// Does a slice of work. Returns whether there was one.
fn slice(shared: &Weak<Mutex<Shared>>, node: NodeId, gate: &Gate) -> bool {
    let Some(shared) = shared.upgrade() else {
        return false;
    };
    let mut host = lock(&shared);
    let Some(slice) = host.begin_slice(node, Instant::now()) else {
        return false;
    };
    match slice {
        Slice::Yield => {
            drop(host);
            thread::yield_now();
        }
        Slice::Pause(pause) => {
            drop(host);
            thread::sleep(pause);
        }
        Slice::Piece(piece, work) => {
            // Before the lock is given up: nobody may take the memory away in between.
            let busy = gate.lock().unwrap_or_else(PoisonError::into_inner);
            drop(host);
            let result = piece.run();
            // The piece may be the last to hold the memory.
            drop(piece);
            drop(busy);
            if let Err(stop) = result {
                lock(&shared).fail_piece(work, stop);
            }
        }
    }
    true
}
