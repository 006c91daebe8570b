// SPDX-License-Identifier: GPL-2.0
//! Results of QUERYSTATISTICS: 776 bytes, of which each type uses as many as it has.
//!
//! The layouts are those of the Windows kernel-mode thunks. What this host has no notion of
//! (swizzling, power, displays, ...) is zero, as is the rest of the result.
//!
//! | type | offset | size | content |
//! |---|---:|---:|---|
//! | 0 adapter | 0 | 4 | number of segments |
//! | | 4 | 4 | number of nodes |
//! | | 8 | 4 | number of display sources: 0 |
//! | | 264 | 16 | evictions: how many, and how many bytes |
//! | | 520 | 16 | allocations that there are: how many, and how many bytes |
//! | 1 process | 0 | 4 | number of nodes |
//! | | 8 | 8 | bytes of all allocations of the process |
//! | 2 process and adapter | 0 | 4 | number of segments |
//! | | 4 | 4 | number of nodes |
//! | | 12 | 4 | GPU addresses that are taken, in MiB, rounded up |
//! | 3 segment | 0 | 8 | how much it has |
//! | | 8 | 8 | bytes of all allocations that belong into it |
//! | | 16 | 8 | bytes of those that are in it |
//! | | 24 | 8 | bytes evicted from the adapter |
//! | | 32 | 4 | number of allocations that belong into it |
//! | | 36 | 4 | number of those that are in it |
//! | | 40 | 4 | 1 for the machine's memory, 0 for the adapter's own |
//! | 4 process and segment | 0 | 8 | bytes of the process's allocations that belong into it |
//! | | 8 | 8 | its budget |
//! | | 16 | 8 | its reservation |
//! | | 32 | 4 | number of those allocations |
//! | | 40 | 16 | those that the process uses: how many, and how many bytes |
//! | 5 node, 6 process and node | 8 | 4 | number of contexts on the node, of everybody or of the process |
//! | 9 process and segment group | 0 | 8 | its budget |
//! | | 8 | 8 | bytes that it wants: those of its allocations |
//! | | 16 | 8 | bytes that it uses |
//! | 10 physical adapter | 104 | 4 | its index: 0 |
//! | | 108 | 64 | revision, UTF-16 |
//! | | 172 | 64 | name, UTF-16 |

/// The length of every result.
pub(crate) const LEN: usize = 776;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatisticsType {
    Adapter,
    Process,
    ProcessAdapter,
    Segment,
    ProcessSegment,
    Node,
    ProcessNode,
    VidPnSource,
    ProcessVidPnSource,
    ProcessSegmentGroup,
    PhysicalAdapter,
}

impl TryFrom<u32> for StatisticsType {
    type Error = u32;

    fn try_from(number: u32) -> Result<Self, u32> {
        Ok(match number {
            0 => Self::Adapter,
            1 => Self::Process,
            2 => Self::ProcessAdapter,
            3 => Self::Segment,
            4 => Self::ProcessSegment,
            5 => Self::Node,
            6 => Self::ProcessNode,
            7 => Self::VidPnSource,
            8 => Self::ProcessVidPnSource,
            9 => Self::ProcessSegmentGroup,
            10 => Self::PhysicalAdapter,
            unknown => return Err(unknown),
        })
    }
}

/// How many there are, and how many bytes they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// How many.
    pub(crate) count: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

impl Counter {
    /// One more, with so many bytes.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// A result that is being written.
pub(crate) struct Statistics([u8; LEN]);

impl Statistics {
    /// Nothing but zeros.
    pub(crate) fn new() -> Self {
        Self([0; LEN])
    }

    /// Writes bytes.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Writes a number of 32 bits; what does not fit is the largest one that does.
    pub(crate) fn word(&mut self, at: usize, number: u64) -> &mut Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.put(at, &number.to_le_bytes())
    }

    /// Writes a number of 64 bits.
    pub(crate) fn long(&mut self, at: usize, number: u64) -> &mut Self {
        self.put(at, &number.to_le_bytes())
    }

    /// Writes a counter: a number of 32 bits, padding, and one of 64 bits.
    pub(crate) fn counter(&mut self, at: usize, counter: Counter) -> &mut Self {
        self.word(at, counter.count).long(at + 8, counter.bytes)
    }

    /// The result.
    pub(crate) fn finish(&self) -> [u8; LEN] {
        self.0
    }
}
