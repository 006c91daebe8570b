// SPDX-License-Identifier: GPL-2.0
//! The memory of a ring, as the reader and the writer see it.

use std::sync::atomic::{fence, Ordering};

use super::RingError;
use crate::gpadl::GpadlView;
use crate::proto::{RingControlPage, PAGE_SIZE};

/// A word of the control page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see `RingControlPage`")]
pub enum Field {
    WriteIndex,
    ReadIndex,
    InterruptMask,
    PendingSendSize,
    FeatureBits,
}

impl Field {
    /// Where in the control page it is.
    pub fn offset(self) -> usize {
        use std::mem::offset_of;
        match self {
            Self::WriteIndex => offset_of!(RingControlPage, write_index),
            Self::ReadIndex => offset_of!(RingControlPage, read_index),
            Self::InterruptMask => offset_of!(RingControlPage, interrupt_mask),
            Self::PendingSendSize => offset_of!(RingControlPage, pending_send_size),
            Self::FeatureBits => offset_of!(RingControlPage, feature_bits),
        }
    }
}

/// A control page and the data behind it, changed by the other side at any time.
pub trait RingMemory: Send {
    /// How many bytes of data the ring has; below 2^31 and a multiple of 8.
    fn size(&self) -> u32;

    /// Loads a word of the control page.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    fn load(&self, field: Field, order: Ordering) -> Result<u32, RingError>;

    /// Stores a word of the control page.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    fn store(&self, field: Field, value: u32, order: Ordering) -> Result<(), RingError>;

    /// Copies data that does not wrap.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    fn read(&self, offset: u32, into: &mut [u8]) -> Result<(), RingError>;

    /// Copies data that does not wrap.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    fn write(&self, offset: u32, from: &[u8]) -> Result<(), RingError>;

    /// Makes all stores before it visible before any load after it, which neither release nor
    /// acquire does.
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    /// Copies data that may wrap at the end of the ring.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    fn read_wrapped(&self, offset: u32, into: &mut [u8]) -> Result<(), RingError> {
        let (first, second) = into.split_at_mut(self.until_end(offset, into.len()));
        self.read(offset, first)?;
        self.read(0, second)
    }

    /// Copies data that may wrap at the end of the ring.
    ///
    /// # Errors
    ///
    /// The memory is not there.
    fn write_wrapped(&self, offset: u32, from: &[u8]) -> Result<(), RingError> {
        let (first, second) = from.split_at(self.until_end(offset, from.len()));
        self.write(offset, first)?;
        self.write(0, second)
    }

    /// How many of `len` bytes at `offset` lie before the end of the ring.
    fn until_end(&self, offset: u32, len: usize) -> usize {
        // CAST: u32 to usize, on a 64-bit host.
        len.min((self.size() - offset) as usize)
    }
}

/// A ring in guest memory.
pub struct GuestRing {
    view: GpadlView,
    size: u32,
}

impl GuestRing {
    /// The ring that fills `view`, control page included.
    ///
    /// # Errors
    ///
    /// It is not made of whole pages, has no data, or is absurdly large.
    pub fn new(view: GpadlView) -> Result<Self, RingError> {
        let len = view.len();
        let size = u32::try_from(len.saturating_sub(PAGE_SIZE))
            .ok()
            .filter(|&size| size > 0 && size < 1 << 31 && len % PAGE_SIZE == 0)
            .ok_or(RingError::Size(len))?;
        Ok(Self { view, size })
    }
}

impl RingMemory for GuestRing {
    fn size(&self) -> u32 {
        self.size
    }

    fn load(&self, field: Field, order: Ordering) -> Result<u32, RingError> {
        Ok(self.view.load(field.offset() as u64, order)?)
    }

    fn store(&self, field: Field, value: u32, order: Ordering) -> Result<(), RingError> {
        Ok(self.view.store(field.offset() as u64, value, order)?)
    }

    fn read(&self, offset: u32, into: &mut [u8]) -> Result<(), RingError> {
        Ok(self.view.read(PAGE_SIZE + u64::from(offset), into)?)
    }

    fn write(&self, offset: u32, from: &[u8]) -> Result<(), RingError> {
        Ok(self.view.write(PAGE_SIZE + u64::from(offset), from)?)
    }
}
