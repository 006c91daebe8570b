// SPDX-License-Identifier: GPL-2.0
//! The sending half of an open channel: a queue in front of the ring writer.
//!
//! Whoever sends writes into the ring at once if there is room and nobody is before; otherwise the
//! packet waits in the queue, and the worker continues when the guest has made room.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use hyperv::Partition;

use super::lock;
use crate::device::{ChannelPort, SendError};
use crate::injection::{Injected, RingFaults};
use crate::proto::PacketType;
use crate::ring::{GuestRing, Outgoing, RingError, RingWriter, Written};

/// How many bytes may wait for a guest that does not read. Replies are bounded by what the guest
/// asks, so only a guest that means ill gets here.
const QUEUE_LIMIT: usize = 64 << 20;

/// What a channel has to say to the control thread.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The guest broke a ring: the channel is unusable.
    Broken(String),
    /// The guest did something wrong that the channel survives.
    Violation(String),
    /// The device takes its offer back.
    Rescind,
}

/// The interrupt of a channel, which the guest can move from one virtual processor to another.
pub(crate) struct Interrupt {
    partition: Arc<dyn Partition>,
    relid: u32,
    faults: Arc<RingFaults>,
    /// `None` once the channel must be silent.
    vp: RwLock<Option<u32>>,
}

impl Interrupt {
    pub(crate) fn new(
        partition: Arc<dyn Partition>,
        relid: u32,
        vp: u32,
        faults: Arc<RingFaults>,
    ) -> Self {
        Self {
            partition,
            relid,
            faults,
            vp: RwLock::new(Some(vp)),
        }
    }

    /// Interrupts the guest, for a packet.
    pub(crate) fn fire(&self) {
        if !self.faults.suppresses(false) {
            self.signal();
        }
    }

    /// Interrupts the guest, because there is room in its ring.
    pub(crate) fn fire_for_room(&self) {
        if !self.faults.suppresses(true) {
            self.signal();
        }
    }

    fn signal(&self) {
        // The lock is held across the signal, so that after `set` returns nothing reaches the old
        // processor.
        if let Some(vp) = *self.vp.read().unwrap_or_else(PoisonError::into_inner) {
            self.partition.signal_event(vp, self.relid);
        }
    }

    /// Moves the interrupt, or silences it.
    pub(crate) fn set(&self, vp: Option<u32>) {
        *self.vp.write().unwrap_or_else(PoisonError::into_inner) = vp;
    }
}

/// Whether packets may pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gate {
    /// Not yet: the guest has not been told that the channel is open.
    Held,
    Open,
    Closed,
}

struct Queued {
    kind: PacketType,
    transaction_id: u64,
    payload: Vec<u8>,
}

impl Queued {
    /// How many bytes it takes here: an empty packet is not for nothing.
    fn size(&self) -> usize {
        size_of::<Self>() + self.payload.len()
    }
}

struct State {
    writer: RingWriter<GuestRing>,
    queue: VecDeque<Queued>,
    /// How many bytes `queue` takes.
    queued: usize,
    gate: Gate,
}

/// The sending half of an open channel.
pub(crate) struct Sender {
    interrupt: Arc<Interrupt>,
    state: Mutex<State>,
    max_packet: usize,
    notify: Box<dyn Fn(Notice) + Send + Sync>,
}

impl Sender {
    pub(crate) fn new(
        writer: RingWriter<GuestRing>,
        interrupt: Arc<Interrupt>,
        max_packet: usize,
        notify: Box<dyn Fn(Notice) + Send + Sync>,
    ) -> Self {
        Self {
            interrupt,
            state: Mutex::new(State {
                writer,
                queue: VecDeque::new(),
                queued: 0,
                gate: Gate::Held,
            }),
            max_packet,
            notify,
        }
    }

    /// Lets packets pass.
    pub(crate) fn start(&self) {
        let mut state = lock(&self.state);
        if state.gate == Gate::Held {
            state.gate = Gate::Open;
            self.drain(&mut state);
        }
    }

    /// Writes what waits, as far as there is room.
    pub(crate) fn flush(&self) {
        self.drain(&mut lock(&self.state));
    }

