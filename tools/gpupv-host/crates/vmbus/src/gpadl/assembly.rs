// SPDX-License-Identifier: GPL-2.0
//! From GPADL messages to a list of page numbers.

use std::sync::Arc;

use thiserror::Error;

use crate::proto::{GpadlHeader, PAGE_SIZE};

/// One range of guest memory: whole pages, of which the first and last may be used in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageList {
    /// Guest page frame numbers, in order.
    pub pfns: Arc<[u64]>,
    /// Where in the first page the range starts.
    pub byte_offset: u32,
    /// How long it is.
    pub byte_count: u32,
}

/// Why a GPADL is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum GpadlError {
    /// Linux sends one range, and one is all that a view can show.
    #[error("a GPADL of {0} ranges, exactly 1 is supported")]
    Ranges(u16),
    /// Nothing is lent.
    #[error("an empty GPADL")]
    Empty,
    /// The range does not start in its first page.
    #[error("a GPADL that starts at byte {0} of its first page")]
    Offset(u32),
    /// More pages than the guest has.
    #[error("a GPADL of {pages} pages, the guest has {limit}")]
    TooLong {
        /// How many pages the byte count asks for.
        pages: u64,
        /// How many there are.
        limit: u64,
    },
    /// A page that is no RAM.
    #[error("page {0:#x} is not RAM")]
    NotRam(u64),
}

/// A list of which the messages are still arriving.
#[derive(Debug)]
pub struct Assembly {
    pfns: Vec<u64>,
    /// How many page numbers there will be.
    total: usize,
    byte_offset: u32,
    byte_count: u32,
}

impl Assembly {
    /// Starts a list with a header and the bytes that follow it.
    ///
    /// The number of pages comes from the byte count: `range_buflen` has only 16 bits and wraps.
    ///
    /// # Errors
    ///
    /// The header describes something that cannot be, or more than `limit` pages.
    pub fn start(header: &GpadlHeader, rest: &[u8], limit: u64) -> Result<Self, GpadlError> {
        if header.range_count.get() != 1 {
            return Err(GpadlError::Ranges(header.range_count.get()));
        }
        let (byte_count, byte_offset) = (header.byte_count.get(), header.byte_offset.get());
        if byte_count == 0 {
            return Err(GpadlError::Empty);
        }
        if u64::from(byte_offset) >= PAGE_SIZE {
            return Err(GpadlError::Offset(byte_offset));
        }
        let pages = (u64::from(byte_offset) + u64::from(byte_count)).div_ceil(PAGE_SIZE);
        let total = usize::try_from(pages)
            .ok()
            .filter(|_| pages <= limit)
            .ok_or(GpadlError::TooLong { pages, limit })?;
        let mut assembly = Self {
            pfns: Vec::new(),
            total,
            byte_offset,
            byte_count,
        };
        assembly.extend(rest);
        Ok(assembly)
    }

    /// Takes page numbers from the bytes of a message; a surplus is ignored.
    pub fn extend(&mut self, bytes: &[u8]) {
        let missing = self.total - self.pfns.len();
        let numbers = bytes
            .chunks_exact(8)
            .filter_map(|number| number.try_into().ok());
        self.pfns
            .extend(numbers.map(u64::from_le_bytes).take(missing));
    }

    /// How many page numbers there will be.
    pub fn pages(&self) -> u64 {
        self.total as u64
    }

    /// Whether all page numbers are there.
    pub fn is_complete(&self) -> bool {
        self.pfns.len() == self.total
    }

    /// The complete list, every page of which must satisfy `is_ram`.
    ///
    /// # Errors
    ///
    /// A page is no RAM.
    pub fn finish(self, is_ram: impl Fn(u64) -> bool) -> Result<PageList, GpadlError> {
        debug_assert!(self.is_complete());
        match self.pfns.iter().find(|&&pfn| !is_ram(pfn)) {
            Some(&pfn) => Err(GpadlError::NotRam(pfn)),
            None => Ok(PageList {
                pfns: self.pfns.into(),
                byte_offset: self.byte_offset,
                byte_count: self.byte_count,
            }),
        }
    }
}
