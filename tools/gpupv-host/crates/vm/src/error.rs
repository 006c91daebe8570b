// SPDX-License-Identifier: GPL-2.0
//! What can go wrong while a machine is set up.

use std::io;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a machine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A KVM call failed.
    #[error("KVM cannot {what}: {source}")]
    Kvm {
        /// What was asked of KVM.
        what: &'static str,
        /// What KVM answered.
        source: kvm_ioctls::Error,
    },

    /// KVM took only some of the registers given to it.
    #[error("KVM refuses to set model specific register {0:#x}")]
    Msr(u32),

    /// The memory does not fit into the guest's physical address space.
    #[error("{0}")]
    Layout(String),

    /// The host cannot provide the guest's memory.
    #[error("cannot allocate the guest's memory: {0}")]
    Memory(String),

    /// Something would be written outside of the guest's RAM.
    #[error("cannot write {what} to guest memory: {source}")]
    GuestWrite {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        source: vm_memory::GuestMemoryError,
    },

    /// The kernel image cannot be booted.
    #[error("cannot boot this kernel: {0}")]
    Kernel(String),

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
    /// For `map_err`: names what KVM was asked to do.
    pub fn kvm(what: &'static str) -> impl FnOnce(kvm_ioctls::Error) -> Error {
        move |source| Error::Kvm { what, source }
    }

    /// For `map_err`: names the system call.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { what, source }
    }
}
