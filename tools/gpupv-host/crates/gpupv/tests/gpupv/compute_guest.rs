// SPDX-License-Identifier: GPL-2.0
//! What a guest does to have command buffers executed, in a few lines.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gpupv::{Config, GuestMemory};

use crate::bench::submission;
use crate::guest::{long, word, words, TIMEOUT};
use crate::memory_guest::*;

/// Bits of a mapping's protection.
pub const WRITE: u64 = 1;

/// States of a device.
pub const ACTIVE: u32 = 1;
pub const RESET: u32 = 2;
pub const HUNG: u32 = 3;
pub const OUT_OF_MEMORY: u32 = 5;
pub const DMA_FAULT: u32 = 6;
pub const PAGE_FAULT: u32 = 7;

/// The guest's RAM: so many pages from 0 on.
#[derive(Clone)]
pub struct FakeRam(Arc<Mutex<Vec<u8>>>);

impl FakeRam {
    pub fn new(pages: usize) -> Self {
        Self(Arc::new(Mutex::new(vec![0; pages * 4096])))
    }

    fn part<R>(&self, address: u64, len: usize, f: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        let mut ram = self.0.lock().unwrap();
        let start = usize::try_from(address).ok()?;
        Some(f(ram.get_mut(start..start.checked_add(len)?)?))
    }

    pub fn bytes(&self, address: u64, len: usize) -> Vec<u8> {
        self.part(address, len, |part| part.to_vec()).unwrap()
    }

    pub fn put(&self, address: u64, bytes: &[u8]) {
        self.part(address, bytes.len(), |part| part.copy_from_slice(bytes))
            .unwrap();
    }
}

impl GuestMemory for FakeRam {
    fn page_count(&self) -> u64 {
        (self.0.lock().unwrap().len() / 4096) as u64
    }

    fn has_page(&self, number: u64) -> bool {
        number < (self.0.lock().unwrap().len() / 4096) as u64
    }

    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let len = into.len();
        self.part(address, len, |part| into.copy_from_slice(part))
            .is_some()
    }

    fn write(&self, address: u64, from: &[u8]) -> bool {
        self.part(address, from.len(), |part| part.copy_from_slice(from))
            .is_some()
    }
}

/// A command: its number, addresses or counts, and words.
pub fn command(number: u32, longs: &[u64], tail: &[u32]) -> Vec<u8> {
    let len = 8 + 8 * longs.len() + 4 * tail.len();
    let mut bytes = words(&[number, len as u32]);
    bytes.extend(longs.iter().flat_map(|long| long.to_le_bytes()));
    bytes.extend(words(tail));
    bytes
}

pub fn fill(target: u64, bytes: u64, value: u32) -> Vec<u8> {
    command(2, &[target, bytes], &[value, 0])
}

pub fn copy(target: u64, source: u64, bytes: u64) -> Vec<u8> {
    command(3, &[target, source, bytes], &[])
}

pub fn fence(address: u64, value: u64) -> Vec<u8> {
    command(7, &[address, value], &[])
}

pub fn busy(micros: u32) -> Vec<u8> {
    command(9, &[], &[micros, 0])
}

/// An allocation of the host that the GPU can use.
#[derive(Clone, Copy)]
pub struct Buffer {
    pub handle: u32,
    /// Where the GPU sees it.
    pub gpu: u64,
    /// Where the guest does.
    pub cpu: u64,
}

/// A monitored fence.
#[derive(Clone, Copy)]
pub struct Fence {
    pub handle: u32,
    pub gpu: u64,
    pub page: u64,
}

/// A guest with RAM, a context on the first engine, and room for commands.
pub struct ComputeGuest {
    pub m: MemoryGuest,
    pub ram: FakeRam,
    pub context: u32,
    pub commands: Buffer,
    /// Where there is nothing in `commands` yet.
    at: u64,
}

impl ComputeGuest {
    pub fn new() -> Self {
        Self::with(Config {
            time_limit: Duration::from_millis(100),
            ..Config::default()
        })
    }

    pub fn with(config: Config) -> Self {
        Self::on(MemoryGuest::new(config))
    }

