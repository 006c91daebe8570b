// SPDX-License-Identifier: GPL-2.0

//! Handles whose numbers the host chooses: those of all objects that it creates, with their
//! parents.
//!
//! A handle is first reserved, when it is known to its creator only, and filled when the object is
//! complete. An object and everything below it is first marked as dying, after which no look-up
//! finds it, and then removed piece by piece, children before parents, while the host still has it.
//! The host is told only when the numbers are free, since it may reuse them at once.
//!
//! The table is sparse, in two levels: the slot of an index chosen by the host is found in constant
//! time, and the index does not decide how much memory is allocated. Takes no locks; the table must
//! be protected by a sleeping lock.

use crate::wire::Handle;
use kernel::prelude::*;

/// The maximum number of objects that a process may have on the host.
const OBJECTS: usize = 1 << 20;

/// The number of slots of a leaf.
const LEAF: usize = 128;

/// A handle that is reserved or in use.
struct Node<T> {
    /// The whole handle, all 32 bits of which are compared.
    handle: Handle,
    /// Whether look-ups ignore the handle.
    dying: bool,
    /// The object; `None` while the handle is only reserved.
    object: Option<T>,
    parent: Option<u32>,
    first_child: Option<u32>,
    next: Option<u32>,
    previous: Option<u32>,
}

/// The slots of [`LEAF`] consecutive indices. No memory is allocated while none is in use.
struct Leaf<T> {
    used: usize,
    slots: KVVec<Option<Node<T>>>,
}

impl<T> Leaf<T> {
    const EMPTY: Self = Self {
        used: 0,
        slots: KVVec::new(),
    };
}

/// A table of handles that the host creates.
pub(crate) struct ObjectTable<T> {
    leaves: KVVec<Leaf<T>>,
    first_root: Option<u32>,
    count: usize,
}

impl<T> ObjectTable<T> {
    /// Creates an empty table.
    pub(crate) const fn new() -> Self {
        Self {
            leaves: KVVec::new(),
            first_root: None,
            count: 0,
        }
    }

    fn slot(&mut self, index: u32) -> Option<&mut Option<Node<T>>> {
        // CAST: An index has 24 bits.
        let index = index as usize;

        self.leaves
            .get_mut(index / LEAF)?
            .slots
            .get_mut(index % LEAF)
    }

    fn node_at(&self, index: u32) -> Option<&Node<T>> {
        // CAST: An index has 24 bits.
        let index = index as usize;

        self.leaves
            .get(index / LEAF)?
            .slots
            .get(index % LEAF)?
            .as_ref()
    }

    fn node_at_mut(&mut self, index: u32) -> Option<&mut Node<T>> {
        self.slot(index)?.as_mut()
    }

    /// Returns the node of `handle`, if all 32 bits match.
    fn node(&self, handle: Handle) -> Option<&Node<T>> {
        self.node_at(handle.index())
            .filter(|node| node.handle == handle)
    }

    /// Allocates the leaf of the slot `index`, if needed.
    fn make_room(&mut self, index: u32) -> Result {
        // CAST: An index has 24 bits.
        let place = index as usize / LEAF;

        if place >= self.leaves.len() {
            let more = place + 1 - self.leaves.len();

            self.leaves.reserve(more, GFP_KERNEL_ACCOUNT)?;
            for _ in 0..more {
                self.leaves.push(Leaf::EMPTY, GFP_KERNEL_ACCOUNT)?;
            }
        }

        let leaf = self.leaves.get_mut(place).ok_or(EINVAL)?;

        if leaf.slots.is_empty() {
            leaf.slots.reserve(LEAF, GFP_KERNEL_ACCOUNT)?;
            for _ in 0..LEAF {
                leaf.slots.push(None, GFP_KERNEL_ACCOUNT)?;
            }
        }
        Ok(())
    }

    /// Reserves what the host calls `handle`, below `parent`.
    ///
    /// There is one object per index: the host has freed a number before it reuses it. Zero stands
    /// for a creation that has failed, and is not inserted; a caller that creates an object of
    /// which a part may have no handle leaves that part out.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `handle` is not a handle, or its index is in use; `ENODEV` if `parent` does not
    /// exist or is dying; `ENOMEM` if there is no memory or there are too many objects.
    pub(crate) fn reserve(&mut self, handle: Handle, parent: Option<Handle>) -> Result {
        let index = handle.index();

        if handle.is_none() || index >= Handle::INDEX_LIMIT || self.node_at(index).is_some() {
            return Err(EINVAL);
        }
        if let Some(parent) = parent {
            self.node(parent).filter(|node| !node.dying).ok_or(ENODEV)?;
        }
        if self.count >= OBJECTS {
            return Err(ENOMEM);
        }
        self.make_room(index)?;

        let node = Node {
            handle,
            dying: false,
            object: None,
            parent: None,
            first_child: None,
            next: None,
            previous: None,
        };

        *self.slot(index).ok_or(EINVAL)? = Some(node);
        // CAST: An index has 24 bits.
        if let Some(leaf) = self.leaves.get_mut(index as usize / LEAF) {
            leaf.used += 1;
        }
        self.count += 1;
        self.link(index, parent.map(Handle::index));
        Ok(())
    }

