// SPDX-License-Identifier: GPL-2.0
//! The guest's ends of the rings, written from the specification and sharing no code with `ring`,
//! and memory for rings that two threads can share.

use std::collections::VecDeque;
use std::sync::atomic::{fence, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use vmbus::ring::{Field, RingError, RingMemory};

/// A control page and data, in ordinary memory.
#[derive(Clone)]
pub struct TestRing(Arc<Inner>);

struct Inner {
    control: [AtomicU32; 5],
    data: Vec<AtomicU64>,
}

impl TestRing {
    /// A ring of `size` bytes that starts at `index`.
    pub fn new(size: u32, index: u32) -> Self {
        let ring = Self(Arc::new(Inner {
            control: Default::default(),
            data: (0..size / 8).map(|_| AtomicU64::new(0)).collect(),
        }));
        ring.set(Field::WriteIndex, index);
        ring.set(Field::ReadIndex, index);
        ring
    }

    fn word(&self, field: Field) -> &AtomicU32 {
        &self.0.control[match field {
            Field::WriteIndex => 0,
            Field::ReadIndex => 1,
            Field::InterruptMask => 2,
            Field::PendingSendSize => 3,
            Field::FeatureBits => 4,
        }]
    }

    pub fn get(&self, field: Field) -> u32 {
        self.word(field).load(Ordering::SeqCst)
    }

    pub fn set(&self, field: Field, value: u32) {
        self.word(field).store(value, Ordering::SeqCst);
    }

    /// Overwrites data, in place.
    pub fn poke(&self, offset: u32, bytes: &[u8]) {
        self.write(offset, bytes).unwrap();
    }
}

impl RingMemory for TestRing {
    fn size(&self) -> u32 {
        self.0.data.len() as u32 * 8
    }

    fn load(&self, field: Field, order: Ordering) -> Result<u32, RingError> {
        Ok(self.word(field).load(order))
    }

    fn store(&self, field: Field, value: u32, order: Ordering) -> Result<(), RingError> {
        self.word(field).store(value, order);
        Ok(())
    }

    fn read(&self, offset: u32, into: &mut [u8]) -> Result<(), RingError> {
        assert_eq!((offset % 8, into.len() % 8), (0, 0));
        for (at, chunk) in (offset as usize / 8..).zip(into.chunks_exact_mut(8)) {
            let word = self.0.data[at].load(Ordering::Relaxed);
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }

    fn write(&self, offset: u32, from: &[u8]) -> Result<(), RingError> {
        assert_eq!((offset % 8, from.len() % 8), (0, 0));
        for (at, chunk) in (offset as usize / 8..).zip(from.chunks_exact(8)) {
            let word = u64::from_le_bytes(chunk.try_into().unwrap());
            self.0.data[at].store(word, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// A packet, in the guest's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestPacket {
    pub kind: u16,
    pub flags: u16,
    pub id: u64,
    /// A multiple of 8.
    pub payload: Vec<u8>,
}

/// Bytes free to be written: all of them in an empty ring.
fn free(write: u32, read: u32, size: u32) -> u32 {
    if write >= read {
        size - (write - read)
    } else {
        read - write
    }
}

/// The guest writing to the host.
pub struct GuestProducer<M> {
    pub memory: M,
}

impl<M: RingMemory> GuestProducer<M> {
    fn get(&self, field: Field) -> u32 {
        self.memory.load(field, Ordering::SeqCst).unwrap()
    }

    /// Writes one packet. `None` if there is no room, else whether the host must be signalled.
    pub fn write(&self, packet: &GuestPacket) -> Option<bool> {
        let mut bytes = Vec::new();
        bytes.extend(packet.kind.to_le_bytes());
        bytes.extend(2u16.to_le_bytes());
        bytes.extend(((16 + packet.payload.len()) as u16 / 8).to_le_bytes());
        bytes.extend(packet.flags.to_le_bytes());
        bytes.extend(packet.id.to_le_bytes());
        bytes.extend(&packet.payload);
        self.write_raw(bytes)
    }

    /// Writes any bytes as a packet, and appends the trailer.
    pub fn write_raw(&self, mut bytes: Vec<u8>) -> Option<bool> {
        let (size, write) = (self.memory.size(), self.get(Field::WriteIndex));
        bytes.extend((u64::from(write) << 32).to_le_bytes());
        let total = bytes.len() as u32;
        if free(write, self.get(Field::ReadIndex), size) <= total {
            return None;
        }
        let head = bytes.len().min((size - write) as usize);
        self.memory.write(write, &bytes[..head]).unwrap();
        self.memory.write(0, &bytes[head..]).unwrap();
        fence(Ordering::SeqCst);
        let next = (write + total) % size;
        self.memory
            .store(Field::WriteIndex, next, Ordering::Release)
            .unwrap();
        fence(Ordering::SeqCst);
        Some(self.get(Field::InterruptMask) == 0 && self.get(Field::ReadIndex) == write)
    }

    /// Asks for a signal when more than `total` bytes are free. Returns whether they are already.
    pub fn ask_for_room(&self, total: u32) -> bool {
        self.memory
            .store(Field::PendingSendSize, total, Ordering::Relaxed)
            .unwrap();
        fence(Ordering::SeqCst);
        let (write, read) = (self.get(Field::WriteIndex), self.get(Field::ReadIndex));
        free(write, read, self.memory.size()) > total
    }

    pub fn ask_no_more(&self) {
        self.memory
            .store(Field::PendingSendSize, 0, Ordering::SeqCst)
            .unwrap();
    }
}

/// The guest reading from the host.
pub struct GuestConsumer<M> {
    pub memory: M,
}

impl<M: RingMemory> GuestConsumer<M> {
    fn get(&self, field: Field) -> u32 {
        self.memory.load(field, Ordering::Acquire).unwrap()
    }

    fn set(&self, field: Field, value: u32) {
        self.memory.store(field, value, Ordering::Release).unwrap();
    }

    /// Takes one packet out, if there is one. Also returns whether the host must be signalled.
    pub fn read_one(&self) -> Option<(GuestPacket, bool)> {
        let size = self.memory.size();
        let (write, read) = (self.get(Field::WriteIndex), self.get(Field::ReadIndex));
        if write == read {
            return None;
        }
        let copy = |at: u32, len: usize| {
            let (at, mut bytes) = (at % size, vec![0; len]);
            let head = len.min((size - at) as usize);
            let (first, second) = bytes.split_at_mut(head);
            self.memory.read(at, first).unwrap();
            self.memory.read(0, second).unwrap();
            bytes
        };
        let head = copy(read, 16);
        let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        assert_eq!(half(2), 2, "payload offset");
        let len = usize::from(half(4)) * 8;
        let packet = GuestPacket {
            kind: half(0),
            flags: half(6),
            id: u64::from_le_bytes(head[8..].try_into().unwrap()),
            payload: copy(read + 16, len - 16),
        };
        let trailer = copy(read + len as u32, 8);
        let expected = (u64::from(read) << 32).to_le_bytes();
        assert_eq!(trailer, expected, "trailer");
        let total = len as u32 + 8;
        self.set(Field::ReadIndex, (read + total) % size);
        fence(Ordering::SeqCst);
        let pending = self.get(Field::PendingSendSize);
        let honoured = self.get(Field::FeatureBits) & 1 != 0;
        let now = free(
            self.get(Field::WriteIndex),
            self.get(Field::ReadIndex),
            size,
        );
        let signal =
            pending != 0 && honoured && now > pending && now.saturating_sub(total) <= pending;
        Some((packet, signal))
    }

    pub fn mask(&self) {
        self.set(Field::InterruptMask, 1);
        fence(Ordering::SeqCst);
    }

    /// Unmasks. Returns whether something came meanwhile.
    pub fn unmask(&self) -> bool {
        self.set(Field::InterruptMask, 0);
        fence(Ordering::SeqCst);
        self.get(Field::WriteIndex) != self.get(Field::ReadIndex)
    }
}

/// A signal between two threads, counted.
#[derive(Default)]
pub struct Signal {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    pub fn fire(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Takes all signals that have come, waiting for the first. False if none comes in time.
    pub fn wait(&self, limit: Duration) -> bool {
        let count = self.count.lock().unwrap();
        let (mut count, timeout) = self
            .changed
            .wait_timeout_while(count, limit, |count| *count == 0)
            .unwrap();
        *count = 0;
        !timeout.timed_out()
    }
}

/// Packets that must come out in the order in which they went in.
pub type Model = VecDeque<GuestPacket>;
