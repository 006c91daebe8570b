// SPDX-License-Identifier: GPL-2.0

//! What debugfs shows of an adapter.

use super::{
    Adapter,
    State, //
};
use crate::transport::{
    HostTransport,
    UnderWay, //
};
use kernel::sync::Arc;

impl Adapter {
    /// What its state is called.
    pub(crate) fn state_name(&self) -> &'static str {
        match *self.state.lock() {
            State::Waiting => "waiting",
            State::Starting { .. } => "starting",
            State::Active(_) => "active",
            State::Stopped => "stopped",
        }
    }

    /// Its own channel, if it is open.
    pub(crate) fn channel(&self) -> Option<Arc<HostTransport>> {
        match &*self.state.lock() {
            State::Starting { talk, .. } => talk.as_ref().map(|(channel, _)| channel.clone()),
            State::Active(active) => Some(active.channel.clone()),
            State::Waiting | State::Stopped => None,
        }
    }

    /// Whether a request is one of its own, on whichever channel.
    pub(crate) fn speaks(&self, request: &UnderWay) -> bool {
        match &*self.state.lock() {
            State::Starting {
                talk: Some((_, link)),
                ..
            } => link.has(request),
            State::Active(active) => active.link.has(request),
            _ => false,
        }
    }
}
