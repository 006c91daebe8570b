// SPDX-License-Identifier: GPL-2.0
//! Commands as they lie in a buffer.

use std::time::Duration;

use zerocopy::byteorder::little_endian::{F32, U32, U64};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::fault::Stop;
use super::program::Step;
use crate::adapter::EngineKind;

/// The length of a command's header: its number, and how many bytes it has.
pub(super) const HEADER: usize = 8;
/// The most elements that a command works on.
const ELEMENTS_MAX: u64 = 1 << 32;
/// The most rows and columns of a matrix.
const MATRIX_MAX: u32 = 4096;
/// The size of an element.
const ELEMENT: u64 = 4;
/// A duration without end.
const FOR_EVER: u32 = u32::MAX;

/// The numbers of the commands.
mod number {
    pub(super) const NOP: u32 = 1;
    pub(super) const FILL: u32 = 2;
    pub(super) const COPY: u32 = 3;
    pub(super) const ADD: u32 = 4;
    pub(super) const SAXPY: u32 = 5;
    pub(super) const MATMUL: u32 = 6;
    pub(super) const FENCE: u32 = 7;
    pub(super) const FAULT: u32 = 8;
    pub(super) const BUSY: u32 = 9;
}

/// A range of GPU addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) address: u64,
    pub(crate) len: u64,
}

impl Range {
    fn overlaps(self, other: Self) -> bool {
        self.address < other.address + other.len && other.address < self.address + self.len
    }
}

/// Arithmetic on elements that lie in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Elements {
    Fill(u32),
    Copy,
    Add,
    Saxpy(f32),
}

/// The sizes of a matrix multiplication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    pub(crate) depth: u32,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    /// Nothing.
    Nop,
    /// The same for each of `count` elements; `sources` counts as far as the arithmetic does.
    Elementwise {
        what: Elements,
        target: u64,
        sources: [u64; 2],
        count: u64,
    },
    /// target = first * second.
    Matmul {
        target: u64,
        first: u64,
        second: u64,
        shape: Shape,
    },
    /// Brings a 64-bit number to an address.
    Fence { address: u64, value: u64 },
    /// Stops the device.
    Fault(u32),
    /// Holds the engine, for ever if there is no duration.
    Busy(Option<Duration>),
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    number: U32,
    size: U32,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fill {
    target: U64,
    bytes: U64,
    value: U32,
    reserved: U32,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Transfer {
    target: U64,
    source: U64,
    bytes: U64,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Add {
    target: U64,
    sources: [U64; 2],
    count: U64,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Saxpy {
    target: U64,
    sources: [U64; 2],
    count: U64,
    factor: F32,
    reserved: U32,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Matmul {
    target: U64,
    first: U64,
    second: U64,
    rows: U32,
    columns: U32,
    depth: U32,
    reserved: U32,
}

#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Fence {
    address: U64,
    value: U64,
}

/// What FAULT and BUSY consist of.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Word {
    value: U32,
    reserved: U32,
}

/// Reads the header of a command. Returns the number and the length, header included.
pub(super) fn header(bytes: &[u8]) -> Result<(u32, usize), Stop> {
    let header = Header::read_from_bytes(bytes).map_err(|_| Stop::Invalid)?;
    let number = header.number.get();
    let body = match number {
        number::NOP => 0,
        number::FILL => size_of::<Fill>(),
        number::COPY => size_of::<Transfer>(),
        number::ADD => size_of::<Add>(),
        number::SAXPY => size_of::<Saxpy>(),
        number::MATMUL => size_of::<Matmul>(),
        number::FENCE => size_of::<Fence>(),
        number::FAULT | number::BUSY => size_of::<Word>(),
        _ => return Err(Stop::Invalid),
    };
    let size = HEADER + body;
    // CAST: no command is longer than 48 bytes.
    if header.size.get() == size as u32 {
        Ok((number, size))
    } else {
        Err(Stop::Invalid)
    }
}

fn read<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8]) -> Result<T, Stop> {
    T::read_from_bytes(bytes).map_err(|_| Stop::Invalid)
}

