// SPDX-License-Identifier: GPL-2.0
//! Who uses memory, and what has a place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fate, Memories, Memory, MemoryId, Offer};
use crate::budget::{PerGroup, SegmentGroup};
use crate::handles::Handle;
use crate::statistics::Counter;

/// Bytes by owner and segment group.
#[derive(Debug)]
pub(super) struct Amounts<K>(BTreeMap<K, PerGroup>);

impl<K> Default for Amounts<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy> Amounts<K> {
    fn get(&self, key: K) -> PerGroup {
        self.0.get(&key).copied().unwrap_or_default()
    }

    fn add(&mut self, key: K, group: SegmentGroup, bytes: u64) {
        *self.0.entry(key).or_default().of_mut(group) += bytes;
    }

    fn subtract(&mut self, key: K, group: SegmentGroup, bytes: u64) {
        let Some(amounts) = self.0.get_mut(&key) else {
            return;
        };
        *amounts.of_mut(group) -= bytes;
        if *amounts == PerGroup::default() {
            self.0.remove(&key);
        }
    }
}

/// How much of an adapter's memory there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For the process that asks.
    pub(crate) budget: PerGroup,
    /// For everybody together.
    pub(crate) capacity: PerGroup,
}

impl Memory {
    /// Whether it may lose its place to other memory.
    fn may_go(&self) -> bool {
        self.placed && (self.users.is_empty() || self.offer.is_some())
    }

    /// What goes first has the lowest of these: memory without users, the longest unused first; then
    /// what is on offer, the least important first.
    fn precedence(&self) -> (Option<super::OfferPriority>, u32, u64) {
        let offer = self.offer.filter(|_| !self.users.is_empty());
        (
            offer.map(|offer| offer.priority),
            self.info.priority,
            self.unused_since,
        )
    }
}

impl Memories {
    /// How many bytes of an adapter a process uses.
    pub(crate) fn used(&self, process: Handle, adapter: usize) -> PerGroup {
        self.used.get((process, adapter))
    }

    /// How many bytes of an adapter have a place.
    pub(crate) fn placed(&self, adapter: usize) -> PerGroup {
        self.placed.get(adapter)
    }

    /// What lost its place on an adapter.
    pub(crate) fn evictions(&self, adapter: usize) -> Counter {
        self.evictions.get(&adapter).copied().unwrap_or_default()
    }

    /// Makes memory resident for a process, once for each time that `ids` has it.
    ///
    /// # Errors
    ///
    /// There is no room, and nothing has changed. So many bytes would have to go.
    pub(crate) fn make_resident(
        &mut self,
        process: Handle,
        adapter: usize,
        ids: &[MemoryId],
        limits: Limits,
    ) -> Result<(), u64> {
        let distinct: BTreeSet<MemoryId> = ids.iter().copied().collect();
        let mut more_used = PerGroup::default();
        for memory in distinct.iter().filter_map(|id| self.get(*id)) {
            if !memory.users.contains_key(&process) {
                *more_used.of_mut(memory.info.group) += memory.info.size;
            }
        }
        let mut missing = 0;
        for group in SegmentGroup::ALL {
            // Nothing more of a group is no reason to fail, even if the group is too full.
            if more_used.of(group) > 0 {
                let used = self.used(process, adapter).of(group) + more_used.of(group);
                missing += used.saturating_sub(limits.budget.of(group));
            }
        }
        if missing > 0 {
            return Err(missing);
        }
        self.place(adapter, &distinct, limits.capacity)?;
        for &id in ids {
            let Some(memory) = self.all.get_mut(&id) else {
                continue;
            };
            let times = memory.users.entry(process).or_default();
            *times += 1;
            if *times == 1 {
                let (group, size) = (memory.info.group, memory.info.size);
                self.used.add((process, adapter), group, size);
            }
        }
        Ok(())
    }

    /// Finds places for memory, at the cost of other memory if need be.
    fn place(
        &mut self,
        adapter: usize,
        ids: &BTreeSet<MemoryId>,
        capacity: PerGroup,
    ) -> Result<(), u64> {
        let mut missing = 0;
        let mut victims = Vec::new();
        for group in SegmentGroup::ALL {
            let of_group = |memory: &&Memory| memory.info.group == group && !memory.placed;
            let memories = ids.iter().filter_map(|id| self.get(*id)).filter(of_group);
            let more: u64 = memories.map(|memory| memory.info.size).sum();
            if more == 0 {
                continue;
            }
            let placed = self.placed(adapter).of(group) + more;
            let mut excess = placed.saturating_sub(capacity.of(group));
            if excess > 0 {
                let mut candidates = self.candidates(adapter, group, ids);
                while excess > 0 {
                    let Some((id, size)) = candidates.pop() else {
                        break;
                    };
                    victims.push(id);
                    excess = excess.saturating_sub(size);
                }
                missing += excess;
            }
        }
        if missing > 0 {
            return Err(missing);
        }
        for id in victims {
            self.evict_for_others(id);
        }
        for &id in ids {
            let Some(memory) = self.all.get_mut(&id).filter(|memory| !memory.placed) else {
                continue;
            };
            memory.placed = true;
            self.placed
                .add(adapter, memory.info.group, memory.info.size);
        }
        Ok(())
    }

