// SPDX-License-Identifier: GPL-2.0
//! The memory behind allocations, and the places that it competes for.
//!
//! Processes that share a resource share its memory, and so memory lives as long as the last
//! allocation or shared handle that refers to it. It is *used* by the processes that have made it
//! resident, and *placed* while it takes room in its segment. Memory that nobody uses or that its
//! users have offered may lose its place to other memory.

mod access;
mod contents;
mod guest_pages;
mod page_budget;
mod placement;
mod share;

use std::collections::BTreeMap;

pub(crate) use access::Gate;
pub(crate) use contents::LockError;
pub use guest_pages::GuestMemory;
pub(crate) use guest_pages::{GuestPages, HandOverError};
pub(crate) use page_budget::PageBudget;
pub(crate) use placement::Limits;
pub(crate) use share::{ShareId, SharedResource};

use crate::budget::SegmentGroup;
use crate::handles::Handle;
use crate::statistics::Counter;
use access::Gates;
use contents::Contents;

/// Names memory; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemoryId(u64);

impl MemoryId {
    /// The number, for those who want to tell memory apart.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// How much memory on offer matters to its users; the least goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OfferPriority {
    Low,
    Normal,
    High,
    /// The host may decide; it takes it for [`Self::Normal`], but after all of that.
    Auto,
}

impl TryFrom<u32> for OfferPriority {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        Ok(match number {
            1 => Self::Low,
            2 => Self::Normal,
            3 => Self::High,
            4 => Self::Auto,
            unknown => return Err(unknown),
        })
    }
}

/// An offer of memory to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// How much it matters.
    pub(crate) priority: OfferPriority,
    /// Whether nothing needs to be kept, not even the memory's size.
    pub(crate) may_decommit: bool,
}

/// What became of memory while it was on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is as it was.
    Kept,
    /// What was in it is gone.
    Discarded,
    /// It is gone itself.
    NotCommitted,
}

impl Fate {
    /// The number that guests know.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Kept => 0,
            Self::Discarded => 1,
            Self::NotCommitted => 2,
        }
    }
}

/// The priority that memory has at first.
pub(crate) const NORMAL_PRIORITY: u32 = 0x7800_0000;
/// The highest priority there is.
pub(crate) const MAXIMUM_PRIORITY: u32 = 0xC800_0000;

/// What memory is like.
#[derive(Clone, Debug)]
pub(crate) struct MemoryInfo {
    /// The adapter, by position.
    pub(crate) adapter: usize,
    /// Bytes; a multiple of the page size.
    pub(crate) size: u64,
    /// Where it is placed.
    pub(crate) group: SegmentGroup,
    /// Whether the CPU may cache it.
    pub(crate) cached: bool,
    /// How much it matters.
    pub(crate) priority: u32,
}

/// Memory.
pub(crate) struct Memory {
    pub(crate) info: MemoryInfo,
    /// The pages of the guest that it consists of, if it does.
    pub(crate) guest: Option<GuestPages>,
    references: u64,
    /// How often each process has made it resident.
    users: BTreeMap<Handle, u64>,
    placed: bool,
    /// When it lost its last user.
    unused_since: u64,
    offer: Option<Offer>,
    fate: Fate,
    contents: Contents,
}

impl Memory {
    /// The offer, while there is one.
    pub(crate) fn offer(&self) -> Option<Offer> {
        self.offer
    }

    /// Whether a process has made it resident.
    pub(crate) fn is_used_by(&self, process: Handle) -> bool {
        self.users.contains_key(&process)
    }

    /// Whether any process has made it resident.
    pub(crate) fn is_used(&self) -> bool {
        !self.users.is_empty()
    }

    /// Whether it has a place in its segment.
    pub(crate) fn is_placed(&self) -> bool {
        self.placed
    }

    /// Whether the guest looks at it.
    pub(crate) fn is_locked(&self) -> bool {
        self.contents.is_locked()
    }

    /// Whether all of it is there: of guest memory, the last page was handed over.
    pub(crate) fn is_complete(&self) -> bool {
        self.guest.as_ref().is_none_or(GuestPages::is_complete)
    }
}

