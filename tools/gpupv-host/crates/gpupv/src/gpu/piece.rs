// SPDX-License-Identifier: GPL-2.0
//! The arithmetic of a step.

use super::command::{Elements, Range, Shape};
use super::fault::Stop;
use super::program::Step;
use super::span::Span;

/// A step whose addresses are translated.
pub(crate) enum Piece {
    /// See [`Step::Elements`].
    Elements {
        what: Elements,
        reads: Vec<Span>,
        write: Span,
    },
    /// See [`Step::Matmul`].
    Matmul {
        shape: Shape,
        reads: Vec<Span>,
        writes: Vec<Span>,
    },
}

impl Piece {
    /// Translates a step; `translate` is told whether the range is written.
    ///
    /// # Errors
    ///
    /// Those of `translate`, for what is read first.
    pub(crate) fn new(
        step: &Step,
        mut translate: impl FnMut(Range, bool) -> Result<Span, Stop>,
    ) -> Result<Self, Stop> {
        let mut all = |ranges: &[Range], write| -> Result<Vec<Span>, Stop> {
            let spans = ranges.iter().map(|&range| translate(range, write));
            spans.collect()
        };
        Ok(match step {
            Step::Elements { what, reads, write } => Self::Elements {
                what: *what,
                reads: all(reads, false)?,
                write: all(&[*write], true)?.pop().unwrap_or_default(),
            },
            Step::Matmul {
                shape,
                reads,
                writes,
            } => Self::Matmul {
                shape: *shape,
                reads: all(reads, false)?,
                writes: all(writes, true)?,
            },
        })
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// Bytes are not where they were.
    pub(crate) fn run(&self) -> Result<(), Stop> {
        match self {
            Self::Elements { what, reads, write } => elements(*what, reads, write),
            Self::Matmul {
                shape,
                reads,
                writes,
            } => matmul(*shape, reads, writes),
        }
    }
}

fn elements(what: Elements, reads: &[Span], write: &Span) -> Result<(), Stop> {
    match (what, reads) {
        (Elements::Fill(word), []) => {
            let words = write.len() / 4;
            write.write(&word.to_le_bytes().repeat(words))
        }
        (Elements::Copy, [from]) => {
            // Not as numbers: some of them would not stay what they are.
            let mut bytes = vec![0; from.len()];
            from.read(&mut bytes)?;
            write.write(&bytes)
        }
        (Elements::Add, [x, y]) => combine(x, y, write, |x, y| x + y),
        // The product is rounded by itself, as the documentation has it.
        (Elements::Saxpy(a), [x, y]) => combine(x, y, write, |x, y| a * x + y),
        // Programs translate as many sources as there are.
        _ => Err(Stop::Invalid),
    }
}

fn combine(x: &Span, y: &Span, write: &Span, f: impl Fn(f32, f32) -> f32) -> Result<(), Stop> {
    let (x, y) = (x.numbers()?, y.numbers()?);
    let numbers: Vec<f32> = x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect();
    write.set_numbers(&numbers)
}

fn matmul(shape: Shape, reads: &[Span], writes: &[Span]) -> Result<(), Stop> {
    // CAST: at most 4096 each.
    let (first, second) = reads.split_at(shape.rows as usize);
    let second: Vec<Vec<f32>> = second.iter().map(Span::numbers).collect::<Result<_, _>>()?;
    for (line, write) in first.iter().zip(writes) {
        let mut sums = vec![0.0; shape.columns as usize];
        for (factor, line) in line.numbers()?.into_iter().zip(&second) {
            for (sum, number) in sums.iter_mut().zip(line) {
                *sum += factor * number;
            }
        }
        write.set_numbers(&sums)?;
    }
    Ok(())
}
