// SPDX-License-Identifier: GPL-2.0

//! What the sample programs have in common: their options, their numbers and the work itself.
//!
//! They use the commands of gpupv-host's software GPUs, see `Documentation/gpu-commands.md`.

#![forbid(unsafe_code)]

mod failure;
mod job;
mod numbers;

pub use failure::Failure;
pub use job::{report, Computed, Job, Options};
pub use numbers::{first_difference, generate, read_numbers};
