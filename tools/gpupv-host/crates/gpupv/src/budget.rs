// SPDX-License-Identifier: GPL-2.0
//! How much video memory a process may use.

use crate::adapter::AdapterDescription;
use crate::wire::QueryVideoMemoryInfoReturn;

/// Where memory is, seen from the adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SegmentGroup {
    /// What the adapter reaches fastest: its own, or the machine's if it has none.
    Local,
    /// The machine's, for an adapter that has its own.
    NonLocal,
}

impl SegmentGroup {
    /// Both of them.
    pub(crate) const ALL: [Self; 2] = [Self::Local, Self::NonLocal];

    /// The group of the machine's memory.
    pub(crate) fn of_the_machine(adapter: &AdapterDescription) -> Self {
        if adapter.dedicated_memory == 0 {
            Self::Local
        } else {
            Self::NonLocal
        }
    }
}

impl TryFrom<u32> for SegmentGroup {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        match number {
            0 => Ok(Self::Local),
            1 => Ok(Self::NonLocal),
            unknown => Err(unknown),
        }
    }
}

/// Bytes of each group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PerGroup {
    local: u64,
    non_local: u64,
}

impl PerGroup {
    /// Bytes from a function of the group.
    pub(crate) fn new(bytes: impl Fn(SegmentGroup) -> u64) -> Self {
        Self {
            local: bytes(SegmentGroup::Local),
            non_local: bytes(SegmentGroup::NonLocal),
        }
    }

    /// The bytes of one group.
    pub(crate) fn of(&self, group: SegmentGroup) -> u64 {
        match group {
            SegmentGroup::Local => self.local,
            SegmentGroup::NonLocal => self.non_local,
        }
    }

    /// The bytes of one group, to change them.
    pub(crate) fn of_mut(&mut self, group: SegmentGroup) -> &mut u64 {
        match group {
            SegmentGroup::Local => &mut self.local,
            SegmentGroup::NonLocal => &mut self.non_local,
        }
    }
}

/// The bytes that an adapter has in a group.
pub(crate) fn capacity(adapter: &AdapterDescription, group: SegmentGroup) -> u64 {
    match (group, adapter.dedicated_memory) {
        (SegmentGroup::Local, 0) => adapter.shared_memory,
        (SegmentGroup::Local, dedicated) => dedicated,
        (SegmentGroup::NonLocal, 0) => 0,
        (SegmentGroup::NonLocal, _) => adapter.shared_memory,
    }
}

/// What a process has of a group.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    /// What it uses.
    pub(crate) usage: u64,
    /// What it has reserved.
    pub(crate) reservation: u64,
    /// What the other processes have reserved.
    pub(crate) reserved_by_others: u64,
}

/// The budget of a process.
///
/// A sixteenth is kept back for the system, as a real host does, and what others have reserved is
/// theirs. Half of what is not kept back can be reserved.
pub(crate) fn budget(
    adapter: &AdapterDescription,
    group: SegmentGroup,
    share: Share,
) -> QueryVideoMemoryInfoReturn {
    let capacity = capacity(adapter, group);
    let usable = capacity - capacity / 16;
    let available = (usable / 2).saturating_sub(share.reserved_by_others);
    QueryVideoMemoryInfoReturn {
        budget: usable.saturating_sub(share.reserved_by_others).into(),
        current_usage: share.usage.into(),
        current_reservation: share.reservation.into(),
        available_for_reservation: available.into(),
    }
}
