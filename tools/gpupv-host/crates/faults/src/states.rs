// SPDX-License-Identifier: GPL-2.0
//! What is so for a while: rings that are not read, interrupts and control messages that do not come.

use std::collections::BTreeMap;

use vmbus::proto::MessageType;
use vmbus::{Observer, Silence};

use crate::machine::Machine;
use crate::plan::{Channel, State};

/// The states that there are.
#[derive(Default)]
pub(crate) struct States {
    /// Each as often as there is a reason for it, by the adapter that it is about.
    reasons: BTreeMap<(State, Option<usize>), u32>,
    /// The control messages that are held back now.
    held: Vec<MessageType>,
}

impl States {
    /// Begins a state of a channel.
    pub(crate) fn begin(&mut self, state: State, channel: Channel) {
        *self.reasons.entry((state, channel.adapter())).or_default() += 1;
    }

    /// Ends what was begun once.
    pub(crate) fn end(&mut self, state: State, channel: Channel) {
        let key = (state, channel.adapter());
        if let Some(count) = self.reasons.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.reasons.remove(&key);
            }
        }
    }

    /// Ends all of them.
    pub(crate) fn clear(&mut self) {
        self.reasons.clear();
    }

    /// What the version register of an adapter reads as: nothing if it is right, and otherwise a
    /// number, or `None` for any.
    pub(crate) fn version(&self, adapter: usize) -> Option<Option<u32>> {
        self.reasons.keys().find_map(|&(state, of)| match state {
            State::OddVersion(version) if of == Some(adapter) => Some(version),
            _ => None,
        })
    }

    /// Makes the machine so.
    pub(crate) fn apply(&mut self, machine: &dyn Machine, adapters: usize, observer: &Observer) {
        for channel in channels(adapters) {
            let Some(ring) = machine.ring_faults(channel) else {
                continue;
            };
            let is = |state| self.reasons.contains_key(&(state, channel.adapter()));
            // First: a ring that is read again makes room.
            ring.silence(if is(State::NoInterrupts) {
                Silence::All
            } else if is(State::NoInterrupt) {
                Silence::Room
            } else {
                Silence::None
            });
            ring.stall(is(State::StallRing));
        }
        let kinds = self.reasons.keys().filter_map(|(state, _)| state.message());
        let kinds: Vec<MessageType> = kinds.collect();
        if kinds != self.held {
            machine.hold_messages(&kinds, observer.clone());
            self.held = kinds;
        }
    }
}

/// All channels of a machine.
pub(crate) fn channels(adapters: usize) -> impl Iterator<Item = Channel> {
    std::iter::once(Channel::Global).chain((0..adapters).map(Channel::Adapter))
}