    /// Sets the object of a reserved handle.
    ///
    /// # Errors
    ///
    /// Returns `object` if the handle was marked as dying meanwhile, with its parent.
    pub(crate) fn fill(&mut self, handle: Handle, object: T) -> Result<(), T> {
        match self.node_at_mut(handle.index()) {
            Some(node) if node.handle == handle && !node.dying => {
                node.object = Some(object);
                Ok(())
            }
            _ => Err(object),
        }
    }

    /// Releases a handle that is only reserved.
    pub(crate) fn cancel(&mut self, handle: Handle) {
        if self.node(handle).is_some_and(|node| node.object.is_none()) {
            self.remove(handle.index());
        }
    }

    /// Returns the object of `handle`, unless it is dying.
    pub(crate) fn get(&self, handle: Handle) -> Option<&T> {
        self.node(handle)
            .filter(|node| !node.dying)?
            .object
            .as_ref()
    }

    /// Returns the objects whose parent is `handle`.
    #[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
    fn children(&self, handle: Handle) -> impl Iterator<Item = &T> {
        let first = self.node(handle).and_then(|node| node.first_child);

        self.chain(first)
            .filter(|(_, node)| !node.dying)
            .filter_map(|(_, node)| node.object.as_ref())
    }

    /// Returns a handle without a parent for whose object `wanted` returns `true`.
    pub(crate) fn find_root(&self, wanted: impl Fn(&T) -> bool) -> Option<Handle> {
        self.chain(self.first_root)
            .find(|(_, node)| !node.dying && node.object.as_ref().is_some_and(&wanted))
            .map(|(_, node)| node.handle)
    }

    /// Marks `handle` and everything below it as dying. Returns `false` if it did not exist or was
    /// dying.
    pub(crate) fn mark_dying(&mut self, handle: Handle) -> bool {
        if self.get(handle).is_none() {
            return false;
        }

        let top = handle.index();
        let mut at = Some(top);

        while let Some(index) = at {
            if let Some(node) = self.node_at_mut(index) {
                node.dying = true;
            }
            at = self.after(index, top);
        }
        true
    }

    /// Removes and returns one of the dying objects below `top`, `top` itself last. `None` if none
    /// is left. A handle that is only reserved loses its parent and stays until its creator cancels
    /// it.
    pub(crate) fn remove_dying(&mut self, top: Handle) -> Option<(Handle, T)> {
        self.node(top).filter(|node| node.dying)?;

        loop {
            let mut index = top.index();

            while let Some(child) = self.node_at(index)?.first_child {
                index = child;
            }

            let node = self.node_at_mut(index)?;
            let handle = node.handle;

            match node.object.take() {
                Some(object) => {
                    self.remove(index);
                    return Some((handle, object));
                }
                None if index == top.index() => return None,
                None => {
                    self.unlink(index);
                    self.link(index, None);
                }
            }
        }
    }

    /// Returns the first object whose index is at least `from`, dying or not, and its index.
    pub(crate) fn next(&self, from: u32) -> Option<(u32, &T)> {
        // CAST: An index has 24 bits.
        let (place, mut at) = (from as usize / LEAF, from as usize % LEAF);

        for (leaf_index, leaf) in self.leaves.iter().enumerate().skip(place) {
            for (slot_index, slot) in leaf.slots.iter().enumerate().skip(at) {
                if let Some(object) = slot.as_ref().and_then(|node| node.object.as_ref()) {
                    // CAST: It is an index.
                    return Some(((leaf_index * LEAF + slot_index) as u32, object));
                }
            }
            at = 0;
        }
        None
    }

    /// Returns the number of handles, including reserved ones.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Returns the nodes from `first` on along the list of siblings.
    fn chain(&self, first: Option<u32>) -> impl Iterator<Item = (u32, &Node<T>)> {
        let step = |index: &u32| self.node_at(*index).map(|node| (*index, node));

        core::iter::successors(first, move |index| self.node_at(*index)?.next)
            .filter_map(move |index| step(&index))
    }

