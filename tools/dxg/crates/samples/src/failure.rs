// SPDX-License-Identifier: GPL-2.0

//! How the programs fail.

use std::path::PathBuf;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The driver or the device.
    #[error(transparent)]
    Dxg(#[from] dxg::Error),
    /// The input cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something in the input is no number.
    #[error("{}, line {line}: \"{text}\" is not a number", path.display())]
    NotANumber {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        line: usize,
        /// What is there.
        text: String,
    },
    /// The input has too few numbers.
    #[error("{wanted} numbers are needed, {found} are there")]
    TooFew {
        /// How many there should be.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// No engine of the adapter computes.
    #[error("no engine of the adapter computes")]
    NoEngine,
    /// CPU and GPU do not agree.
    #[error("number {position} is {found}, the CPU says {expected}")]
    Wrong {
        /// Which number.
        position: usize,
        /// What the GPU says.
        found: f32,
        /// What the CPU says.
        expected: f32,
    },
}
