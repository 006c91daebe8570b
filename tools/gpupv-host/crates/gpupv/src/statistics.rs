// SPDX-License-Identifier: GPL-2.0
//! What QUERYSTATISTICS is asked for, and the counters behind its results.
//!
//! The results are laid out as on Windows; [`crate::wire::statistics`] has the structures. What this
//! host has no notion of (swizzling, displays, ...) is zero in them, as is the rest of the result.

/// The length of every result.
pub(crate) const LEN: usize = 776;

/// The version of the driver model that came with the types from 11 on.
const WDDM_OF_SECOND_TYPES: u32 = 3100;

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
    SegmentUsage,
    SegmentGroupUsage,
}

/// A question: what is asked, of which physical adapter, and of which of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) what: StatisticsType,
    pub(crate) physical_adapter: u32,
    /// The segment, segment group or node.
    pub(crate) part: u32,
}

impl Question {
    /// A question by its number and its selector, to an adapter with a version of the driver model.
    /// `None` if there is no such question.
    pub(crate) fn new(number: u32, selector: u32, wddm: u32) -> Option<Self> {
        use StatisticsType as Type;

        if number > 10 && wddm < WDDM_OF_SECOND_TYPES {
            return None;
        }
        let what = match number {
            0 | 11 => Type::Adapter,
            1 => Type::Process,
            2 | 13 => Type::ProcessAdapter,
            3 | 12 => Type::Segment,
            4 | 14 => Type::ProcessSegment,
            5 | 18 => Type::Node,
            6 | 19 => Type::ProcessNode,
            7 => Type::VidPnSource,
            8 => Type::ProcessVidPnSource,
            9 | 15 => Type::ProcessSegmentGroup,
            10 => Type::PhysicalAdapter,
            16 => Type::SegmentUsage,
            17 => Type::SegmentGroupUsage,
            _ => return None,
        };
        let (physical_adapter, part) = match number {
            // These are about the whole, and have no selector.
            0..=2 => (0, 0),
            10 => (selector, 0),
            // Two halves: the physical adapter, and its part.
            11 | 13 => (selector & 0xFFFF, 0),
            12 | 14..=19 => (selector & 0xFFFF, selector >> 16),
            _ => (0, selector),
        };
        Some(Self {
            what,
            physical_adapter,
            part,
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
