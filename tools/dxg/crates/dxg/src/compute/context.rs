// SPDX-License-Identifier: GPL-2.0

//! Contexts, which take work, and the fences that tell when it is done.

use super::{paging_queue::wait, CommandBuffer, Device, MappedAllocation};
use crate::{
    driver::{ComputeCall, Mapping},
    uapi::{
        adapter::Handle,
        compute::{
            CreateContextVirtual, CreateSynchronizationObject, DestroyContext,
            DestroySynchronizationObject, SubmitCommand,
        },
    },
    Error, Function, Result,
};

/// A monitored fence: a number that GPU and program see.
pub struct Fence<'a> {
    device: &'a Device<'a>,
    handle: Handle,
    address: u64,
    value: Mapping,
}

impl<'a> Fence<'a> {
    /// A fence with the value 0.
    pub fn new(device: &'a Device<'a>) -> Result<Self> {
        let mut arguments = CreateSynchronizationObject {
            device: device.handle(),
            ..CreateSynchronizationObject::default()
        };
        let function = Function::of::<CreateSynchronizationObject>();
        let value = device
            .connection()
            .give(function, |driver| driver.create_fence(&mut arguments))?;
        Ok(Self {
            device,
            handle: arguments.sync_object,
            address: arguments.fence_gpu_virtual_address,
            value,
        })
    }

    /// Its value now.
    pub fn value(&self) -> u64 {
        self.value.value()
    }

    /// Where the GPU sees it.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Sleeps until it has at least this value.
    ///
    /// # Errors
    ///
    /// [`Error::Stopped`] if the device was stopped meanwhile: then fences jump to their end.
    pub fn wait(&self, value: u64) -> Result<()> {
        if self.value() < value {
            wait(self.device, self.handle, value)?;
        }
        self.device.check()
    }
}

impl Drop for Fence<'_> {
    fn drop(&mut self) {
        let mut arguments = DestroySynchronizationObject {
            sync_object: self.handle,
        };
        let function = Function::of::<DestroySynchronizationObject>();
        // Nothing can be done about a failure here.
        let _ = self.device.connection().call(function, |driver| {
            driver.compute(ComputeCall::DestroySync(&mut arguments))
        });
    }
}

/// A context on one engine.
pub struct Context<'a> {
    device: &'a Device<'a>,
    handle: Handle,
}

impl<'a> Context<'a> {
    /// A context on the engine with this number.
    pub fn new(device: &'a Device<'a>, engine: u16) -> Result<Self> {
        let mut arguments = CreateContextVirtual {
            device: device.handle(),
            node_ordinal: engine.into(),
            engine_affinity: 1,
            ..CreateContextVirtual::default()
        };
        let function = Function::of::<CreateContextVirtual>();
        device.connection().call(function, |driver| {
            driver.compute(ComputeCall::CreateContext(&mut arguments))
        })?;
        Ok(Self {
            device,
            handle: arguments.context,
        })
    }

    /// Submits commands. They are copied to the start of `memory`, where nothing else may be of which
    /// the GPU is not done.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if they do not fit, or as the driver says.
    pub fn submit(&self, commands: &CommandBuffer, memory: &MappedAllocation<'_>) -> Result<()> {
        let bytes = commands.len();
        if bytes > memory.bytes() {
            return Err(Error::TooLarge { bytes });
        }
        memory.lock()?.write_words(0, commands.words());
        let mut arguments = SubmitCommand {
            command_buffer: memory.address(),
            // CAST: as long as a `CommandBuffer`, which has a limit.
            command_length: bytes as u32,
            broadcast_context_count: 1,
            ..SubmitCommand::default()
        };
        arguments.broadcast_context[0] = self.handle;
        self.device
            .connection()
            .call(Function::of::<SubmitCommand>(), |driver| {
                driver.compute(ComputeCall::Submit(&mut arguments))
            })
            .map(drop)
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        let mut arguments = DestroyContext {
            context: self.handle,
        };
        let function = Function::of::<DestroyContext>();
        // Nothing can be done about a failure here.
        let _ = self.device.connection().call(function, |driver| {
            driver.compute(ComputeCall::DestroyContext(&mut arguments))
        });
    }
}
