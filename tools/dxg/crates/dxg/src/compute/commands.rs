// SPDX-License-Identifier: GPL-2.0

//! Command buffers for the software GPUs of gpupv-host.

use super::Fence;

/// The sizes of a matrix product: `rows` × `depth` times `depth` × `columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// Rows of the first matrix and of the product.
    pub rows: u32,
    /// Columns of the second matrix and of the product.
    pub columns: u32,
    /// Columns of the first matrix, and rows of the second.
    pub depth: u32,
}

/// Commands, one after the other. Addresses are the GPU's; the GPU checks all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandBuffer {
    words: Vec<u32>,
}

impl CommandBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills bytes with a word.
    pub fn fill(&mut self, target: u64, bytes: u64, word: u32) -> &mut Self {
        self.push(2, &[target, bytes], &[word, 0])
    }

    /// Copies bytes.
    pub fn copy(&mut self, target: u64, source: u64, bytes: u64) -> &mut Self {
        self.push(3, &[target, source, bytes], &[])
    }

    /// target = x + y
    pub fn add(&mut self, target: u64, x: u64, y: u64, count: u64) -> &mut Self {
        self.push(4, &[target, x, y, count], &[])
    }

    /// target = a * x + y
    pub fn saxpy(&mut self, target: u64, a: f32, x: u64, y: u64, count: u64) -> &mut Self {
        self.push(5, &[target, x, y, count], &[a.to_bits(), 0])
    }

    /// target = first * second
    pub fn matmul(
        &mut self,
        target: u64,
        first: u64,
        second: u64,
        dimensions: Dimensions,
    ) -> &mut Self {
        let Dimensions {
            rows,
            columns,
            depth,
        } = dimensions;
        self.push(6, &[target, first, second], &[rows, columns, depth, 0])
    }

    /// Brings a fence to a value.
    pub fn signal(&mut self, fence: &Fence<'_>, value: u64) -> &mut Self {
        self.write(fence.address(), value)
    }

    /// Writes eight bytes, or signals the fence at this address.
    pub fn write(&mut self, address: u64, value: u64) -> &mut Self {
        self.push(7, &[address, value], &[])
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.words.len() * 4
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The commands as words of 32 bits.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    fn push(&mut self, number: u32, longs: &[u64], words: &[u32]) -> &mut Self {
        // CAST: no command is longer than 48 bytes.
        let size = (8 + 8 * longs.len() + 4 * words.len()) as u32;
        self.words.extend([number, size]);
        for long in longs {
            // CAST: the lower half, and the upper half.
            self.words.extend([*long as u32, (long >> 32) as u32]);
        }
        self.words.extend(words);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of `Documentation/gpu-commands.md`, as it stands there.
    #[test]
    fn commands_are_those_of_the_documentation() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../Documentation/gpu-commands.md"
        );
        let text = std::fs::read_to_string(path).unwrap();
        let (_, example) = text.split_once("## Example").unwrap();
        let mut bytes = Vec::new();
        for line in example.lines().filter(|line| line.starts_with("    ")) {
            let words = line.split_whitespace().take(8);
            bytes.extend(words.map(|byte| u8::from_str_radix(byte, 16).unwrap()));
        }
        let mut buffer = CommandBuffer::new();
        buffer
            .saxpy(0x2_0000, 2.0, 0x1_0000, 0x2_0000, 1024)
            .write(0x8000_0000_1000, 7);
        let ours: Vec<u8> = buffer
            .words()
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        assert_eq!((ours.len(), ours), (buffer.len(), bytes));
    }

    #[test]
    fn sizes_are_those_of_the_table() {
        let dimensions = Dimensions {
            rows: 1,
            columns: 2,
            depth: 3,
        };
        for (size, words) in [
            (32, CommandBuffer::new().fill(4, 8, 1).words()),
            (32, CommandBuffer::new().copy(4, 8, 8).words()),
            (40, CommandBuffer::new().add(4, 8, 12, 1).words()),
            (
                48,
                CommandBuffer::new().matmul(4, 8, 12, dimensions).words(),
            ),
        ] {
            assert_eq!((words.len() * 4, words[1]), (size, size as u32));
        }
    }
}