/// All memory of all adapters.
#[derive(Default)]
pub(crate) struct Memories {
    all: BTreeMap<MemoryId, Memory>,
    next: u64,
    placed: placement::Amounts<usize>,
    used: placement::Amounts<(Handle, usize)>,
    /// Counts evictions, so that the order of what happened is known.
    clock: u64,
    evictions: BTreeMap<usize, Counter>,
    /// What was made on each adapter.
    created: BTreeMap<usize, Counter>,
    /// What of it is gone.
    destroyed: BTreeMap<usize, Counter>,
    shares: BTreeMap<ShareId, SharedResource>,
    gates: Gates,
    /// What the guest may hand over.
    page_budget: PageBudget,
}

impl Memories {
    /// What the guest may hand over.
    pub(crate) fn page_budget(&self) -> &PageBudget {
        &self.page_budget
    }

    /// New memory with one reference. It is not placed.
    pub(crate) fn create(&mut self, info: MemoryInfo, guest: Option<GuestPages>) -> MemoryId {
        self.next += 1;
        let id = MemoryId(self.next);
        self.created.entry(info.adapter).or_default().add(info.size);
        let memory = Memory {
            info,
            guest,
            references: 1,
            users: BTreeMap::new(),
            placed: false,
            unused_since: 0,
            offer: None,
            fate: Fate::Kept,
            contents: Contents::default(),
        };
        self.all.insert(id, memory);
        id
    }

    /// The memory that `id` names.
    pub(crate) fn get(&self, id: MemoryId) -> Option<&Memory> {
        self.all.get(&id)
    }

    /// The memory that `id` names.
    pub(crate) fn get_mut(&mut self, id: MemoryId) -> Option<&mut Memory> {
        self.all.get_mut(&id)
    }

    /// All memory.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Memory> {
        self.all.values()
    }

    /// Takes one more reference.
    pub(crate) fn retain(&mut self, id: MemoryId) {
        if let Some(memory) = self.all.get_mut(&id) {
            memory.references += 1;
        }
    }

    /// Gives a reference back; with the last one the memory goes.
    pub(crate) fn release(&mut self, id: MemoryId) {
        let Some(memory) = self.all.get_mut(&id) else {
            return;
        };
        memory.references -= 1;
        if memory.references == 0 {
            let users: Vec<(Handle, u64)> = memory.users.iter().map(|(&p, &n)| (p, n)).collect();
            for (process, times) in users {
                self.stop_using(process, id, times, false);
            }
            self.displace(id);
            self.gates.wait();
            if let Some(memory) = self.all.remove(&id) {
                let info = &memory.info;
                self.destroyed
                    .entry(info.adapter)
                    .or_default()
                    .add(info.size);
            }
        }
    }

    /// What was made on an adapter so far, and what of it is gone.
    pub(crate) fn turnover(&self, adapter: usize) -> [Counter; 2] {
        [&self.created, &self.destroyed]
            .map(|counters| counters.get(&adapter).copied().unwrap_or_default())
    }

    /// The allocation goes that the guest has handed its pages over for. Others may still have the
    /// memory, but nobody reaches those pages any more.
    pub(crate) fn give_back(&mut self, id: MemoryId) {
        let Some(memory) = self.all.get_mut(&id) else {
            return;
        };
        if let Some(guest) = &mut memory.guest {
            guest.give_back();
            self.gates.wait();
        }
    }

    /// The guest takes lent memory back. Returns whether there was any that still needs it, and that
    /// nobody reaches any more.
    pub(crate) fn take_back(&mut self, gpadl: u32) -> bool {
        let guests = self.all.values_mut().filter_map(|m| m.guest.as_mut());
        let needed = guests.filter(|guest| guest.gpadl() == Some(gpadl));
        let count = needed.map(GuestPages::take_back).count();
        self.gates.wait();
        count > 0
    }

    /// Waits until no engine works on bytes that it got before.
    pub(crate) fn wait_for_engines(&self) {
        self.gates.wait();
    }

    /// How much of it there is.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }
}

#[cfg(test)]
mod tests;
