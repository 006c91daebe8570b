// SPDX-License-Identifier: GPL-2.0

//! Memory budgets.

use crate::uapi::adapter::QueryVideoMemoryInfo;
use std::fmt;

/// The two kinds of memory an adapter works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentGroup {
    /// Near the adapter.
    Local,
    /// System memory the adapter reaches over the bus.
    NonLocal,
}

impl SegmentGroup {
    /// Both groups.
    pub const ALL: [Self; 2] = [Self::Local, Self::NonLocal];

    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Local => 0,
            Self::NonLocal => 1,
        }
    }
}

impl fmt::Display for SegmentGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Local => "local",
            Self::NonLocal => "non-local",
        })
    }
}

/// What the calling process may use and uses of one kind of memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoMemory {
    /// The process should stay below this; it moves with what others use.
    pub budget: u64,
    /// In use by the process.
    pub current_usage: u64,
    /// Reserved by the process.
    pub current_reservation: u64,
    /// The process could reserve this much.
    pub available_for_reservation: u64,
}

impl From<QueryVideoMemoryInfo> for VideoMemory {
    fn from(answer: QueryVideoMemoryInfo) -> Self {
        Self {
            budget: answer.budget,
            current_usage: answer.current_usage,
            current_reservation: answer.current_reservation,
            available_for_reservation: answer.available_for_reservation,
        }
    }
}
