// SPDX-License-Identifier: GPL-2.0
//! Faults that can be injected into the rings of a channel and into the control messages, so that it
//! can be seen what a guest makes of them. Without any, all of this costs a load per packet.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use vmm_sys_util::eventfd::EventFd;

use crate::channel::lock;
use crate::proto::MessageType;

/// A fault that had its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// The guest was not interrupted, because of that.
    NoInterrupt(Silence),
    /// A packet was not as it has to be.
    Packet(PacketFault),
    /// A control message was held back.
    Held(MessageType),
}

/// Hears of each fault that had its effect. It must return at once.
pub type Observer = Arc<dyn Fn(Injected) + Send + Sync>;

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketFault {
    /// Its descriptor says that it begins and ends elsewhere, in units of 8 bytes.
    Length {
        /// Where the payload begins.
        offset8: u16,
        /// Where the packet ends.
        len8: u16,
    },
    /// Its descriptor has another type.
    Type(u16),
    /// The write index is this when it has been written.
    Index(u32),
    /// Its bytes change back and forth so often while the guest may be reading them.
    Unstable(u32),
}

/// Which signals the guest does not get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    /// It gets all of them.
    #[default]
    None,
    /// It does not get those that say that there is room in its ring.
    Room,
    /// It gets none at all.
    All,
}

/// The faults of the rings of one device's channel. They stay when the channel is closed.
///
/// Locks: all of them are leaves.
#[derive(Default)]
pub struct RingFaults {
    stalled: AtomicBool,
    silence: Mutex<Silence>,
    /// A signal was left out since the silence began.
    missed: AtomicBool,
    /// Whether `packets` has any.
    is_faulty: AtomicBool,
    /// The faults of the next packets, one each.
    packets: Mutex<VecDeque<PacketFault>>,
    /// The guest's signal of the open channel. Writing to it makes the worker look.
    signal: Mutex<Option<EventFd>>,
    observer: Mutex<Option<Observer>>,
}

/// How many packets may be meant to be faulty.
const PACKETS_MAX: usize = 1024;

impl RingFaults {
    /// Says who hears of faults.
    pub fn observe(&self, observer: Observer) {
        *lock(&self.observer) = Some(observer);
    }

    /// Stops or continues reading the guest's ring.
    pub fn stall(&self, stalled: bool) {
        let before = self.stalled.swap(stalled, Ordering::SeqCst);
        if before && !stalled {
            self.wake();
        }
    }

    /// Begins or ends a silence. At its end the guest gets the signal that it has missed.
    pub fn silence(&self, silence: Silence) {
        *lock(&self.silence) = silence;
        if silence != Silence::All {
            self.wake();
        }
    }

    /// Makes the next packet to the guest faulty. Faults of more than one are for one packet each.
    pub fn next_packet(&self, fault: PacketFault) {
        let mut packets = lock(&self.packets);
        if packets.len() < PACKETS_MAX {
            packets.push_back(fault);
            self.is_faulty.store(true, Ordering::SeqCst);
        }
    }

    /// Makes no packet faulty that is not yet.
    pub fn clear_packets(&self) {
        lock(&self.packets).clear();
        self.is_faulty.store(false, Ordering::SeqCst);
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::SeqCst)
    }

    /// The fault of a packet that is about to be written.
    pub(crate) fn take_packet(&self) -> Option<PacketFault> {
        if !self.is_faulty.load(Ordering::SeqCst) {
            return None;
        }
        let mut packets = lock(&self.packets);
        let fault = packets.pop_front();
        self.is_faulty.store(!packets.is_empty(), Ordering::SeqCst);
        fault
    }

    /// Whether the guest must not be signalled now; notes that it was not.
    pub(crate) fn suppresses(&self, room: bool) -> bool {
        let silence = *lock(&self.silence);
        let suppressed = silence == Silence::All || room && silence == Silence::Room;
        if suppressed {
            self.missed.store(true, Ordering::SeqCst);
            self.report(Injected::NoInterrupt(silence));
        }
        suppressed
    }

    /// Whether the guest has missed a signal in a silence that is over.
    pub(crate) fn take_missed(&self) -> bool {
        *lock(&self.silence) == Silence::None && self.missed.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn report(&self, injected: Injected) {
        let observer = lock(&self.observer).clone();
        if let Some(observer) = observer {
            observer(injected);
        }
    }

    /// The channel is open, and this wakes its worker.
    pub(crate) fn connect(&self, signal: Option<EventFd>) {
        *lock(&self.signal) = signal;
    }

    fn wake(&self) {
        if let Some(Err(error)) = lock(&self.signal).as_ref().map(|signal| signal.write(1)) {
            log::error!("a channel worker cannot be woken: {error}");
        }
    }
}

/// The control messages that the guest does not get yet.
#[derive(Default)]
pub(crate) struct HeldMessages {
    kinds: BTreeSet<u32>,
    held: Vec<(u32, Vec<u8>)>,
    observer: Option<Observer>,
}

/// How many control messages are held back.
const HELD_MAX: usize = 4096;

impl HeldMessages {
    /// Holds messages of these types back from now on. Returns those that may go now, with the virtual
    /// processors that they are for.
    pub(crate) fn set(&mut self, kinds: &[MessageType], observer: Observer) -> Vec<(u32, Vec<u8>)> {
        // CAST: the number of the type.
        self.kinds = kinds.iter().map(|&kind| kind as u32).collect();
        self.observer = Some(observer);
        let held = std::mem::take(&mut self.held);
        let (held, free) = held.into_iter().partition(|(_, m)| self.holds(m).is_some());
        self.held = held;
        free
    }

    /// Takes a message, unless it may go.
    pub(crate) fn take(&mut self, vp: u32, message: Vec<u8>) -> Option<(u32, Vec<u8>)> {
        match self.holds(&message) {
            Some(kind) if self.held.len() < HELD_MAX => {
                self.held.push((vp, message));
                if let Some(observer) = &self.observer {
                    observer(Injected::Held(kind));
                }
                None
            }
            _ => Some((vp, message)),
        }
    }

    /// Forgets what it has: the guest has started over.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }

    /// The type of a message that is held back.
    fn holds(&self, message: &[u8]) -> Option<MessageType> {
        if self.kinds.is_empty() {
            return None;
        }
        let number = u32::from_le_bytes(message.get(..4)?.try_into().ok()?);
        let held = self.kinds.contains(&number);
        MessageType::try_from(number).ok().filter(|_| held)
    }
}
