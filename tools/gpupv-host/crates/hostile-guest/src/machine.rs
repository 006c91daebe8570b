// SPDX-License-Identifier: GPL-2.0
//! A machine without KVM: RAM, and a window that shows nothing to anybody.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use gpupv::{GuestMemory, GuestWindow, WindowMemory};
use hyperv::Partition;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::eventfd::EventFd;

/// How much RAM there is.
pub(crate) const RAM: usize = 1 << 20;
pub(crate) const PAGE: u64 = 4096;
/// How many pages that is.
pub(crate) const RAM_PAGES: u64 = RAM as u64 / PAGE;

/// RAM and nothing else.
pub(crate) struct Ram(GuestMemoryMmap);

impl Ram {
    /// RAM that begins with these bytes.
    ///
    /// # Panics
    ///
    /// The system has no memory.
    pub(crate) fn new(content: &[u8]) -> Arc<Self> {
        let ranges = [(GuestAddress(0), RAM)];
        let ram = GuestMemoryMmap::from_ranges(&ranges).expect("memory for a machine");
        let content = &content[..content.len().min(RAM)];
        ram.write_slice(content, GuestAddress(0))
            .expect("bytes that fit");
        Arc::new(Self(ram))
    }

    pub(crate) fn memory(&self) -> &GuestMemoryMmap {
        &self.0
    }
}

impl Partition for Ram {
    fn memory(&self) -> &GuestMemoryMmap {
        &self.0
    }

    fn post_message(&self, _vp: u32, _payload: &[u8]) {}

    fn clear_messages(&self) {}

    fn is_backed_up(&self) -> bool {
        false
    }

    fn signal_event(&self, _vp: u32, _flag: u32) {}

    fn bind_event(&self, _connection: u32) -> io::Result<EventFd> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn unbind_event(&self, _connection: u32, _fd: &EventFd) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn vp_count(&self) -> u32 {
        2
    }
}

impl GuestMemory for Ram {
    fn page_count(&self) -> u64 {
        RAM_PAGES
    }

    fn has_page(&self, number: u64) -> bool {
        number < RAM_PAGES
    }

    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        self.0.read_slice(into, GuestAddress(address)).is_ok()
    }

    fn write(&self, address: u64, from: &[u8]) -> bool {
        self.0.write_slice(from, GuestAddress(address)).is_ok()
    }
}

/// How large a window may be: as the host says that it is.
const WINDOW_MAX: u64 = 64 << 20;

/// Where the host shows memory.
pub(crate) struct Window;

struct Shown(Mutex<Vec<u8>>);

impl GuestWindow for Window {
    fn map(&self, _address: u64, len: u64) -> io::Result<Box<dyn WindowMemory>> {
        let len = usize::try_from(len.min(WINDOW_MAX)).unwrap_or(0);
        Ok(Box::new(Shown(Mutex::new(vec![0; len]))))
    }
}

impl Shown {
    /// # Panics
    ///
    /// The host reaches for what it has not asked for.
    fn part(&self, offset: u64, len: usize, with: impl FnOnce(&mut [u8])) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = usize::try_from(offset).expect("an offset in memory");
        with(&mut bytes[offset..offset + len]);
    }
}

impl WindowMemory for Shown {
    fn read(&self, offset: u64, into: &mut [u8]) {
        self.part(offset, into.len(), |part| into.copy_from_slice(part));
    }

    fn write(&self, offset: u64, from: &[u8]) {
        self.part(offset, from.len(), |part| part.copy_from_slice(from));
    }

    fn store(&self, offset: u64, value: u64) {
        self.write(offset, &value.to_le_bytes());
    }

    fn clear(&self, offset: u64, len: u64) {
        let len = usize::try_from(len).expect("a length in memory");
        self.part(offset, len, |part| part.fill(0));
    }
}
