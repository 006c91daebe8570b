// SPDX-License-Identifier: GPL-2.0
//! The memory behind a GPADL.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use hyperv::Partition;
use thiserror::Error;
use vm_memory::{Bytes, GuestAddress};

use super::assembly::PageList;
use crate::proto::PAGE_SIZE;

/// An access that is not possible.
#[derive(Debug, Error)]
pub enum AccessError {
    /// It goes beyond the end.
    #[error("access to bytes {offset}+{len} of a range of {size}")]
    OutOfRange {
        /// Where it starts.
        offset: u64,
        /// How long it is.
        len: usize,
        /// How much there is.
        size: u64,
    },
    /// A 32-bit word that crosses into another page, or is not aligned.
    #[error("a word at byte {0} is not aligned")]
    Unaligned(u64),
    /// The guest's memory does not have the page.
    #[error("guest memory: {0}")]
    Memory(#[from] vm_memory::GuestMemoryError),
}

/// Guest memory that a GPADL describes, as if it were contiguous.
#[derive(Clone)]
pub struct GpadlView {
    partition: Arc<dyn Partition>,
    pfns: Arc<[u64]>,
    /// Where the view starts, counted from the start of the first page.
    start: u64,
    len: u64,
}

impl GpadlView {
    /// The memory of `pages` in `partition`.
    pub fn new(partition: Arc<dyn Partition>, pages: &PageList) -> Self {
        Self {
            partition,
            pfns: Arc::clone(&pages.pfns),
            start: pages.byte_offset.into(),
            len: pages.byte_count.into(),
        }
    }

    /// A part of this view.
    ///
    /// # Errors
    ///
    /// The part is not within the view.
    pub fn part(&self, offset: u64, len: u64) -> Result<Self, AccessError> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(Self {
                start: self.start + offset,
                len,
                ..self.clone()
            }),
            _ => Err(AccessError::OutOfRange {
                offset,
                len: usize::try_from(len).unwrap_or(usize::MAX),
                size: self.len,
            }),
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The guest page frame numbers that the view touches.
    pub fn pages(&self) -> &[u64] {
        let first = self.start / PAGE_SIZE;
        let end = (self.start + self.len).div_ceil(PAGE_SIZE);
        // CAST: both are at most the length of `pfns`, which is a usize.
        &self.pfns[first as usize..end.max(first) as usize]
    }

    /// Copies from the guest.
    ///
    /// # Errors
    ///
    /// The bytes are not within the view.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), AccessError> {
        let mut done = 0;
        self.pieces(offset, into.len(), |address, len| {
            let memory = self.partition.memory();
            memory.read_slice(&mut into[done..done + len], address)?;
            done += len;
            Ok(())
        })
    }

    /// Copies to the guest.
    ///
    /// # Errors
    ///
    /// The bytes are not within the view.
    pub fn write(&self, offset: u64, from: &[u8]) -> Result<(), AccessError> {
        let mut done = 0;
        self.pieces(offset, from.len(), |address, len| {
            let memory = self.partition.memory();
            memory.write_slice(&from[done..done + len], address)?;
            done += len;
            Ok(())
        })
    }

    /// Loads an aligned 32-bit word atomically.
    ///
    /// # Errors
    ///
    /// The word is not aligned or not within the view.
    pub fn load(&self, offset: u64, order: Ordering) -> Result<u32, AccessError> {
        let address = self.word(offset)?;
        Ok(u32::from_le(self.partition.memory().load(address, order)?))
    }

    /// Stores an aligned 32-bit word atomically.
    ///
    /// # Errors
    ///
    /// The word is not aligned or not within the view.
    pub fn store(&self, offset: u64, value: u32, order: Ordering) -> Result<(), AccessError> {
        let address = self.word(offset)?;
        Ok(self
            .partition
            .memory()
            .store(value.to_le(), address, order)?)
    }

    /// Where the word at `offset` lies.
    fn word(&self, offset: u64) -> Result<GuestAddress, AccessError> {
        self.check(offset, size_of::<u32>())?;
        if (self.start + offset) % 4 != 0 {
            return Err(AccessError::Unaligned(offset));
        }
        Ok(self.locate(self.start + offset))
    }

    fn check(&self, offset: u64, len: usize) -> Result<(), AccessError> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(AccessError::OutOfRange {
                offset,
                len,
                size: self.len,
            }),
        }
    }

    /// The guest address of a byte, counted from the start of the first page.
    fn locate(&self, position: u64) -> GuestAddress {
        // CAST: the caller has checked that the position is within the pages, whose number is a
        // usize.
        let pfn = self.pfns[(position / PAGE_SIZE) as usize];
        GuestAddress(pfn * PAGE_SIZE + position % PAGE_SIZE)
    }

    /// Calls `f` for each piece of the bytes that lies in one guest page.
    fn pieces(
        &self,
        offset: u64,
        len: usize,
        mut f: impl FnMut(GuestAddress, usize) -> Result<(), AccessError>,
    ) -> Result<(), AccessError> {
        self.check(offset, len)?;
        let mut position = self.start + offset;
        let mut left = len;
        while left > 0 {
            // CAST: at most a page.
            let in_page = (PAGE_SIZE - position % PAGE_SIZE) as usize;
            let piece = left.min(in_page);
            f(self.locate(position), piece)?;
            position += piece as u64;
            left -= piece;
        }
        Ok(())
    }
}
