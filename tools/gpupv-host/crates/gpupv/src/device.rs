// SPDX-License-Identifier: GPL-2.0
//! Devices: what a process uses an adapter through.

/// How well a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecutionState {
    /// It works.
    Active,
    /// It was given up, and does no more work.
    Reset,
}

impl ExecutionState {
    /// The number that guests know.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Active => 1,
            Self::Reset => 2,
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
    state: ExecutionState,
}

impl Device {
    /// A device that works.
    pub(crate) fn new(cookie: u64) -> Self {
        Self {
            cookie,
            state: ExecutionState::Active,
        }
    }

    /// How well it is.
    pub(crate) fn state(&self) -> ExecutionState {
        self.state
    }

    /// Gives the device up. Returns the guest's cookie if that is news.
    pub(crate) fn give_up(&mut self) -> Option<u64> {
        let news = self.state == ExecutionState::Active;
        self.state = ExecutionState::Reset;
        news.then_some(self.cookie)
    }

    /// The answer to a question, in the 48 bytes that there are for it.
    pub(crate) fn describe(&self, what: StateType) -> [u8; 48] {
        let mut answer = [0; 48];
        match what {
            StateType::Execution => {
                answer[..4].copy_from_slice(&self.state.number().to_le_bytes());
            }
            // Nothing is presented, no desktop is switched, and no access of the GPU fails.
            StateType::Present
            | StateType::Reset
            | StateType::PresentDwm
            | StateType::PageFault
            | StateType::PresentQueue => {}
        }
        answer
    }
}
