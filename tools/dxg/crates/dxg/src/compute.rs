// SPDX-License-Identifier: GPL-2.0

//! Having an adapter compute something: devices, memory, contexts, fences and command buffers.
//!
//! What lies in a command buffer is between a program and the GPU. [`CommandBuffer`] has the commands of
//! the software GPUs of gpupv-host (`Documentation/gpu-commands.md`); a real GPU understands others.

mod allocation;
mod commands;
mod context;
mod device;
mod paging_queue;
#[cfg(test)]
mod tests;

pub use allocation::{Allocation, MappedAllocation, Placement, View};
pub use commands::{CommandBuffer, Dimensions};
pub use context::{Context, Fence};
pub use device::{Device, ExecutionState, PageFault};
pub use paging_queue::PagingQueue;
