// SPDX-License-Identifier: GPL-2.0
//! A partition without KVM: RAM, messages and events in plain memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hyperv::Partition;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EventFd, EFD_NONBLOCK};

/// How long anything may take before it counts as lost.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// RAM from 0 on.
pub const RAM: usize = 16 << 20;

#[derive(Default)]
struct State {
    messages: VecDeque<(u32, Vec<u8>)>,
    events: VecDeque<(u32, u32)>,
    bound: BTreeMap<u32, EventFd>,
    /// Every connection that was ever bound.
    binds: u64,
    fail_bind: bool,
    backed_up: bool,
}

pub struct FakePartition {
    memory: GuestMemoryMmap,
    vps: u32,
    state: Mutex<State>,
    changed: Condvar,
}

impl FakePartition {
    pub fn new(vps: u32) -> Arc<Self> {
        let ranges = [(GuestAddress(0), RAM)];
        Arc::new(Self {
            memory: GuestMemoryMmap::from_ranges(&ranges).unwrap(),
            vps,
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    pub fn read(&self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.memory
            .read_slice(&mut bytes, GuestAddress(address))
            .unwrap();
        bytes
    }

    /// The next message to the guest.
    pub fn next_message(&self) -> (u32, Vec<u8>) {
        let state = self.state.lock().unwrap();
        let empty = |state: &mut State| state.messages.is_empty();
        let (mut state, timeout) = self
            .changed
            .wait_timeout_while(state, TIMEOUT, empty)
            .unwrap();
        assert!(!timeout.timed_out(), "no message came");
        state.messages.pop_front().unwrap()
    }

    /// The next interrupt of a channel: VP and flag.
    pub fn next_event(&self) -> (u32, u32) {
        let state = self.state.lock().unwrap();
        let empty = |state: &mut State| state.events.is_empty();
        let (mut state, timeout) = self
            .changed
            .wait_timeout_while(state, TIMEOUT, empty)
            .unwrap();
        assert!(!timeout.timed_out(), "no interrupt came");
        state.events.pop_front().unwrap()
    }

    pub fn has_messages(&self) -> bool {
        !self.state.lock().unwrap().messages.is_empty()
    }

    pub fn drop_events(&self) {
        self.state.lock().unwrap().events.clear();
    }

    /// The guest signals a channel. Fails if nobody listens.
    pub fn signal_host(&self, connection: u32) {
        let state = self.state.lock().unwrap();
        state.bound[&connection].write(1).unwrap();
    }

    pub fn bound(&self) -> Vec<u32> {
        self.state.lock().unwrap().bound.keys().copied().collect()
    }

    pub fn binds(&self) -> u64 {
        self.state.lock().unwrap().binds
    }

    pub fn back_up(&self, backed_up: bool) {
        self.state.lock().unwrap().backed_up = backed_up;
    }

    pub fn fail_bind(&self, fail: bool) {
        self.state.lock().unwrap().fail_bind = fail;
    }
}

impl Partition for FakePartition {
    fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    fn post_message(&self, vp: u32, payload: &[u8]) {
        assert!(payload.len() <= 240);
        let mut state = self.state.lock().unwrap();
        state.messages.push_back((vp, payload.to_vec()));
        self.changed.notify_all();
    }

    fn clear_messages(&self) {
        self.state.lock().unwrap().messages.clear();
    }

    fn is_backed_up(&self) -> bool {
        self.state.lock().unwrap().backed_up
    }

    fn signal_event(&self, vp: u32, flag: u32) {
        let mut state = self.state.lock().unwrap();
        state.events.push_back((vp, flag));
        self.changed.notify_all();
    }

    fn bind_event(&self, connection: u32) -> io::Result<EventFd> {
        let mut state = self.state.lock().unwrap();
        if state.fail_bind {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        assert!(!state.bound.contains_key(&connection), "bound twice");
        let event = EventFd::new(EFD_NONBLOCK)?;
        state.bound.insert(connection, event.try_clone()?);
        state.binds += 1;
        Ok(event)
    }

    fn unbind_event(&self, connection: u32, _fd: &EventFd) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        match state.bound.remove(&connection) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn vp_count(&self) -> u32 {
        self.vps
    }
}
