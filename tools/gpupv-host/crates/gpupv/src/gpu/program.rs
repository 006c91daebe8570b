// SPDX-License-Identifier: GPL-2.0
//! A command buffer that is being worked through.

use super::command::{self, Command, Elements, Range, Shape};
use super::fault::{Fault, Stop};
use crate::adapter::EngineKind;

/// Where a command buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) address: u64,
    pub(crate) len: u32,
}

impl Buffer {
    /// The longest buffer.
    pub(crate) const LEN_MAX: u32 = 1 << 20;
    /// What address and length are multiples of.
    const UNIT: u64 = 8;

    /// A buffer, if it may be one.
    pub(crate) fn new(address: u64, len: u32) -> Option<Self> {
        let aligned = address % Self::UNIT == 0 && u64::from(len) % Self::UNIT == 0;
        let fits = len <= Self::LEN_MAX && address.checked_add(len.into()).is_some();
        (aligned && fits).then_some(Self { address, len })
    }
}

/// What is done at a time, without a look at anything else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// The same for each element.
    Elements {
        what: Elements,
        reads: Vec<Range>,
        write: Range,
    },
    /// Part of a matrix product: `shape.rows` lines of the first matrix are read, then
    /// `shape.depth` of the second.
    Matmul {
        shape: Shape,
        reads: Vec<Range>,
        writes: Vec<Range>,
    },
}

impl Step {
    /// The most elements.
    pub(super) const ELEMENTS: u64 = 16 << 10;
    /// The most columns of a product.
    pub(super) const COLUMNS: u64 = 64;
    /// The most products of numbers, unless a single line has more.
    pub(super) const PRODUCTS: u64 = 128 << 10;
}

/// What comes next in a buffer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// A step of work.
    Step(Step),
    /// A command without steps.
    Command(Command),
    /// Nothing: all is done.
    End,
}

/// A buffer, and how far it is done.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    buffer: Buffer,
    /// Where the next command is.
    at: u32,
    /// The number of commands that were begun.
    begun: u64,
    current: Option<Command>,
    /// How many steps of it are done.
    steps: u64,
}

impl Program {
    /// Nothing of a buffer is done yet.
    pub(crate) fn new(buffer: Buffer) -> Self {
        Self {
            buffer,
            at: 0,
            begun: 0,
            current: None,
            steps: 0,
        }
    }

    /// What comes next. `fetch` reads from GPU addresses. Asking again gives the same until
    /// [`Self::advance`] or [`Self::finish_command`].
    ///
    /// # Errors
    ///
    /// The device has to be stopped.
    pub(crate) fn next(
        &mut self,
        kind: EngineKind,
        mut fetch: impl FnMut(u64, &mut [u8]) -> Result<(), Stop>,
    ) -> Result<Next, Stop> {
        loop {
            let command = match self.current {
                Some(command) => command,
                None if self.at == self.buffer.len => return Ok(Next::End),
                None => self.fetch(kind, &mut fetch)?,
            };
            match command.step(self.steps) {
                Some(step) => return Ok(Next::Step(step)),
                None if self.steps > 0 => self.finish_command(),
                None => return Ok(Next::Command(command)),
            }
        }
    }

    /// The step that [`Self::next`] gave is done.
    pub(crate) fn advance(&mut self) {
        self.steps += 1;
    }

    /// The command that [`Self::next`] gave is done.
    pub(crate) fn finish_command(&mut self) {
        self.current = None;
        self.steps = 0;
    }

    /// What the device is stopped with.
    pub(crate) fn fault(&self, stop: Stop) -> Fault {
        Fault {
            stop,
            command: self.begun,
            buffer: self.buffer.address,
        }
    }

    fn fetch(
        &mut self,
        kind: EngineKind,
        fetch: &mut impl FnMut(u64, &mut [u8]) -> Result<(), Stop>,
    ) -> Result<Command, Stop> {
        self.begun += 1;
        let address = self.buffer.address + u64::from(self.at);
        // CAST: u32 to usize, on a 64-bit host.
        let left = (self.buffer.len - self.at) as usize;
        let mut header = [0; command::HEADER];
        // Lengths are multiples of that of a header.
        fetch(address, &mut header)?;
        let (number, size) = command::header(&header)?;
        if size > left {
            return Err(Stop::Invalid);
        }
        let mut body = vec![0; size - header.len()];
        if !body.is_empty() {
            fetch(address + header.len() as u64, &mut body)?;
        }
        let command = Command::read(number, &body)?;
        if !command.is_known_to(kind) {
            return Err(Stop::Invalid);
        }
        // CAST: no command is longer than 48 bytes.
        self.at += size as u32;
        self.current = Some(command);
        Ok(command)
    }
}