    /// Returns the node after `index` on a walk through the tree below `top`, parents first.
    fn after(&self, index: u32, top: u32) -> Option<u32> {
        let node = self.node_at(index)?;

        if node.first_child.is_some() {
            return node.first_child;
        }

        let mut index = index;

        while index != top {
            let node = self.node_at(index)?;

            if node.next.is_some() {
                return node.next;
            }
            index = node.parent?;
        }
        None
    }

    /// Removes the node at `index`, which has no children, from its slot.
    fn remove(&mut self, index: u32) {
        self.unlink(index);

        let node = self.slot(index).and_then(Option::take);

        if node.is_none() {
            return;
        }
        self.count -= 1;
        // CAST: An index has 24 bits.
        if let Some(leaf) = self.leaves.get_mut(index as usize / LEAF) {
            leaf.used -= 1;
            if leaf.used == 0 {
                *leaf = Leaf::EMPTY;
            }
        }
    }

    /// Returns the head of the list of siblings below `parent`.
    fn head(&mut self, parent: Option<u32>) -> Option<&mut Option<u32>> {
        match parent {
            None => Some(&mut self.first_root),
            Some(parent) => Some(&mut self.node_at_mut(parent)?.first_child),
        }
    }

    fn link(&mut self, index: u32, parent: Option<u32>) {
        let next = self.head(parent).and_then(|head| head.replace(index));

        if let Some(node) = self.node_at_mut(index) {
            node.parent = parent;
            node.next = next;
            node.previous = None;
        }
        if let Some(next) = next.and_then(|next| self.node_at_mut(next)) {
            next.previous = Some(index);
        }
    }

    fn unlink(&mut self, index: u32) {
        let Some(node) = self.node_at(index) else {
            return;
        };
        let (parent, next, previous) = (node.parent, node.next, node.previous);

        match previous {
            Some(previous) => {
                if let Some(node) = self.node_at_mut(previous) {
                    node.next = next;
                }
            }
            None => {
                if let Some(head) = self.head(parent) {
                    *head = next;
                }
            }
        }
        if let Some(next) = next.and_then(|next| self.node_at_mut(next)) {
            next.previous = previous;
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_objects)]
mod tests {
    use super::*;
    use crate::random::Random;

    struct Known {
        handle: Handle,
        parent: Option<Handle>,
        object: u32,
    }

    fn insert(
        table: &mut ObjectTable<u32>,
        handle: Handle,
        parent: Option<Handle>,
        object: u32,
    ) -> Result {
        table.reserve(handle, parent)?;
        table.fill(handle, object).map_err(|_| EIO)
    }

    /// Returns whether `at` is `top` or below it.
    fn below(model: &[Known], at: Handle, top: Handle) -> bool {
        let mut at = Some(at);

        while let Some(handle) = at {
            if handle == top {
                return true;
            }
            at = model
                .iter()
                .find(|known| known.handle == handle)
                .and_then(|known| known.parent);
        }
        false
    }

    #[test]
    fn agrees_with_a_model() -> Result {
        let mut table = ObjectTable::new();
        let mut model: KVVec<Known> = KVVec::new();
        let mut random = Random::new(7);

        for step in 0..3_000u32 {
            // CAST: Any bits will do; few different indices, far apart.
            let wild = random.next() as u32;
            let handle = Handle::new((wild % 600) * 27_000 + 1, (wild >> 30).max(1) as u8);
            let parent = random.index(model.len()).map(|at| model[at].handle);
            let parent = parent.filter(|_| random.below(3) > 0);

            if random.below(8) > 0 {
                let taken = model
                    .iter()
                    .any(|known| known.handle.index() == handle.index());
                let result = insert(&mut table, handle, parent, step);

                assert_eq!(result.is_ok(), !taken);
                if !taken {
                    let known = Known {
                        handle,
                        parent,
                        object: step,
                    };

                    model.push(known, GFP_KERNEL)?;
                }
            } else if let Some(top) = parent {
                assert!(table.mark_dying(top));
                assert!(!table.mark_dying(top));
                for known in model.iter() {
                    let gone = below(&model, known.handle, top);

                    assert_eq!(table.get(known.handle).is_none(), gone);
                }

                let mut last = Handle::NONE;

                while let Some((handle, object)) = table.remove_dying(top) {
                    let at = model.iter().position(|known| known.handle == handle);
                    let known = &model[at.ok_or(EIO)?];

                    assert_eq!(known.object, object);
                    // Children come before their parent.
                    assert!(!model.iter().any(|other| other.parent == Some(handle)));
                    let _ = model.remove(at.ok_or(EIO)?);
                    last = handle;
                }
                assert_eq!(last, top);
            }
            assert_eq!(table.len(), model.len());
            if let Some(at) = random.index(model.len()) {
                let known = &model[at];
                let children = model
                    .iter()
                    .filter(|other| other.parent == Some(known.handle));

                assert_eq!(table.get(known.handle), Some(&known.object));
                assert_eq!(table.children(known.handle).count(), children.count());
            }
        }
        Ok(())
    }