    /// What could go, the first to go last.
    fn candidates(
        &self,
        adapter: usize,
        group: SegmentGroup,
        stay: &BTreeSet<MemoryId>,
    ) -> Vec<(MemoryId, u64)> {
        let mut found: Vec<(MemoryId, &Memory)> = self
            .all
            .iter()
            .filter(|(id, memory)| {
                let info = &memory.info;
                info.adapter == adapter
                    && info.group == group
                    && memory.may_go()
                    && !stay.contains(id)
            })
            .map(|(&id, memory)| (id, memory))
            .collect();
        found.sort_by_key(|(_, memory)| std::cmp::Reverse(memory.precedence()));
        let with_size = |(id, memory): (MemoryId, &Memory)| (id, memory.info.size);
        found.into_iter().map(with_size).collect()
    }

    /// Takes the place of memory that may go.
    fn evict_for_others(&mut self, id: MemoryId) {
        let Some(memory) = self.all.get_mut(&id) else {
            return;
        };
        if let Some(offer) = memory.offer {
            self.gates.wait();
            memory.contents.discard();
            memory.fate = if offer.may_decommit {
                Fate::NotCommitted
            } else {
                Fate::Discarded
            };
        }
        let (adapter, size) = (memory.info.adapter, memory.info.size);
        self.evictions.entry(adapter).or_default().add(size);
        self.displace(id);
    }

    /// Takes the place of memory away, if it has one.
    pub(super) fn displace(&mut self, id: MemoryId) {
        let Some(memory) = self.all.get_mut(&id).filter(|memory| memory.placed) else {
            return;
        };
        memory.placed = false;
        let info = &memory.info;
        self.placed.subtract(info.adapter, info.group, info.size);
    }

    /// A process no longer needs memory, as many times as it says. With its last user the memory
    /// loses its place, unless it shall stay until others need it.
    pub(crate) fn stop_using(&mut self, process: Handle, id: MemoryId, times: u64, stay: bool) {
        self.clock += 1;
        let now = self.clock;
        let Some(memory) = self.all.get_mut(&id) else {
            return;
        };
        let Some(left) = memory.users.get_mut(&process) else {
            return;
        };
        *left = left.saturating_sub(times);
        if *left > 0 {
            return;
        }
        memory.users.remove(&process);
        let info = &memory.info;
        let key = (process, info.adapter);
        self.used.subtract(key, info.group, info.size);
        if memory.users.is_empty() {
            memory.unused_since = now;
            if !stay {
                self.displace(id);
            }
        }
    }

    /// Offers memory to others.
    pub(crate) fn offer(&mut self, id: MemoryId, offer: Offer) {
        if let Some(memory) = self.all.get_mut(&id) {
            memory.offer = Some(offer);
        }
    }

    /// Takes offers back, and says what became of each memory. What is used gets a place again.
    ///
    /// # Errors
    ///
    /// There is no room, and nothing has changed. So many bytes would have to go.
    pub(crate) fn reclaim(
        &mut self,
        adapter: usize,
        ids: &[MemoryId],
        capacity: PerGroup,
    ) -> Result<Vec<Fate>, u64> {
        let used = |id: &MemoryId| self.get(*id).is_some_and(|m| !m.users.is_empty());
        let distinct: BTreeSet<MemoryId> = ids.iter().copied().filter(used).collect();
        self.place(adapter, &distinct, capacity)?;
        let mut fates = Vec::with_capacity(ids.len());
        for id in ids {
            let fate = self.get(*id).map_or(Fate::Kept, |memory| memory.fate);
            fates.push(fate);
        }
        for id in ids {
            if let Some(memory) = self.all.get_mut(id) {
                memory.offer = None;
                memory.fate = Fate::Kept;
            }
        }
        Ok(fates)
    }

    /// Moves memory to another group.
    ///
    /// # Errors
    ///
    /// There is no room, and nothing has changed. So many bytes would have to go.
    pub(crate) fn move_to(
        &mut self,
        id: MemoryId,
        group: SegmentGroup,
        capacity: PerGroup,
    ) -> Result<(), u64> {
        let Some(memory) = self.all.get_mut(&id) else {
            return Ok(());
        };
        let (adapter, size, from) = (memory.info.adapter, memory.info.size, memory.info.group);
        if from == group {
            return Ok(());
        }
        let was_placed = memory.placed;
        let users: Vec<Handle> = memory.users.keys().copied().collect();
        self.displace(id);
        self.set_group(id, group);
        if was_placed {
            let ids = BTreeSet::from([id]);
            if let Err(missing) = self.place(adapter, &ids, capacity) {
                self.set_group(id, from);
                if let Some(memory) = self.all.get_mut(&id) {
                    memory.placed = true;
                }
                self.placed.add(adapter, from, size);
                return Err(missing);
            }
        }
        for process in users {
            self.used.subtract((process, adapter), from, size);
            self.used.add((process, adapter), group, size);
        }
        Ok(())
    }

    fn set_group(&mut self, id: MemoryId, group: SegmentGroup) {
        if let Some(memory) = self.all.get_mut(&id) {
            memory.info.group = group;
        }
    }
}
