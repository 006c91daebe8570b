// SPDX-License-Identifier: GPL-2.0
//! Loading a Linux kernel and the state in which the first virtual CPU enters it.
//!
//! Kernels boot by the PVH protocol: an ELF image with an entry note. A compressed image is
//! unpacked here, on the host, which is much faster than letting the guest do it.

mod image;
mod pvh;
mod registers;
mod unpack;

pub use image::kernel_elf;
pub use pvh::{load, Boot, Entry};
pub use registers::{boot_msrs, enter};
pub use unpack::{unpack, UnpackError};
