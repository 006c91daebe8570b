// SPDX-License-Identifier: GPL-2.0
//! What is behind a range of GPU addresses, for as long as one step takes.

use super::fault::Stop;

/// Bytes somewhere in the host or the guest.
pub(crate) trait Bytes: Send {
    /// Copies out. Returns whether the bytes are there.
    fn read(&self, into: &mut [u8]) -> bool;

    /// Copies in. Returns whether the bytes are there.
    fn write(&self, from: &[u8]) -> bool;
}

/// Bytes that are in one place.
pub(crate) struct Extent {
    /// Where the GPU sees them.
    pub(crate) address: u64,
    pub(crate) len: usize,
    /// If there is nothing, zeros are read and what is written is dropped.
    pub(crate) bytes: Option<Box<dyn Bytes>>,
}

/// A range of GPU addresses: extents, one after the other.
#[derive(Default)]
pub(crate) struct Span(pub(crate) Vec<Extent>);

impl Span {
    /// Copies out. `into` is as long as the span.
    ///
    /// # Errors
    ///
    /// Bytes are not where they were.
    pub(crate) fn read(&self, into: &mut [u8]) -> Result<(), Stop> {
        let mut left = into;
        for extent in &self.0 {
            let (part, rest) = left.split_at_mut(extent.len.min(left.len()));
            left = rest;
            match &extent.bytes {
                None => part.fill(0),
                Some(bytes) if bytes.read(part) => {}
                Some(_) => return Err(extent.fault(false)),
            }
        }
        Ok(())
    }

    /// Copies in. `from` is as long as the span.
    ///
    /// # Errors
    ///
    /// Bytes are not where they were.
    pub(crate) fn write(&self, from: &[u8]) -> Result<(), Stop> {
        let mut left = from;
        for extent in &self.0 {
            let (part, rest) = left.split_at(extent.len.min(left.len()));
            left = rest;
            match &extent.bytes {
                None => {}
                Some(bytes) if bytes.write(part) => {}
                Some(_) => return Err(extent.fault(true)),
            }
        }
        Ok(())
    }

    /// The numbers in it.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub(super) fn numbers(&self) -> Result<Vec<f32>, Stop> {
        let mut bytes = vec![0; self.len()];
        self.read(&mut bytes)?;
        let number = |word: &[u8]| f32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        Ok(bytes.chunks_exact(4).map(number).collect())
    }

    /// Replaces the numbers in it.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub(super) fn set_numbers(&self, numbers: &[f32]) -> Result<(), Stop> {
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.write(&bytes)
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|extent| extent.len).sum()
    }
}

impl Extent {
    fn fault(&self, write: bool) -> Stop {
        let address = self.address;
        Stop::PageFault { address, write }
    }
}