impl Command {
    /// Reads what follows the header of a command.
    pub(super) fn read(number: u32, body: &[u8]) -> Result<Self, Stop> {
        let (command, reserved) = match number {
            number::NOP => (Self::Nop, 0),
            number::FILL => {
                let fill: Fill = read(body)?;
                let what = Elements::Fill(fill.value.get());
                let count = elements(fill.bytes)?;
                let command = Self::elementwise(what, fill.target, [], count);
                (command, fill.reserved.get())
            }
            number::COPY => {
                let copy: Transfer = read(body)?;
                let count = elements(copy.bytes)?;
                let command = Self::elementwise(Elements::Copy, copy.target, [copy.source], count);
                (command, 0)
            }
            number::ADD => {
                let add: Add = read(body)?;
                let count = add.count.get();
                (
                    Self::elementwise(Elements::Add, add.target, add.sources, count),
                    0,
                )
            }
            number::SAXPY => {
                let saxpy: Saxpy = read(body)?;
                let what = Elements::Saxpy(saxpy.factor.get());
                let count = saxpy.count.get();
                let command = Self::elementwise(what, saxpy.target, saxpy.sources, count);
                (command, saxpy.reserved.get())
            }
            number::MATMUL => {
                let matmul: Matmul = read(body)?;
                let command = Self::Matmul {
                    target: matmul.target.get(),
                    first: matmul.first.get(),
                    second: matmul.second.get(),
                    shape: Shape {
                        rows: matmul.rows.get(),
                        columns: matmul.columns.get(),
                        depth: matmul.depth.get(),
                    },
                };
                (command, matmul.reserved.get())
            }
            number::FENCE => {
                let fence: Fence = read(body)?;
                let (address, value) = (fence.address.get(), fence.value.get());
                (Self::Fence { address, value }, 0)
            }
            number::FAULT => {
                let word: Word = read(body)?;
                (Self::Fault(word.value.get()), word.reserved.get())
            }
            number::BUSY => {
                let word: Word = read(body)?;
                let micros = word.value.get();
                let duration =
                    (micros != FOR_EVER).then(|| Duration::from_micros(u64::from(micros)));
                (Self::Busy(duration), word.reserved.get())
            }
            _ => return Err(Stop::Invalid),
        };
        if reserved == 0 && command.is_possible() {
            Ok(command)
        } else {
            Err(Stop::Invalid)
        }
    }

    fn elementwise<const N: usize>(
        what: Elements,
        target: U64,
        from: [U64; N],
        count: u64,
    ) -> Self {
        let mut sources = [0; 2];
        for (place, source) in sources.iter_mut().zip(from) {
            *place = source.get();
        }
        Self::Elementwise {
            what,
            target: target.get(),
            sources,
            count,
        }
    }

    /// What it reads, in the order in which it does.
    fn sources(&self) -> Vec<Range> {
        match *self {
            Self::Elementwise {
                what,
                sources,
                count,
                ..
            } => {
                let range = |address| Range {
                    address,
                    len: count * ELEMENT,
                };
                sources[..what.sources()]
                    .iter()
                    .copied()
                    .map(range)
                    .collect()
            }
            Self::Matmul {
                first,
                second,
                shape,
                ..
            } => vec![
                shape.range(first, shape.rows, shape.depth),
                shape.range(second, shape.depth, shape.columns),
            ],
            _ => Vec::new(),
        }
    }

    /// What it writes.
    fn target(&self) -> Option<Range> {
        match *self {
            Self::Elementwise { target, count, .. } => Some(Range {
                address: target,
                len: count * ELEMENT,
            }),
            Self::Matmul { target, shape, .. } => {
                Some(shape.range(target, shape.rows, shape.columns))
            }
            _ => None,
        }
    }

