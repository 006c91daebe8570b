// SPDX-License-Identifier: GPL-2.0

//! Paging queues: they bring memory to where the GPU reaches it.

use super::Device;
use crate::{
    driver::{ComputeCall, Mapping},
    uapi::{
        adapter::Handle,
        compute::{CreatePagingQueue, DestroyPagingQueue, WaitFromCpu},
    },
    Function, NtStatus, Result,
};

/// A paging queue.
pub struct PagingQueue<'a> {
    device: &'a Device<'a>,
    handle: Handle,
    fence: Handle,
    value: Mapping,
}

impl<'a> PagingQueue<'a> {
    /// A queue of normal priority.
    pub fn new(device: &'a Device<'a>) -> Result<Self> {
        let mut arguments = CreatePagingQueue {
            device: device.handle(),
            ..CreatePagingQueue::default()
        };
        let value = device
            .connection()
            .give(Function::of::<CreatePagingQueue>(), |driver| {
                driver.create_paging_queue(&mut arguments)
            })?;
        Ok(Self {
            device,
            handle: arguments.paging_queue,
            fence: arguments.sync_object,
            value,
        })
    }

    /// The device.
    pub fn device(&self) -> &'a Device<'a> {
        self.device
    }

    pub(super) fn handle(&self) -> Handle {
        self.handle
    }

    /// Waits until an operation is done that has ended in a status and a value of the fence.
    pub(super) fn wait(&self, status: NtStatus, value: u64) -> Result<()> {
        if status == NtStatus::PENDING && self.value.value() < value {
            wait(self.device, self.fence, value)?;
        }
        Ok(())
    }
}

impl Drop for PagingQueue<'_> {
    fn drop(&mut self) {
        let mut arguments = DestroyPagingQueue {
            paging_queue: self.handle,
        };
        // Nothing can be done about a failure here.
        let function = Function::of::<DestroyPagingQueue>();
        let _ = self.device.connection().call(function, |driver| {
            driver.compute(ComputeCall::DestroyPagingQueue(&mut arguments))
        });
    }
}

/// Sleeps until a fence has a value.
pub(super) fn wait(device: &Device<'_>, fence: Handle, value: u64) -> Result<()> {
    let mut arguments = WaitFromCpu {
        device: device.handle(),
        ..WaitFromCpu::default()
    };
    let function = Function::of::<WaitFromCpu>();
    device
        .connection()
        .call(function, |driver| driver.wait(&mut arguments, fence, value))
        .map(drop)
}
