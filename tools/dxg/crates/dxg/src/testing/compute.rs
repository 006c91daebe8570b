// SPDX-License-Identifier: GPL-2.0

//! Objects made of data: they are counted and checked, and nothing is computed.

use super::FakeDriver;
use crate::{
    driver::{ComputeCall, ComputeDriver, Mapping, Outcome, PAGE},
    uapi::{adapter::Handle, compute::*},
    Errno, NtStatus,
};
use std::collections::BTreeMap;

/// Where the first mapping is.
const FIRST_ADDRESS: u64 = 0x1_0000;

/// The objects of a [`FakeDriver`].
#[derive(Default)]
pub(super) struct Objects {
    /// What each one is, and the device that it hangs on.
    all: BTreeMap<u32, (&'static str, u32)>,
    made: u32,
    mapped: BTreeMap<u64, u64>,
    locked: usize,
    /// How the devices are; 0 for active.
    state: u32,
    refused: Option<&'static str>,
    submitted: Vec<SubmitCommand>,
}

impl Objects {
    fn make(&mut self, kind: &'static str, parent: Handle) -> Result<Handle, Errno> {
        if self.refused == Some(kind) {
            return Err(Errno(libc::ENOMEM));
        }
        if parent != Handle(0) && !self.all.contains_key(&parent.0) {
            return Err(Errno::EINVAL);
        }
        self.made += 1;
        let handle = 0x8000_0000 + self.made;
        self.all.insert(handle, (kind, parent.0));
        Ok(Handle(handle))
    }

    fn end(&mut self, kind: &'static str, handle: Handle) -> Outcome {
        let orphans = self.all.values().any(|(_, parent)| *parent == handle.0);
        assert!(!orphans, "{kind} {:#x} goes before its children", handle.0);
        match self.all.remove(&handle.0) {
            Some((found, _)) if found == kind => Ok(NtStatus::SUCCESS),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl FakeDriver {
    /// How many objects, mappings and locks there are.
    pub fn objects(&self) -> usize {
        let objects = &self.state().objects;
        objects.all.len() + objects.mapped.len() + objects.locked
    }

    /// Refuses to make objects of a kind from now on.
    pub fn refuse_objects(&self, kind: &'static str) {
        self.state().objects.refused = Some(kind);
    }

    /// Stops all devices with an execution state.
    pub fn stop_devices(&self, state: u32) {
        self.state().objects.state = state;
    }

    /// What was submitted.
    pub fn submitted(&self) -> Vec<SubmitCommand> {
        self.state().objects.submitted.clone()
    }
}

impl ComputeDriver for FakeDriver {
    fn compute(&self, call: ComputeCall<'_>) -> Outcome {
        let objects = &mut self.state().objects;
        match call {
            ComputeCall::CreateDevice(args) => args.device = objects.make("device", Handle(0))?,
            ComputeCall::DestroyDevice(args) => return objects.end("device", args.device),
            ComputeCall::GetDeviceState(args) => {
                let state = u64::from(objects.state.max(1));
                if args.state_type == STATE_EXECUTION {
                    args.state.faulted_primitive_api_sequence_number = state;
                } else if state == 7 {
                    args.state = PageFaultState {
                        faulted_primitive_api_sequence_number: 2,
                        page_fault_flags: 1,
                        faulted_virtual_address: 0x5000,
                        ..PageFaultState::default()
                    };
                }
            }
            ComputeCall::CreateContext(args) => {
                args.context = objects.make("context", args.device)?;
            }
            ComputeCall::DestroyContext(args) => return objects.end("context", args.context),
            ComputeCall::DestroyPagingQueue(args) => {
                return objects.end("paging queue", args.paging_queue);
            }
            ComputeCall::DestroySync(args) => return objects.end("fence", args.sync_object),
            ComputeCall::Unlock(_) => objects.locked -= 1,
            ComputeCall::Map(args) => {
                if objects.refused == Some("mapping") {
                    return Err(Errno(libc::ENOMEM));
                }
                let after = |(start, pages): (&u64, &u64)| start + pages * PAGE as u64;
                let next = objects.mapped.iter().next_back().map(after);
                args.virtual_address = next.unwrap_or(FIRST_ADDRESS);
                let pages = args.size_in_pages;
                objects.mapped.insert(args.virtual_address, pages);
            }
            ComputeCall::Free(args) => {
                let pages = objects.mapped.remove(&args.base_address);
                assert_eq!(pages.map(|pages| pages * PAGE as u64), Some(args.size));
            }
            ComputeCall::Submit(args) => objects.submitted.push(*args),
        }
        Ok(NtStatus::SUCCESS)
    }

    fn create_paging_queue(&self, arguments: &mut CreatePagingQueue) -> Result<Mapping, Errno> {
        let objects = &mut self.state().objects;
        arguments.paging_queue = objects.make("paging queue", arguments.device)?;
        Mapping::allocate(PAGE).ok_or(Errno(libc::ENOMEM))
    }

    fn create_fence(&self, arguments: &mut CreateSynchronizationObject) -> Result<Mapping, Errno> {
        let objects = &mut self.state().objects;
        arguments.sync_object = objects.make("fence", arguments.device)?;
        arguments.fence_gpu_virtual_address = 0x8000_0000_1000;
        Mapping::allocate(PAGE).ok_or(Errno(libc::ENOMEM))
    }

    fn wait(&self, _arguments: &mut WaitFromCpu, _object: Handle, _value: u64) -> Outcome {
        Ok(NtStatus::SUCCESS)
    }

    fn create_allocation(
        &self,
        arguments: &mut CreateAllocation,
        info: &mut AllocationInfo,
        _data: &mut [u8],
        _memory: Option<&Mapping>,
    ) -> Outcome {
        let objects = &mut self.state().objects;
        info.allocation = objects.make("allocation", arguments.device)?;
        Ok(NtStatus::SUCCESS)
    }

    fn destroy_allocation(&self, _arguments: &mut DestroyAllocation, handle: Handle) -> Outcome {
        self.state().objects.end("allocation", handle)
    }

    fn make_resident(&self, _arguments: &mut MakeResident, _handle: Handle) -> Outcome {
        Ok(NtStatus::SUCCESS)
    }

    fn lock(&self, _arguments: &mut Lock, bytes: usize) -> Result<Mapping, Errno> {
        self.state().objects.locked += 1;
        Mapping::allocate(bytes).ok_or(Errno(libc::ENOMEM))
    }
}
