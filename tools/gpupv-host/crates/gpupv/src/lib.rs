// SPDX-License-Identifier: GPL-2.0
//! The GPU-PV host: what a Windows host shows a guest of its GPUs.
//!
//! Each adapter is a PCI function (its configuration space says which channel belongs to it) and a
//! VMBus channel; one more channel, the global one, belongs to the virtual machine. [`GpuPvHost`]
//! makes all of them from [`AdapterDescription`]s. Every answer is computed from the description
//! and from what the guest has done; the message code holds no answers of its own.
//!
//! * [`wire`]: messages as bytes;
//! * [`packet`]: from the payload of a packet to a command;
//! * [`command`]: what commands there are, and how each one fails;
//! * [`adapter`]: descriptions, and how they are written on a command line;
//! * [`trace`]: each message as it comes;
//! * [`report`]: what the guest did, right and wrong.

#![forbid(unsafe_code)]

pub mod adapter;
mod address_space;
mod allocation;
pub mod allocation_data;
pub mod behaviour;
mod budget;
pub mod command;
mod device;
mod engine;
mod feature;
mod fence;
mod global;
mod gpu;
pub mod handles;
mod host;
mod identity;
mod io_space;
mod memory;
pub mod objects;
pub mod packet;
mod payload;
mod pci;
mod process;
mod query;
mod queue_data;
mod queues;
pub mod report;
mod statistics;
mod status;
mod sync;
pub mod trace;
mod vgpu;
pub mod wire;

pub use adapter::AdapterDescription;
pub use behaviour::Behaviour;
pub use host::{Config, ConfigError, FunctionMaker, GpuPvHost, ObjectCounter, StartHold};
pub use identity::{Identity, GLOBAL_CLASS, VGPU_CLASS};
pub use io_space::{GuestWindow, WindowMemory};
pub use memory::GuestMemory;
pub use pci::{HostConfigBlock, VgpuFunction};
pub use query::private_blob;
pub use report::{Report, Verdict};
pub use status::NtStatus;
