// SPDX-License-Identifier: GPL-2.0
//! A host that takes its time: what a driver asks for when it starts is done, and answered later.

use std::sync::{Arc, Mutex};

use super::channels::Ticket;
use super::shared::{lock, Shared};
use crate::command::{AdapterCommand, Handler, VmCommand};

/// Answers that wait, while answers are held back.
#[derive(Default)]
pub(super) struct Held(Option<Vec<(Ticket, Vec<u8>)>>);

impl Held {
    /// Takes the answer to a command, unless it may go.
    pub(super) fn take(
        &mut self,
        handler: Option<Handler>,
        ticket: Ticket,
        reply: Vec<u8>,
    ) -> Option<Vec<u8>> {
        match (&mut self.0, handler) {
            (
                Some(held),
                Some(
                    Handler::Vm(VmCommand::SetIoSpaceRegion)
                    | Handler::Adapter(AdapterCommand::OpenAdapter),
                ),
            ) => {
                held.push((ticket, reply));
                None
            }
            _ => Some(reply),
        }
    }
}

/// Holds answers to SETIOSPACEREGION and OPENADAPTER back.
#[derive(Clone)]
pub struct StartHold(pub(super) Arc<Mutex<Shared>>);

impl StartHold {
    /// From now on none of them is answered.
    pub fn hold(&self) {
        lock(&self.0).held.0.get_or_insert_default();
    }

    /// Gives the answers that wait, and later ones at once.
    pub fn release(&self) {
        let mut shared = lock(&self.0);
        for (ticket, reply) in shared.held.0.take().unwrap_or_default() {
            shared.channels.answer(ticket, &reply);
        }
    }
}