    /// Whether its numbers keep to what the commands allow.
    fn is_possible(&self) -> bool {
        let sizes = match *self {
            Self::Elementwise { count, .. } => (1..=ELEMENTS_MAX).contains(&count),
            Self::Matmul { shape, .. } => [shape.rows, shape.columns, shape.depth]
                .iter()
                .all(|size| (1..=MATRIX_MAX).contains(size)),
            Self::Fence { address, .. } => return address % 8 == 0,
            Self::Nop | Self::Fault(_) | Self::Busy(_) => return true,
        };
        // Only then: sizes that are not allowed may have no product.
        let Some(target) = sizes.then(|| self.target()).flatten() else {
            return false;
        };
        // Elements are dealt with in their order and in pieces: what is computed in place is as
        // good as elsewhere, what overlaps in any other way is not.
        let in_place = matches!(
            self,
            Self::Elementwise {
                what: Elements::Add | Elements::Saxpy(_),
                ..
            }
        );
        let fits = |range: &Range| {
            range.address % ELEMENT == 0 && range.address.checked_add(range.len).is_some()
        };
        let sources = self.sources();
        fits(&target)
            && sources.iter().all(|source| {
                fits(source) && (!source.overlaps(target) || in_place && *source == target)
            })
    }

    /// Whether engines of a kind know it.
    pub(super) fn is_known_to(&self, kind: EngineKind) -> bool {
        let computes = matches!(kind, EngineKind::ThreeD | EngineKind::Compute);
        match self {
            Self::Elementwise {
                what: Elements::Add | Elements::Saxpy(_),
                ..
            }
            | Self::Matmul { .. } => computes,
            Self::Elementwise { .. } => computes || kind == EngineKind::Copy,
            Self::Nop | Self::Fence { .. } | Self::Fault(_) | Self::Busy(_) => true,
        }
    }

    /// The step that follows after so many, if there is one.
    pub(super) fn step(&self, done: u64) -> Option<Step> {
        match *self {
            Self::Elementwise {
                what,
                target,
                sources,
                count,
            } => {
                let first = done * Step::ELEMENTS;
                let len = count.checked_sub(first).filter(|left| *left > 0)?;
                let part = |address: u64| Range {
                    address: address + first * ELEMENT,
                    len: len.min(Step::ELEMENTS) * ELEMENT,
                };
                Some(Step::Elements {
                    what,
                    reads: sources[..what.sources()]
                        .iter()
                        .copied()
                        .map(part)
                        .collect(),
                    write: part(target),
                })
            }
            Self::Matmul {
                target,
                first,
                second,
                shape,
            } => shape.step(done, [target, first, second]),
            _ => None,
        }
    }
}

/// How many elements some bytes are.
fn elements(bytes: U64) -> Result<u64, Stop> {
    let bytes = bytes.get();
    if bytes % ELEMENT == 0 {
        Ok(bytes / ELEMENT)
    } else {
        Err(Stop::Invalid)
    }
}

impl Elements {
    /// How many sources there are.
    pub(super) fn sources(self) -> usize {
        match self {
            Self::Fill(_) => 0,
            Self::Copy => 1,
            Self::Add | Self::Saxpy(_) => 2,
        }
    }
}

impl Shape {
    fn range(self, address: u64, rows: u32, columns: u32) -> Range {
        let len = u64::from(rows) * u64::from(columns) * ELEMENT;
        Range { address, len }
    }

    /// A part of the result: some rows, and some columns of each.
    fn step(self, done: u64, [target, first, second]: [u64; 3]) -> Option<Step> {
        let [rows, columns, depth] = [self.rows, self.columns, self.depth].map(u64::from);
        let wide = columns.min(Step::COLUMNS);
        let high = (Step::PRODUCTS / (wide * depth)).clamp(1, rows);
        let across = columns.div_ceil(wide);
        let (row, column) = (done / across * high, done % across * wide);
        if row >= rows {
            return None;
        }
        let (high, wide) = (high.min(rows - row), wide.min(columns - column));
        let line = |matrix: u64, width: u64, row: u64, column: u64, len: u64| Range {
            address: matrix + (row * width + column) * ELEMENT,
            len: len * ELEMENT,
        };
        let lines = row..row + high;
        Some(Step::Matmul {
            // CAST: all are at most MATRIX_MAX.
            shape: Self {
                rows: high as u32,
                columns: wide as u32,
                depth: self.depth,
            },
            reads: lines
                .clone()
                .map(|row| line(first, depth, row, 0, depth))
                .chain((0..depth).map(|row| line(second, columns, row, column, wide)))
                .collect(),
            writes: lines
                .map(|row| line(target, columns, row, column, wide))
                .collect(),
        })
    }
}
