// SPDX-License-Identifier: GPL-2.0
//! What can go wrong while a partition is set up.

use std::io;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a partition could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The virtual machine refused something.
    #[error(transparent)]
    Vm(#[from] vm::Error),

    /// KVM does not implement a feature that the guest is to be offered.
    #[error("this KVM does not implement {0}")]
    Unsupported(String),

    /// An operating system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { what, source }
    }
}
