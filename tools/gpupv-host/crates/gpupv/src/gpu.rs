// SPDX-License-Identifier: GPL-2.0
//! The software GPU: what command buffers say, and what becomes of it.
//!
//! A buffer is worked through command by command, and each command in *steps* of bounded size
//! ([`Program`]). A step is addresses only; the host translates them, for a moment, into the bytes
//! behind them ([`Span`]), and then its arithmetic is done on those ([`Piece`]). Between two steps
//! an engine may turn to another context, and memory may move or go.
//!
//! `Documentation/gpu-commands.md` describes the commands.

mod command;
mod fault;
mod piece;
mod program;
mod span;

#[cfg(test)]
mod tests;

pub(crate) use command::{Command, Range};
pub(crate) use fault::{Fault, Stop};
pub(crate) use piece::Piece;
pub(crate) use program::{Buffer, Next, Program};
pub(crate) use span::{Bytes, Extent, Span};