    #[test]
    fn refuses_what_is_no_handle() -> Result {
        let mut table = ObjectTable::new();

        assert!(table.reserve(Handle::NONE, None).is_err());
        assert!(table.reserve(Handle::new(0xFF_FFFF, 1), None).is_err());
        insert(&mut table, Handle::new(0xFF_FFFE, 1), None, 1)?;
        assert!(table.reserve(Handle::new(0xFF_FFFE, 2), None).is_err());
        assert!(table.get(Handle::new(0xFF_FFFE, 2)).is_none());
        Ok(())
    }

    #[test]
    fn all_bits_count() -> Result {
        let mut table = ObjectTable::new();
        // A host may use the bits of the instance.
        let handle = Handle::from_raw(0x4000_0102);

        insert(&mut table, handle, None, 1)?;
        assert_eq!(table.get(handle), Some(&1));
        assert_eq!(table.find_root(|_| true), Some(handle));
        for other in [0x4000_0100, 0x4000_0103, 0x8000_0102, 0x0000_0102] {
            let other = Handle::from_raw(other);

            assert_eq!(table.get(other), None);
            assert!(!table.mark_dying(other));
            assert!(table.reserve(other, None).is_err());
            assert_eq!(table.reserve(Handle::new(7, 1), Some(other)), Err(ENODEV));
        }
        assert!(table.mark_dying(handle));
        assert_eq!(table.remove_dying(handle), Some((handle, 1)));
        assert_eq!(table.len(), 0);
        Ok(())
    }

    #[test]
    fn reserved_handles_are_not_found() -> Result {
        let mut table = ObjectTable::new();
        let (parent, child) = (Handle::new(1, 1), Handle::new(2, 1));

        insert(&mut table, parent, None, 1)?;
        table.reserve(child, Some(parent))?;
        assert_eq!(table.get(child), None);
        assert!(!table.mark_dying(child));
        assert_eq!(table.children(parent).count(), 0);

        // The parent is removed: the child stays until its creator cancels it.
        assert!(table.mark_dying(parent));
        assert_eq!(table.remove_dying(parent), Some((parent, 1)));
        assert_eq!(table.remove_dying(parent), None);
        assert_eq!(table.fill(child, 2), Err(2));
        table.cancel(child);
        assert_eq!(table.len(), 0);
        assert!(table.reserve(child, Some(parent)).is_err());
        Ok(())
    }

    #[test]
    fn all_objects_one_after_the_other() -> Result {
        let mut table = ObjectTable::new();
        let (parent, child) = (Handle::new(1, 1), Handle::new(0x12_3456, 2));

        assert!(table.next(0).is_none());
        insert(&mut table, parent, None, 1)?;
        insert(&mut table, child, Some(parent), 2)?;
        // Reserved only
        table.reserve(Handle::new(5, 1), None)?;
        table.mark_dying(child);
        assert_eq!(table.next(0), Some((1, &1)));
        assert_eq!(table.next(1), Some((1, &1)));
        assert_eq!(table.next(2), Some((0x12_3456, &2)));
        assert_eq!(table.next(0x12_3456), Some((0x12_3456, &2)));
        assert!(table.next(0x12_3457).is_none());
        assert!(table.next(u32::MAX).is_none());
        Ok(())
    }

    #[test]
    fn roots_are_found() -> Result {
        let mut table = ObjectTable::new();
        let (parent, child) = (Handle::new(1, 1), Handle::new(2, 1));

        insert(&mut table, parent, None, 1)?;
        insert(&mut table, child, Some(parent), 2)?;
        assert_eq!(table.find_root(|object| *object == 1), Some(parent));
        assert_eq!(table.find_root(|object| *object == 2), None);
        table.mark_dying(parent);
        assert_eq!(table.find_root(|_| true), None);
        Ok(())
    }
}
