// SPDX-License-Identifier: GPL-2.0
//! Devices: what a process uses an adapter through.

/// How well a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecutionState {
    /// It works.
    Active = 1,
    /// It was given up, and does no more work.
    Reset = 2,
}

/// A device.
pub(crate) struct Device {
    /// What the guest wants to be told along with news of the device.
    pub(crate) cookie: u64,
    pub(crate) state: ExecutionState,
}

impl Device {
    /// A device that works.
    pub(crate) fn new(cookie: u64) -> Self {
        Self {
            cookie,
            state: ExecutionState::Active,
        }
    }
}
