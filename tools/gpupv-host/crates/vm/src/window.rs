// SPDX-License-Identifier: GPL-2.0
//! Host memory shown to the guest inside the VMBus window, added and removed while the guest runs.

mod shown;

pub use shown::ShownMemory;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use kvm_bindings::{kvm_userspace_memory_region, KVM_MEM_READONLY};
use kvm_ioctls::VmFd;
use vm_memory::mmap::MmapRegion;

/// Memory of this process that can be shown to the guest. Zeroed at first.
pub type HostMemory = MmapRegion<()>;

const PAGE: u64 = 4096;

/// Allocates `size` bytes of zeroed memory, a multiple of the page size, that the guest can be shown.
///
/// # Errors
///
/// What the operating system answers.
pub fn allocate(size: usize) -> io::Result<Arc<HostMemory>> {
    MmapRegion::new(size)
        .map(Arc::new)
        .map_err(io::Error::other)
}

/// May the guest write to a mapping?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read and write.
    ReadWrite,
    /// A guest write becomes an MMIO exit, which nobody answers.
    ReadOnly,
}

/// The window and what is mapped into it.
pub struct Window {
    vm: Arc<VmFd>,
    range: Range<u64>,
    slots: Range<u32>,
    /// By slot number. The lock is held over the KVM call, so that two callers cannot race for a
    /// slot or a range; virtual CPUs never take it.
    mapped: Mutex<BTreeMap<u32, Mapped>>,
}

struct Mapped {
    range: Range<u64>,
    /// Keeps the memory alive as long as KVM may touch it.
    _memory: Arc<HostMemory>,
}

/// Names a mapping, for [`Window::unmap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MappingId(u32);

impl Window {
    pub(crate) fn new(vm: Arc<VmFd>, range: Range<u64>, slots: Range<u32>) -> Self {
        Self {
            vm,
            range,
            slots,
            mapped: Mutex::new(BTreeMap::new()),
        }
    }

    /// The guest physical addresses of the window.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Shows all of `memory` to the guest at `address`.
    ///
    /// # Errors
    ///
    /// `EINVAL` when address or size is not page-aligned or outside of the window, `EEXIST` when
    /// something is mapped there already, `ENOSPC` when KVM has no slot left.
    pub fn map(
        &self,
        address: u64,
        memory: Arc<HostMemory>,
        access: Access,
    ) -> io::Result<MappingId> {
        let size = memory.size() as u64;
        let end = address
            .checked_add(size)
            .ok_or_else(|| errno(libc::EINVAL))?;
        let aligned = address % PAGE == 0 && size % PAGE == 0 && size != 0;
        if !aligned || address < self.range.start || end > self.range.end {
            return Err(errno(libc::EINVAL));
        }
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if mapped
            .values()
            .any(|other| other.range.start < end && address < other.range.end)
        {
            return Err(errno(libc::EEXIST));
        }
        let slot = free_slot(&mapped, self.slots.clone()).ok_or_else(|| errno(libc::ENOSPC))?;
        let region = kvm_userspace_memory_region {
            slot,
            flags: if access == Access::ReadOnly {
                KVM_MEM_READONLY
            } else {
                0
            },
            guest_phys_addr: address,
            memory_size: size,
            userspace_addr: memory.as_ptr() as u64,
        };
        // SAFETY: the range is memory that `memory` owns, of exactly this size, and `mapped` keeps
        // `memory` alive until the slot has been deleted. It overlaps no other slot: RAM lies
        // outside of the window and the check above covers the window.
        unsafe { self.vm.set_user_memory_region(region) }.map_err(from_kvm)?;
        mapped.insert(
            slot,
            Mapped {
                range: address..end,
                _memory: memory,
            },
        );
        Ok(MappingId(slot))
    }

    /// Takes a mapping away. The guest then reads all ones there.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such mapping.
    pub fn unmap(&self, id: MappingId) -> io::Result<()> {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        let range = mapped
            .get(&id.0)
            .map(|found| found.range.clone())
            .ok_or_else(|| errno(libc::ENOENT))?;
        let region = kvm_userspace_memory_region {
            slot: id.0,
            guest_phys_addr: range.start,
            ..Default::default()
        };
        // SAFETY: a size of zero deletes the slot; no memory is given to KVM.
        unsafe { self.vm.set_user_memory_region(region) }.map_err(from_kvm)?;
        mapped.remove(&id.0);
        Ok(())
    }
}

fn free_slot<T>(used: &BTreeMap<u32, T>, slots: Range<u32>) -> Option<u32> {
    slots.into_iter().find(|slot| !used.contains_key(slot))
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

fn from_kvm(error: kvm_ioctls::Error) -> io::Error {
    errno(error.errno())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_used_again() {
        let mut used = BTreeMap::from([(8, ()), (9, ()), (11, ())]);
        assert_eq!(free_slot(&used, 8..12), Some(10));
        used.insert(10, ());
        assert_eq!(free_slot(&used, 8..12), None);
        used.remove(&8);
        assert_eq!(free_slot(&used, 8..12), Some(8));
    }

    #[test]
    fn memory_is_zeroed_and_of_the_size_asked_for() {
        use vm_memory::{Bytes, VolatileMemory};

        let memory = allocate(8192).unwrap();
        let mut bytes = [1u8; 8192];
        memory
            .as_volatile_slice()
            .read_slice(&mut bytes, 0)
            .unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}
