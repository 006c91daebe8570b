// SPDX-License-Identifier: GPL-2.0
//! What a guest does to have memory, in a few lines.

use gpupv::allocation_data::AllocationData;
use gpupv::{AdapterDescription, Config};
use zerocopy::IntoBytes;

use crate::guest::{long, word, words, Guest};

pub const PENDING: u32 = 0x103;
pub const NO_MEMORY: u32 = 0xC000_0017;
pub const INVALID_HANDLE: u32 = 0xC000_0008;
pub const INVALID_PARAMETER: u32 = 0xC000_000D;

pub const CREATE_RESOURCE: u32 = 1 << 0;
pub const CREATE_SHARED: u32 = 1 << 1;
pub const EXISTING_SYSMEM: u32 = 1 << 5;
pub const NT_SECURITY_SHARING: u32 = 1 << 6;
pub const READ_ONLY: u32 = 1 << 7;
pub const SHARED_RESOURCE: u32 = CREATE_RESOURCE | CREATE_SHARED | NT_SECURITY_SHARING;

/// Driver data for local memory that the CPU does not cache.
pub fn local(bytes: u64) -> Vec<u8> {
    AllocationData::new(bytes, false, true).as_bytes().to_vec()
}

/// Driver data for memory of the machine.
pub fn not_local(bytes: u64) -> Vec<u8> {
    AllocationData::new(bytes, true, false).as_bytes().to_vec()
}

/// One allocation as the host answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub handle: u32,
    pub flags: u32,
    pub size: u64,
    pub data: Vec<u8>,
}

/// A guest with a process, a device and a paging queue on each adapter.
pub struct MemoryGuest {
    pub guest: Guest,
    pub process: u32,
    pub device: u32,
    pub queue: u32,
    /// Where the fence of the paging queue is.
    pub fence: u64,
}

/// A host whose first adapter has `dedicated` and `shared` bytes of memory.
pub fn config(dedicated: u64, shared: u64) -> Config {
    let mut adapter = AdapterDescription::render();
    adapter.dedicated_memory = dedicated;
    adapter.shared_memory = shared;
    Config {
        adapters: vec![adapter, AdapterDescription::compute_only()],
        ..Config::default()
    }
}

impl MemoryGuest {
    pub fn new(config: Config) -> Self {
        let mut guest = Guest::started(config);
        let process = guest.create_process(1, "a");
        Self::of_process(guest, process)
    }

    pub fn of_process(mut guest: Guest, process: u32) -> Self {
        let device = guest.create_device(0, process, 7);
        let (queue, fence) = paging_queue(&mut guest, process, device);
        Self {
            guest,
            process,
            device,
            queue,
            fence,
        }
    }

    /// Sends a command of the process to the first adapter.
    pub fn send(&mut self, number: u32, body: &[u8]) -> Vec<u8> {
        self.guest.vgpu(0, number, self.process, body)
    }

    /// The answer to CREATEALLOCATION as it is.
    pub fn create_raw(&mut self, resource: u32, flags: u32, datas: &[Vec<u8>]) -> Vec<u8> {
        let mut body = words(&[self.device, resource, 3, 5, datas.len() as u32, flags]);
        body.extend([0; 16]);
        for data in datas {
            body.extend(words(&[0, data.len() as u32, 0]));
        }
        body.extend([0xAA; 8]);
        body.extend(datas.concat());
        self.send(4, &body)
    }

    /// Creates allocations. Returns the resource and them.
    pub fn create(&mut self, resource: u32, flags: u32, datas: &[Vec<u8>]) -> (u32, Vec<Made>) {
        let reply = self.create_raw(resource, flags, datas);
        made(&reply, datas.len())
    }

    /// Creates one allocation of local memory.
    pub fn allocate(&mut self, bytes: u64) -> u32 {
        self.create(0, 0, &[local(bytes)]).1[0].handle
    }

    /// Destroys allocations, or a resource. Returns the status.
    pub fn destroy(&mut self, resource: u32, handles: &[u32]) -> u32 {
        let mut body = words(&[self.device, resource, handles.len() as u32, 0]);
        body.extend(words(handles));
        word(&self.send(5, &body), 0)
    }

    /// Makes allocations resident. Returns status, fence value, and bytes to trim.
    pub fn make_resident(&mut self, flags: u32, handles: &[u32]) -> (u32, u64, u64) {
        let mut body = words(&[0, self.queue, flags, handles.len() as u32]);
        body.extend(words(handles));
        let reply = self.send(11, &body);
        assert_eq!(reply.len(), 24);
        (word(&reply, 16), long(&reply, 0), long(&reply, 8))
    }

    /// Evicts allocations. Returns the bytes to trim; `None` for a failure.
    pub fn evict(&mut self, flags: u32, handles: &[u32]) -> Option<u64> {
        let mut body = words(&[self.device, flags, handles.len() as u32]);
        body.extend(words(handles));
        let reply = self.send(12, &body);
        (!reply.is_empty()).then(|| long(&reply, 0))
    }

    /// The residency of allocations.
    pub fn residency(&mut self, handles: &[u32]) -> Vec<u32> {
        let mut body = words(&[self.device, 0, 0, 0, handles.len() as u32, 0, 0, 0]);
        body.extend(words(handles));
        let reply = self.send(41, &body);
        assert_eq!(word(&reply, 0), 0);
        assert_eq!(reply.len(), 4 + 4 * handles.len());
        (0..handles.len())
            .map(|n| word(&reply, 4 + 4 * n))
            .collect()
    }

    /// Budget, usage, reservation, available for reservation.
    pub fn video_memory(&mut self, group: u32) -> [u64; 4] {
        let adapter = self.guest.adapters[0];
        let reply = self.send(21, &words(&[adapter, group, 0]));
        assert_eq!(reply.len(), 32);
        [0, 8, 16, 24].map(|at| long(&reply, at))
    }

    /// Waits until the paging fence has reached a value.
    pub fn wait_for(&self, value: u64) {
        self.guest.await_word(self.fence, value);
    }

    /// How many allocations are left in the process.
    pub fn left(&self, kind: &str) -> u64 {
        let report = self.guest.host.report();
        let handle = format!("{:#x}", self.process);
        let processes = report.processes_left.iter();
        let own = processes.filter(|process| process.handle == handle);
        own.filter_map(|process| process.objects.get(kind)).sum()
    }
}

/// Creates a paging queue. Returns it, and where its fence is.
pub fn paging_queue(guest: &mut Guest, process: u32, device: u32) -> (u32, u64) {
    let mut body = words(&[device, 0, 0, 0]);
    body.extend([0; 16]);
    let reply = guest.vgpu(0, 9, process, &body);
    assert_eq!(reply.len(), 24);
    (word(&reply, 0), long(&reply, 8))
}

/// The resource and the allocations in an answer to CREATEALLOCATION.
pub fn made(reply: &[u8], count: usize) -> (u32, Vec<Made>) {
    let mut at = 16 + 72 * count;
    let mut all = Vec::new();
    for n in 0..count {
        let info = 16 + 72 * n;
        let len = word(reply, info + 4) as usize;
        all.push(Made {
            handle: word(reply, info),
            flags: word(reply, info + 8),
            size: long(reply, info + 16),
            data: reply[at..at + len].to_vec(),
        });
        at += len;
    }
    assert_eq!(reply.len(), at);
    (word(reply, 4), all)
}
