// SPDX-License-Identifier: GPL-2.0
//! Devices: what a process uses an adapter through.

use crate::gpu::{Fault, Stop};

/// How well a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecutionState {
    /// It works.
    Active,
    /// It was given up, and does no more work.
    Reset,
    /// It held an engine for too long.
    Hung,
    /// There was no memory for what it did.
    OutOfMemory,
    /// It had a command that is none, or that asked for a fault.
    Fault,
    /// It touched what it may not.
    PageFault,
}

impl ExecutionState {
    /// The number that guests know.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Active => 1,
            Self::Reset => 2,
            Self::Hung => 3,
            Self::OutOfMemory => 5,
            Self::Fault => 6,
            Self::PageFault => 7,
        }
    }
}

/// What can be asked about a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StateType {
    /// How well it is.
    Execution,
    /// Whether what it presents is seen.
    Present,
    /// What made it be given up.
    Reset,
    /// Whether what it presents is composed.
    PresentDwm,
    /// The access that failed last.
    PageFault,
    /// Whether its queue of presents is full.
    PresentQueue,
}

impl TryFrom<u32> for StateType {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        Ok(match number {
            1 => Self::Execution,
            2 => Self::Present,
            3 => Self::Reset,
            4 => Self::PresentDwm,
            5 => Self::PageFault,
            6 => Self::PresentQueue,
            unknown => return Err(unknown),
        })
    }
}

/// A device.
pub(crate) struct Device {
    /// What the guest wants to be told along with news of the device.
    cookie: u64,
    /// How many devices the virtual machine had made before.
    serial: u64,
    state: ExecutionState,
    /// What it was stopped with.
    fault: Option<Fault>,
}

impl Device {
    /// A device that works.
    pub(crate) fn new(cookie: u64, serial: u64) -> Self {
        Self {
            cookie,
            serial,
            state: ExecutionState::Active,
            fault: None,
        }
    }

    /// What orders devices by their age, and the guest's cookie.
    pub(crate) fn identity(&self) -> (u64, u64) {
        (self.serial, self.cookie)
    }

    /// How well it is.
    pub(crate) fn state(&self) -> ExecutionState {
        self.state
    }

    /// Gives the device up. Returns the guest's cookie if that is news.
    pub(crate) fn give_up(&mut self) -> Option<u64> {
        self.leave(ExecutionState::Reset)
    }

    /// Stops the device for what it did. Returns the guest's cookie if that is news.
    pub(crate) fn fail(&mut self, fault: Fault) -> Option<u64> {
        let cookie = self.leave(match fault.stop {
            Stop::PageFault { .. } => ExecutionState::PageFault,
            Stop::Invalid | Stop::Wanted(_) => ExecutionState::Fault,
            Stop::Hung => ExecutionState::Hung,
            Stop::NoMemory => ExecutionState::OutOfMemory,
        })?;
        self.fault = Some(fault);
        Some(cookie)
    }

    /// Only the first reason counts.
    fn leave(&mut self, state: ExecutionState) -> Option<u64> {
        let news = self.state == ExecutionState::Active;
        if news {
            self.state = state;
        }
        news.then_some(self.cookie)
    }

    /// The answer to a question, in the 48 bytes that there are for it.
    pub(crate) fn describe(&self, what: StateType) -> [u8; 48] {
        let mut answer = [0; 48];
        match what {
            StateType::Execution => {
                answer[..4].copy_from_slice(&self.state.number().to_le_bytes());
            }
            StateType::PageFault => {
                if let Some(fault) = &self.fault {
                    answer[..32].copy_from_slice(&fault.describe());
                }
            }
            // Nothing is presented, and no desktop is switched.
            StateType::Present
            | StateType::Reset
            | StateType::PresentDwm
            | StateType::PresentQueue => {}
        }
        answer
    }
}
