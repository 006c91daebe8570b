// SPDX-License-Identifier: GPL-2.0
//! A virtual machine on KVM: memory, virtual CPUs, boot, ACPI, PCI, serial port and power.
//!
//! Nothing in here knows VMBus or GPUs, and of Hyper-V it knows only the shape of the exits that KVM
//! reports ([`exit::Hypervisor`]). The crates above bring the meaning.

pub mod acpi;
pub mod boot;
pub mod bus;
pub mod cpuid;
mod error;
pub mod exit;
pub mod kvm;
pub mod memory;
pub mod pci;
pub mod power;
pub mod reset_vector;
pub mod rtc;
pub mod serial;
pub mod stop;
pub mod vcpu;
pub mod window;

pub use error::{Error, Result};
pub use pci::PciFunction;
/// The guest's RAM.
pub use vm_memory::GuestMemoryMmap as GuestMemory;
