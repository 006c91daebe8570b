// SPDX-License-Identifier: GPL-2.0

//! Devices: what a program uses an adapter through.

use crate::{
    adapter::Adapter,
    connection::Connection,
    driver::ComputeCall,
    uapi::{
        adapter::Handle,
        compute::{CreateDevice, DestroyDevice, GetDeviceState, STATE_EXECUTION, STATE_PAGE_FAULT},
    },
    Error, Function, Result,
};
use std::fmt;

/// A device. All that is made with it must go before.
pub struct Device<'a> {
    adapter: &'a Adapter,
    handle: Handle,
}

impl<'a> Device<'a> {
    pub(crate) fn new(adapter: &'a Adapter) -> Result<Self> {
        let mut arguments = CreateDevice {
            adapter: adapter.handle(),
            ..CreateDevice::default()
        };
        adapter
            .connection()
            .call(Function::of::<CreateDevice>(), |driver| {
                driver.compute(ComputeCall::CreateDevice(&mut arguments))
            })?;
        Ok(Self {
            adapter,
            handle: arguments.device,
        })
    }

    /// The adapter.
    pub fn adapter(&self) -> &'a Adapter {
        self.adapter
    }

    pub(crate) fn connection(&self) -> &'a Connection {
        self.adapter.connection()
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// How well the device is.
    pub fn state(&self) -> Result<ExecutionState> {
        let answer = self.ask(STATE_EXECUTION)?;
        // The answer is the first word.
        let first = answer.state.faulted_primitive_api_sequence_number;
        Ok(ExecutionState(first as u32))
    }

    /// What stopped the device, if that was a fault.
    pub fn page_fault(&self) -> Result<Option<PageFault>> {
        let fault = self.ask(STATE_PAGE_FAULT)?.state;
        let command = fault.faulted_primitive_api_sequence_number;
        Ok((command != 0).then_some(PageFault {
            command,
            write: fault.page_fault_flags & 1 != 0,
            code: fault.fault_error_code,
            address: fault.faulted_virtual_address,
        }))
    }

    /// An error that says why the device has stopped, if it has.
    pub(crate) fn check(&self) -> Result<()> {
        match self.state()? {
            ExecutionState::ACTIVE => Ok(()),
            state => Err(Error::Stopped {
                state,
                fault: self.page_fault().unwrap_or_default(),
            }),
        }
    }

    fn ask(&self, state_type: u32) -> Result<GetDeviceState> {
        let mut arguments = GetDeviceState {
            device: self.handle,
            state_type,
            ..GetDeviceState::default()
        };
        self.connection()
            .call(Function::of::<GetDeviceState>(), |driver| {
                driver.compute(ComputeCall::GetDeviceState(&mut arguments))
            })?;
        Ok(arguments)
    }
}

impl Drop for Device<'_> {
    fn drop(&mut self) {
        let mut arguments = DestroyDevice {
            device: self.handle,
        };
        // Nothing can be done about a failure here.
        let _ = self
            .connection()
            .call(Function::of::<DestroyDevice>(), |driver| {
                driver.compute(ComputeCall::DestroyDevice(&mut arguments))
            });
    }
}

impl fmt::Debug for Device<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("adapter", self.adapter)
            .field("handle", &format_args!("{:#x}", self.handle.0))
            .finish()
    }
}

/// How well a device is: a number of `D3DKMT_DEVICEEXECUTION_STATE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionState(pub u32);

impl ExecutionState {
    /// It works.
    pub const ACTIVE: Self = Self(1);
}

impl fmt::Display for ExecutionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            1 => "active",
            2 => "reset",
            3 => "hung",
            4 => "stopped",
            5 => "out of memory",
            6 => "DMA fault",
            7 => "page fault",
            other => return f.pad(&format!("state {other}")),
        })
    }
}

/// What stopped a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageFault {
    /// The number of the command in its buffer, counted from 1.
    pub command: u64,
    /// Whether something was to be written.
    pub write: bool,
    /// Bit 0 tells whether the code in the other bits is the device's own; 0 for a page fault.
    pub code: u32,
    /// The GPU address.
    pub address: u64,
}

impl fmt::Display for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.write { "write to" } else { "read of" };
        match self.code {
            0 => write!(f, "{what} {:#x}", self.address)?,
            code if code & 1 != 0 => write!(f, "code {:#x}", code >> 1)?,
            code => write!(f, "error {}", code >> 1)?,
        }
        write!(f, " by command {}", self.command)
    }
}
