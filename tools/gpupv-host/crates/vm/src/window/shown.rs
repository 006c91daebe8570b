// SPDX-License-Identifier: GPL-2.0
//! A piece of host memory that the guest sees, read and written by both.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use vm_memory::{Bytes, VolatileMemory};

use super::{allocate, Access, HostMemory, MappingId, Window};

/// Memory in the window; the guest sees it until this is dropped.
pub struct ShownMemory {
    window: Arc<Window>,
    mapping: MappingId,
    memory: Arc<HostMemory>,
}

impl ShownMemory {
    /// Shows the guest `len` bytes of zeroed memory at `address`.
    ///
    /// # Errors
    ///
    /// As for [`Window::map`], and what the operating system answers.
    pub fn new(window: &Arc<Window>, address: u64, len: u64) -> io::Result<Self> {
        // CAST: u64 to usize, on a 64-bit host.
        let memory = allocate(len as usize)?;
        let mapping = window.map(address, Arc::clone(&memory), Access::ReadWrite)?;
        Ok(Self {
            window: Arc::clone(window),
            mapping,
            memory,
        })
    }

    /// Copies out.
    ///
    /// # Errors
    ///
    /// The bytes are not within the memory.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        let memory = self.memory.as_volatile_slice();
        memory
            .read_slice(into, place(offset))
            .map_err(io::Error::other)
    }

    /// Copies in.
    ///
    /// # Errors
    ///
    /// The bytes are not within the memory.
    pub fn write(&self, offset: u64, from: &[u8]) -> io::Result<()> {
        let memory = self.memory.as_volatile_slice();
        memory
            .write_slice(from, place(offset))
            .map_err(io::Error::other)
    }

    /// Stores an aligned word at once.
    ///
    /// # Errors
    ///
    /// The word is not aligned or not within the memory.
    pub fn store(&self, offset: u64, value: u64) -> io::Result<()> {
        let memory = self.memory.as_volatile_slice();
        memory
            .store(value.to_le(), place(offset), Ordering::Release)
            .map_err(io::Error::other)
    }

    /// Makes whole pages zero, and lets the system use what held their content.
    ///
    /// # Errors
    ///
    /// The pages are not within the memory, or what the operating system answers.
    pub fn clear(&self, offset: u64, len: u64) -> io::Result<()> {
        let memory = self.memory.as_volatile_slice();
        let part = memory
            .subslice(place(offset), place(len))
            .map_err(io::Error::other)?;
        let guard = part.ptr_guard_mut();
        // SAFETY: `part` lies within a private anonymous mapping that `self.memory` owns, so all
        // that the call does is to make its pages zero. Nothing in this process holds references
        // into the mapping; it is only accessed as volatile memory.
        let result =
            unsafe { libc::madvise(guard.as_ptr().cast(), part.len(), libc::MADV_DONTNEED) };
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for ShownMemory {
    fn drop(&mut self) {
        if let Err(error) = self.window.unmap(self.mapping) {
            log::warn!("memory cannot be taken out of the guest's sight: {error}");
        }
    }
}

/// An offset for those who count in `usize`.
fn place(offset: u64) -> usize {
    // CAST: u64 to usize, on a 64-bit host.
    offset as usize
}
