// SPDX-License-Identifier: GPL-2.0

//! Memory for the GPU.

use super::{Device, PagingQueue};
use crate::{
    driver::{ComputeCall, Mapping, PAGE},
    uapi::{
        adapter::Handle,
        compute::{
            AllocationInfo, CreateAllocation, DestroyAllocation, FreeGpuVirtualAddress, Lock,
            MakeResident, MapGpuVirtualAddress, Unlock, PROTECTION_WRITE,
        },
    },
    Error, Function, Result,
};

/// Where the memory of an allocation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// On the host; the program sees it while it is locked.
    Host,
    /// In this program, and lent to the host.
    Program,
}

/// An allocation.
pub struct Allocation<'a> {
    device: &'a Device<'a>,
    handle: Handle,
    bytes: usize,
    /// Memory of the program's own.
    own: Option<Mapping>,
}

/// What the driver of gpupv-host's adapters is told of an allocation.
fn driver_data(bytes: usize) -> [u8; 32] {
    let mut data = [0; 32];
    data[..4].copy_from_slice(b"GPVA");
    data[4] = 32;
    data[8] = 1;
    data[16..24].copy_from_slice(&(bytes as u64).to_le_bytes());
    data
}

impl<'a> Allocation<'a> {
    /// An allocation of at least so many bytes; their number is rounded up to whole pages.
    pub fn new(device: &'a Device<'a>, bytes: usize, placement: Placement) -> Result<Self> {
        let function = Function::of::<CreateAllocation>();
        let problem = || Error::TooLarge { bytes };
        let bytes = bytes
            .max(1)
            .checked_next_multiple_of(PAGE)
            .ok_or_else(problem)?;
        let own = match placement {
            Placement::Host => None,
            Placement::Program => Some(Mapping::allocate(bytes).ok_or_else(problem)?),
        };
        let mut arguments = CreateAllocation {
            device: device.handle(),
            ..CreateAllocation::default()
        };
        let (mut info, mut data) = (AllocationInfo::default(), driver_data(bytes));
        device.connection().call(function, |driver| {
            driver.create_allocation(&mut arguments, &mut info, &mut data, own.as_ref())
        })?;
        Ok(Self {
            device,
            handle: info.allocation,
            bytes,
            own,
        })
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Lets the program see the memory.
    pub fn lock(&self) -> Result<View<'_>> {
        let shown = match self.own {
            Some(_) => None,
            None => {
                let mut arguments = Lock {
                    device: self.device.handle(),
                    allocation: self.handle,
                    ..Lock::default()
                };
                let function = Function::of::<Lock>();
                let shown = self
                    .device
                    .connection()
                    .give(function, |driver| driver.lock(&mut arguments, self.bytes))?;
                Some(shown)
            }
        };
        Ok(View {
            allocation: self,
            shown,
        })
    }

    /// Makes the memory resident and gives it a GPU address; waits until that is done.
    pub fn map(self, queue: &'a PagingQueue<'a>) -> Result<MappedAllocation<'a>> {
        let connection = self.device.connection();
        let mut resident = MakeResident {
            paging_queue: queue.handle(),
            ..MakeResident::default()
        };
        let status = connection.call(Function::of::<MakeResident>(), |driver| {
            driver.make_resident(&mut resident, self.handle)
        })?;
        queue.wait(status, resident.paging_fence_value)?;
        let mut map = MapGpuVirtualAddress {
            paging_queue: queue.handle(),
            allocation: self.handle,
            size_in_pages: (self.bytes / PAGE) as u64,
            protection: PROTECTION_WRITE,
            ..MapGpuVirtualAddress::default()
        };
        let status = connection.call(Function::of::<MapGpuVirtualAddress>(), |driver| {
            driver.compute(ComputeCall::Map(&mut map))
        })?;
        let mapped = MappedAllocation {
            allocation: self,
            address: map.virtual_address,
        };
        queue.wait(status, map.paging_fence_value)?;
        Ok(mapped)
    }
}

impl Drop for Allocation<'_> {
    fn drop(&mut self) {
        let mut arguments = DestroyAllocation {
            device: self.device.handle(),
            ..DestroyAllocation::default()
        };
        let function = Function::of::<DestroyAllocation>();
        let destroyed = self.device.connection().call(function, |driver| {
            driver.destroy_allocation(&mut arguments, self.handle)
        });
        if destroyed.is_err() {
            // The GPU may still write there.
            std::mem::forget(self.own.take());
        }
    }
}

/// The memory of an allocation, as the program sees it.
pub struct View<'a> {
    allocation: &'a Allocation<'a>,
    /// Memory of the host.
    shown: Option<Mapping>,
}

impl View<'_> {
    fn memory(&self) -> Option<&Mapping> {
        self.shown.as_ref().or(self.allocation.own.as_ref())
    }

    /// Reads numbers, from a position counted in numbers on.
    ///
    /// # Panics
    ///
    /// They are not within the memory.
    pub fn read(&self, first: usize, into: &mut [f32]) {
        let mut words = vec![0; into.len()];
        self.read_words(first, &mut words);
        for (number, word) in into.iter_mut().zip(words) {
            *number = f32::from_bits(word);
        }
    }

    /// Writes numbers, from a position counted in numbers on.
    ///
    /// # Panics
    ///
    /// They are not within the memory.
    pub fn write(&self, first: usize, from: &[f32]) {
        let words: Vec<u32> = from.iter().map(|number| number.to_bits()).collect();
        self.write_words(first, &words);
    }

    /// Reads words of 32 bits.
    ///
    /// # Panics
    ///
    /// As [`Self::read`].
    pub fn read_words(&self, first: usize, into: &mut [u32]) {
        if let Some(memory) = self.memory() {
            memory.read(first, into);
        }
    }

    /// Writes words of 32 bits.
    ///
    /// # Panics
    ///
    /// As [`Self::write`].
    pub fn write_words(&self, first: usize, from: &[u32]) {
        if let Some(memory) = self.memory() {
            memory.write(first, from);
        }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        if self.shown.take().is_none() {
            return;
        }
        let device = self.allocation.device;
        let mut arguments = Unlock {
            device: device.handle(),
            allocation: self.allocation.handle,
        };
        // Nothing can be done about a failure here.
        let _ = device
            .connection()
            .call(Function::of::<Unlock>(), |driver| {
                driver.compute(ComputeCall::Unlock(&mut arguments))
            });
    }
}

/// An allocation that the GPU reaches.
pub struct MappedAllocation<'a> {
    allocation: Allocation<'a>,
    address: u64,
}

impl<'a> MappedAllocation<'a> {
    /// Makes an allocation and maps it.
    pub fn new(queue: &'a PagingQueue<'a>, bytes: usize, placement: Placement) -> Result<Self> {
        Allocation::new(queue.device(), bytes, placement)?.map(queue)
    }

    /// Where the GPU sees it.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.allocation.bytes()
    }

    /// Lets the program see the memory.
    pub fn lock(&self) -> Result<View<'_>> {
        self.allocation.lock()
    }
}

impl Drop for MappedAllocation<'_> {
    fn drop(&mut self) {
        let device = self.allocation.device;
        let mut arguments = FreeGpuVirtualAddress {
            adapter: device.adapter().handle(),
            base_address: self.address,
            size: self.allocation.bytes as u64,
            ..FreeGpuVirtualAddress::default()
        };
        let function = Function::of::<FreeGpuVirtualAddress>();
        // Nothing can be done about a failure here.
        let _ = device.connection().call(function, |driver| {
            driver.compute(ComputeCall::Free(&mut arguments))
        });
    }
}
