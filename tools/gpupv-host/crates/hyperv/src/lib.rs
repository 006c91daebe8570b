// SPDX-License-Identifier: GPL-2.0
//! What Hyper-V adds to a KVM virtual machine: CPUID, synthetic interrupts and hypercalls.
//!
//! KVM does much of the work. What is left to user space is the CPUID that makes a guest believe it,
//! the message slots and event flags in guest memory, and the two hypercalls by which the guest talks
//! to the host. VMBus sits above, behind the traits [`Partition`] and [`MessagePort`].

mod capability;
pub mod cpuid;
mod error;
pub mod hypercall;
mod ioctl;
mod lazy_eoi;
mod msr;
mod partition;
mod setup;
mod synic;
mod traits;

pub use capability::{missing_for_direct_use, Missing};
pub use error::{Error, Result};
pub use partition::{EndOfInterrupt, HypervPartition};
pub use traits::{MessagePort, Partition, PostStatus, MAX_MESSAGE};
