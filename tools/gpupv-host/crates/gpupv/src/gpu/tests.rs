// SPDX-License-Identifier: GPL-2.0
//! Programs on memory of our own.

mod commands;
mod hostile;

use std::sync::{Arc, Mutex};

use super::command::Range;
use super::program::Next;
use super::{Buffer, Bytes, Command, Extent, Piece, Program, Span, Stop};
use crate::adapter::EngineKind;

const PAGE: u64 = 4096;
/// Where memory begins.
const BASE: u64 = 0x10_0000;
/// Where the buffer is.
const BUFFER: u64 = BASE;
/// Where there is room for data.
const DATA: u64 = BASE + 0x1_0000;

/// Memory whose pages lie anywhere. All of it but the pages of `readable` may be written.
struct Flat {
    pages: Vec<Arc<Mutex<Vec<u8>>>>,
    read_only: Vec<u64>,
}

struct Part {
    page: Arc<Mutex<Vec<u8>>>,
    offset: usize,
}

impl Bytes for Part {
    fn read(&self, into: &mut [u8]) -> bool {
        let page = self.page.lock().unwrap();
        into.copy_from_slice(&page[self.offset..self.offset + into.len()]);
        true
    }

    fn write(&self, from: &[u8]) -> bool {
        let mut page = self.page.lock().unwrap();
        page[self.offset..self.offset + from.len()].copy_from_slice(from);
        true
    }
}

impl Flat {
    fn new(pages: u64) -> Self {
        let page = |_| Arc::new(Mutex::new(vec![0; PAGE as usize]));
        Self {
            pages: (0..pages).map(page).collect(),
            read_only: Vec::new(),
        }
    }

    fn end(&self) -> u64 {
        BASE + self.pages.len() as u64 * PAGE
    }

    fn span(&self, range: Range, write: bool) -> Result<Span, Stop> {
        let mut extents = Vec::new();
        let mut address = range.address;
        // No overflow: programs have checked that.
        let end = range.address + range.len;
        while address < end {
            let page = address.checked_sub(BASE).map(|offset| offset / PAGE);
            let found = page.and_then(|page| self.pages.get(page as usize));
            let allowed = !write || page.is_none_or(|page| !self.read_only.contains(&page));
            let page = found.filter(|_| allowed);
            let page = page.ok_or(Stop::PageFault { address, write })?;
            let len = (end - address).min(PAGE - address % PAGE) as usize;
            let part = Part {
                page: Arc::clone(page),
                offset: (address % PAGE) as usize,
            };
            extents.push(Extent {
                address,
                len,
                bytes: Some(Box::new(part)),
            });
            address += len as u64;
        }
        Ok(Span(extents))
    }

    fn put(&self, address: u64, bytes: &[u8]) {
        let len = bytes.len() as u64;
        let span = self.span(Range { address, len }, false).unwrap();
        span.write(bytes).unwrap();
    }

    fn get(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let len = len as u64;
        let span = self.span(Range { address, len }, false).unwrap();
        span.read(&mut bytes).unwrap();
        bytes
    }

    fn put_numbers(&self, address: u64, numbers: &[f32]) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.put(address, &bytes);
    }

    fn numbers(&self, address: u64, count: usize) -> Vec<f32> {
        let bytes = self.get(address, 4 * count);
        let number = |word: &[u8]| f32::from_le_bytes(word.try_into().unwrap());
        bytes.chunks_exact(4).map(number).collect()
    }

    /// Executes a buffer. Returns the commands without steps.
    fn run_on(&self, kind: EngineKind, bytes: &[u8]) -> Result<Vec<Command>, Stop> {
        self.put(BUFFER, bytes);
        let buffer = Buffer::new(BUFFER, bytes.len() as u32).unwrap();
        let mut program = Program::new(buffer);
        let mut seen = Vec::new();
        loop {
            let next = program.next(kind, |address, into| {
                let len = into.len() as u64;
                self.span(Range { address, len }, false)?.read(into)
            })?;
            match next {
                Next::End => return Ok(seen),
                Next::Command(command) => {
                    seen.push(command);
                    program.finish_command();
                }
                Next::Step(step) => {
                    Piece::new(&step, |range, write| self.span(range, write))?.run()?;
                    program.advance();
                }
            }
        }
    }

    fn run(&self, bytes: &[u8]) -> Result<Vec<Command>, Stop> {
        self.run_on(EngineKind::ThreeD, bytes)
    }
}

/// A command: its number, addresses or counts, and words.
fn command(number: u32, longs: &[u64], words: &[u32]) -> Vec<u8> {
    let len = 8 + 8 * longs.len() + 4 * words.len();
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend((len as u32).to_le_bytes());
    bytes.extend(longs.iter().flat_map(|long| long.to_le_bytes()));
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// Numbers that are the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    fn floats(&mut self, count: usize) -> Vec<f32> {
        let mut float = || (self.below(2001) as f32 - 1000.0) / 64.0;
        (0..count).map(|_| float()).collect()
    }
}
