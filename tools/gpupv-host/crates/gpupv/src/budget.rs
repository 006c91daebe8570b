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

/// The bytes that an adapter has in a group.
pub(crate) fn capacity(adapter: &AdapterDescription, group: SegmentGroup) -> u64 {
    match (group, adapter.dedicated_memory) {
        (SegmentGroup::Local, 0) => adapter.shared_memory,
        (SegmentGroup::Local, dedicated) => dedicated,
        (SegmentGroup::NonLocal, 0) => 0,
        (SegmentGroup::NonLocal, _) => adapter.shared_memory,
    }
}

/// The budget of a process that uses `usage` bytes of a group.
///
/// A sixteenth is kept back for the system, as a real host does; half of the rest can be reserved.
pub(crate) fn budget(
    adapter: &AdapterDescription,
    group: SegmentGroup,
    usage: u64,
) -> QueryVideoMemoryInfoReturn {
    let capacity = capacity(adapter, group);
    let budget = capacity - capacity / 16;
    QueryVideoMemoryInfoReturn {
        budget: budget.into(),
        current_usage: usage.into(),
        current_reservation: 0.into(),
        available_for_reservation: (budget / 2).into(),
    }
}
