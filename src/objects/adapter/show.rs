// SPDX-License-Identifier: GPL-2.0

//! The debugfs view of an adapter.

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
    /// Returns the name of the adapter's state.
    pub(crate) fn state_name(&self) -> &'static str {
        match *self.state.lock() {
            State::Waiting => "waiting",
            State::Starting { .. } => "starting",
            State::Active(_) => "active",
            State::Stopped => "stopped",
        }
    }

    /// Returns the adapter's own channel, if it is open.
    pub(crate) fn channel(&self) -> Option<Arc<HostTransport>> {
        match &*self.state.lock() {
            State::Starting { talk, .. } => talk.as_ref().map(|(channel, _)| channel.clone()),
            State::Active(active) => Some(active.channel.clone()),
            State::Waiting | State::Stopped => None,
        }
    }

    /// Returns whether the adapter has sent `request`, on its own or on the global channel.
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