    /// Touches the ring no more, and drops what waits.
    pub(crate) fn close(&self) {
        self.interrupt.set(None);
        let mut state = lock(&self.state);
        state.gate = Gate::Closed;
        state.queue.clear();
        state.queued = 0;
    }

    /// Signals again if the guest seems to have missed a signal.
    pub(crate) fn signal_again(&self) {
        let state = lock(&self.state);
        if state.gate == Gate::Open && state.writer.is_waiting().unwrap_or(false) {
            self.interrupt.fire();
        }
    }

    /// Tells the control thread something.
    pub(crate) fn notify(&self, notice: Notice) {
        (self.notify)(notice);
    }

    /// Interrupts the guest, because the reader made room.
    pub(crate) fn fire_for_room(&self) {
        self.interrupt.fire_for_room();
    }

    /// Interrupts the guest if it has missed something that it may have now.
    pub(crate) fn fire_if_missed(&self) {
        if self.interrupt.faults.take_missed() {
            self.interrupt.fire();
        }
    }

    pub(crate) fn faults(&self) -> &RingFaults {
        &self.interrupt.faults
    }

    fn submit(
        &self,
        kind: PacketType,
        transaction_id: u64,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let packet = Outgoing {
            kind,
            transaction_id,
            payload,
        };
        let size = packet.framed_len();
        if size > self.max_packet {
            let limit = self.max_packet;
            return Err(SendError::TooLarge { size, limit });
        }
        let mut state = lock(&self.state);
        if state.gate == Gate::Closed {
            return Err(SendError::Closed);
        }
        if state.gate == Gate::Open && state.queue.is_empty() {
            match self.write(&mut state.writer, &packet) {
                Ok(Written::Done { .. }) => return Ok(()),
                Ok(Written::Full) => {}
                Err(error) => {
                    self.broken(&mut state, &error);
                    return Err(SendError::Closed);
                }
            }
        }
        let queued = Queued {
            kind,
            transaction_id,
            payload: payload.to_vec(),
        };
        if state.queued + queued.size() > QUEUE_LIMIT {
            return Err(SendError::Overflow);
        }
        state.queued += queued.size();
        state.queue.push_back(queued);
        Ok(())
    }

    /// Writes a packet, and interrupts the guest if that is needed.
    fn write(
        &self,
        writer: &mut RingWriter<GuestRing>,
        packet: &Outgoing<'_>,
    ) -> Result<Written, RingError> {
        let faults = self.faults();
        if !writer.is_faulty() {
            writer.set_fault(faults.take_packet());
        }
        let written = writer.write(packet)?;
        if let Written::Done { signal } = written {
            if signal {
                self.interrupt.fire();
            }
            if let Some(fault) = writer.finish_fault()? {
                faults.report(Injected::Packet(fault));
            }
        }
        Ok(written)
    }

    fn drain(&self, state: &mut State) {
        if state.gate != Gate::Open {
            return;
        }
        while let Some(next) = state.queue.front() {
            let packet = Outgoing {
                kind: next.kind,
                transaction_id: next.transaction_id,
                payload: &next.payload,
            };
            match self.write(&mut state.writer, &packet) {
                Ok(Written::Full) => return,
                Ok(Written::Done { .. }) => {
                    state.queued -= next.size();
                    state.queue.pop_front();
                }
                Err(error) => return self.broken(state, &error),
            }
        }
    }

    fn broken(&self, state: &mut State, error: &RingError) {
        state.gate = Gate::Closed;
        state.queue.clear();
        state.queued = 0;
        self.notify(Notice::Broken(error.to_string()));
    }
}

impl ChannelPort for Sender {
    fn complete(&self, transaction_id: u64, payload: &[u8]) -> Result<(), SendError> {
        self.submit(PacketType::Completion, transaction_id, payload)
    }

    fn send(&self, payload: &[u8]) -> Result<(), SendError> {
        self.submit(PacketType::InBand, 0, payload)
    }

    fn rescind(&self) {
        self.notify(Notice::Rescind);
    }
}