    pub fn on(m: MemoryGuest) -> Self {
        let ram = FakeRam::new(256);
        m.guest.host.set_guest_memory(Arc::new(ram.clone()));
        let nothing = Buffer {
            handle: 0,
            gpu: 0,
            cpu: 0,
        };
        let mut guest = Self {
            m,
            ram,
            context: 0,
            commands: nothing,
            at: 0,
        };
        guest.context = guest.context_on(0);
        guest.commands = guest.buffer(4 << 20);
        guest
    }

    pub fn context_on(&mut self, node: u32) -> u32 {
        let body = words(&[0, self.m.device, node, 0, 0, 1, 0, 0]);
        let context = word(&self.m.send(6, &body), 24);
        assert_ne!(context, 0);
        context
    }

    pub fn set_priority(&mut self, context: u32, priority: i32) {
        let body = words(&[context, priority as u32, 0, 0]);
        assert_eq!(word(&self.m.send(33, &body), 0), 0);
    }

    /// Maps pages of an allocation anywhere, or what the protection says.
    pub fn map(&mut self, allocation: u32, pages: u64, protection: u64) -> u64 {
        let mut body = words(&[self.m.queue, 0]);
        for long in [
            0,
            0,
            0,
            u64::from(allocation),
            0,
            pages,
            protection,
            0,
            0,
            0,
            0,
            0,
            0,
        ] {
            body.extend(long.to_le_bytes());
        }
        let reply = self.m.send(17, &body);
        assert_eq!(word(&reply, 16), PENDING, "mapping");
        long(&reply, 0)
    }

    pub fn free_addresses(&mut self, address: u64, len: u64) {
        let mut body = words(&[self.m.guest.adapters[0], 0]);
        body.extend(address.to_le_bytes());
        body.extend(len.to_le_bytes());
        assert_eq!(word(&self.m.send(16, &body), 0), 0);
    }

    pub fn lock(&mut self, allocation: u32) -> u64 {
        let mut body = words(&[self.m.device, allocation, 0, 0]);
        body.extend([0; 20]);
        let reply = self.m.send(23, &body);
        assert_eq!(word(&reply, 0), 0, "lock");
        long(&reply, 8)
    }

    pub fn unlock(&mut self, allocation: u32) {
        let mut body = words(&[self.m.device, allocation, 0, 0, 0, 0]);
        body.resize(24, 0);
        assert_eq!(word(&self.m.send(24, &body), 0), 0, "unlock");
    }

    pub fn resident(&mut self, allocation: u32) {
        let (status, value, _) = self.m.make_resident(0, &[allocation]);
        // Others may have made the memory resident.
        assert!(status == PENDING || status == 0, "{status:#x}");
        self.m.wait_for(value);
    }

    /// Memory of the host: resident, mapped and locked.
    pub fn buffer(&mut self, bytes: u64) -> Buffer {
        let handle = self.m.allocate(bytes);
        let gpu = self.map(handle, bytes / 4096, WRITE);
        self.resident(handle);
        let cpu = self.lock(handle);
        Buffer { handle, gpu, cpu }
    }

    /// Pages of the guest as an allocation: resident and mapped. Returns it and its address.
    pub fn sysmem(&mut self, pages: &[u64], protection: u64) -> (u32, u64) {
        let flags = match protection & WRITE {
            0 => EXISTING_SYSMEM | READ_ONLY,
            _ => EXISTING_SYSMEM,
        };
        let (_, made) = self.m.create(0, flags, &[local(pages.len() as u64 * 4096)]);
        let handle = made[0].handle;
        let mut body = words(&[self.m.device, handle, pages.len() as u32, 0]);
        body.extend(pages.iter().flat_map(|page| page.to_le_bytes()));
        assert_eq!(word(&self.m.send(66, &body), 0), 0);
        let gpu = self.map(handle, pages.len() as u64, protection);
        self.resident(handle);
        (handle, gpu)
    }

    pub fn fence(&mut self) -> Fence {
        let mut body = words(&[self.m.device, 0, 5, 0]);
        body.resize(96, 0);
        body.extend(words(&[1]));
        let reply = self.m.send(8, &body);
        assert_eq!(reply.len(), 32);
        Fence {
            handle: word(&reply, 0),
            gpu: long(&reply, 8),
            page: long(&reply, 16),
        }
    }

    /// A queue waits for a fence.
    pub fn hold(&mut self, queue: u32, fence: Fence, value: u64) {
        let mut body = words(&[queue, 1, 0, 0]);
        body.extend(value.to_le_bytes());
        body.extend(words(&[fence.handle]));
        assert_eq!(word(&self.m.send(25, &body), 0), 0);
    }

    /// A CPU signals a fence.
    pub fn signal(&mut self, fence: Fence, value: u64) {
        let device = self.m.device;
        let mut body = words(&[1, 0, 0, 0, 0, 0, device, 0, fence.handle]);
        body.extend(value.to_le_bytes());
        assert_eq!(word(&self.m.send(26, &body), 0), 0);
    }

    /// Writes bytes where the guest sees memory of the host.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        for (at, chunk) in (address..).step_by(8).zip(bytes.chunks(8)) {
            let mut long = self.m.guest.window.word(at).to_le_bytes();
            long[..chunk.len()].copy_from_slice(chunk);
            self.m.guest.window.set_word(at, u64::from_le_bytes(long));
        }
    }

    /// Puts commands where the GPU sees them. Returns the address.
    pub fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.at;
        self.at += bytes.len() as u64;
        self.write(self.commands.cpu + at, bytes);
        self.commands.gpu + at
    }

    pub fn submit_at(&mut self, context: u32, address: u64, len: u32) -> u32 {
        let mut body = submission(&[context], 0, &[], &[]);
        body[..8].copy_from_slice(&address.to_le_bytes());
        body[8..12].copy_from_slice(&len.to_le_bytes());
        word(&self.m.send(20, &body), 0)
    }

    pub fn submit_in(&mut self, context: u32, bytes: &[u8]) {
        let address = self.put(bytes);
        assert_eq!(self.submit_at(context, address, bytes.len() as u32), 0);
    }

    pub fn submit(&mut self, bytes: &[u8]) {
        self.submit_in(self.context, bytes);
    }

    /// Submits commands and waits until they are done.
    pub fn run(&mut self, bytes: &[u8]) {
        let fence = self.fence();
        let mut bytes = bytes.to_vec();
        bytes.extend(self::fence(fence.gpu, 1));
        self.submit(&bytes);
        self.await_value(fence.page, 1);
    }

    pub fn value(&self, page: u64) -> u64 {
        self.m.guest.window.word(page)
    }

    pub fn await_value(&self, page: u64, value: u64) {
        let begin = Instant::now();
        while self.value(page) < value {
            assert!(begin.elapsed() < TIMEOUT, "it is {}", self.value(page));
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    fn state_of(&mut self, kind: u32) -> Vec<u8> {
        let mut body = words(&[self.m.device, kind]);
        body.extend([0; 48]);
        let reply = self.m.send(28, &body);
        assert_eq!((reply.len(), word(&reply, 56)), (64, 0));
        reply[8..56].to_vec()
    }

    pub fn state(&mut self) -> u32 {
        word(&self.state_of(1), 0)
    }

    /// Number of the command, flags, error code, address.
    pub fn fault(&mut self) -> (u64, u32, u32, u64) {
        let fault = self.state_of(5);
        let address = long(&fault, 24);
        (long(&fault, 0), word(&fault, 16), word(&fault, 20), address)
    }

    /// Waits until the device is not active any more.
    pub fn await_stop(&mut self) -> u32 {
        let begin = Instant::now();
        loop {
            match self.state() {
                ACTIVE => assert!(begin.elapsed() < TIMEOUT, "still active"),
                state => return state,
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// The process ends; nothing is left of it, and nothing was wrong.
    pub fn end(mut self) {
        let process = self.m.process;
        assert_eq!(self.m.guest.destroy_process(process), 0);
        let report = self.m.guest.host.report();
        assert_eq!(report.verdict().reasons, Vec::<String>::new());
        self.m.guest.assert_clean();
    }
}

impl ComputeGuest {
    /// The same guest with another device, and nothing of what there was.
    pub fn again(mut self) -> Self {
        let device = self.m.device;
        self.m.send(1, &words(&[device, 0]));
        let process = self.m.process;
        let ram = self.ram;
        let mut new = Self::on(MemoryGuest::of_process(self.m.guest, process));
        new.m.guest.host.set_guest_memory(Arc::new(ram.clone()));
        new.ram = ram;
        new
    }
}
