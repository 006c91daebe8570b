// SPDX-License-Identifier: GPL-2.0
//! The thread of an open channel: waits for the guest's signal, empties its ring, feeds the device.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};
use vmm_sys_util::eventfd::{EventFd, EFD_NONBLOCK};

use super::{lock, Notice, Sender, SharedDevice};
use crate::device::{ChannelPort, Packet};
use crate::proto::PacketType;
use crate::ring::{GuestRing, RingPacket, RingReader};

const GUEST: u64 = 0;
const STOP: u64 = 1;

/// When to look for a signal that the guest missed while it was still setting itself up.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A running worker. It ends with [`Worker::stop`].
pub(crate) struct Worker {
    stop: EventFd,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker that `signal` wakes.
    ///
    /// # Errors
    ///
    /// No thread or no descriptor can be had.
    pub(crate) fn start(
        name: String,
        signal: EventFd,
        reader: RingReader<GuestRing>,
        sender: Arc<Sender>,
        device: SharedDevice,
    ) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let stop = EventFd::new(EFD_NONBLOCK)?;
        let epoll = Epoll::new()?;
        for (fd, token) in [(signal.as_raw_fd(), GUEST), (stop.as_raw_fd(), STOP)] {
            let event = EpollEvent::new(EventSet::IN, token);
            epoll.ctl(ControlOperation::Add, fd, event)?;
        }
        let run = Loop {
            epoll,
            signal,
            reader,
            sender,
            device,
            batch: Vec::new(),
        };
        let thread = Builder::new().name(name).spawn(move || run.run())?;
        Ok(Self { stop, thread })
    }

    /// Ends the worker; when this returns, the device gets no more packets.
    pub(crate) fn stop(self) {
        if let Err(error) = self.stop.write(1) {
            // The thread cannot be told, so it cannot be waited for.
            log::error!("a channel worker cannot be stopped: {error}");
            return;
        }
        if self.thread.join().is_err() {
            log::error!("a channel worker panicked");
        }
    }
}

struct Loop {
    epoll: Epoll,
    signal: EventFd,
    reader: RingReader<GuestRing>,
    sender: Arc<Sender>,
    device: SharedDevice,
    batch: Vec<RingPacket>,
}

impl Loop {
    fn run(mut self) {
        let look_again = Instant::now() + LOOK_AGAIN;
        let mut looked = false;
        loop {
            // What woke us is looked at only to stop; everything else is found in the rings.
            loop {
                match self.receive() {
                    Ok(true) => break,
                    Ok(false) => {}
                    Err(Stop) => return,
                }
                if self.wait(0) == Wake::Stop {
                    return;
                }
            }
            let timeout = if looked {
                -1
            } else {
                let left = look_again.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    looked = true;
                    self.sender.signal_again();
                    -1
                } else {
                    // CAST: at most LOOK_AGAIN.
                    left.as_millis() as i32 + 1
                }
            };
            if self.wait(timeout) == Wake::Stop {
                return;
            }
        }
    }

    /// Empties the ring once. Returns whether the guest will signal the next packet.
    fn receive(&mut self) -> Result<bool, Stop> {
        self.sender.fire_if_missed();
        if self.sender.faults().is_stalled() {
            // What ends that wakes us.
            self.sender.flush();
            return Ok(true);
        }
        let result = self.reader.receive(&mut self.batch);
        if let Ok(received) = &result {
            if received.signal {
                self.sender.fire_for_room();
            }
        }
        for packet in std::mem::take(&mut self.batch) {
            self.deliver(packet);
        }
        // The signal may also mean that there is room for what waits.
        self.sender.flush();
        match result {
            Ok(received) => Ok(received.empty),
            Err(error) => {
                self.sender.notify(Notice::Broken(error.to_string()));
                Err(Stop)
            }
        }
    }

    fn deliver(&self, packet: RingPacket) {
        let refused = match packet.kind {
            PacketType::InBand => None,
            PacketType::TransferPages | PacketType::GpaDirect => {
                Some("the device takes in-band packets only")
            }
            PacketType::Completion => Some("nothing was asked of the guest"),
        };
        let Some(reason) = refused else {
            return lock(&self.device).packet(Packet {
                transaction_id: packet.transaction_id,
                completion_requested: packet.completion_requested,
                payload: packet.payload,
            });
        };
        let text = format!("packet of type {:?} refused: {reason}", packet.kind);
        self.sender.notify(Notice::Violation(text));
        if packet.completion_requested {
            // Closed or overflowing: then nobody waits for this any more.
            let _ = self.sender.complete(packet.transaction_id, &[]);
        }
    }

    /// Waits for a wake-up, and takes the guest's signal off its counter.
    fn wait(&self, timeout: i32) -> Wake {
        let mut events = [EpollEvent::default(); 2];
        let count = match self.epoll.wait(timeout, &mut events) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.sender
                    .notify(Notice::Broken(format!("the worker cannot wait: {error}")));
                return Wake::Stop;
            }
        };
        let events = &events[..count];
        if events.iter().any(|event| event.data() == STOP) {
            return Wake::Stop;
        }
        if events.iter().any(|event| event.data() == GUEST) {
            // It was readable and we are its only reader; even if the count were gone, the rings
            // are looked at next.
            let _ = self.signal.read();
        }
        Wake::Look
    }
}

/// The ring is unusable.
struct Stop;

#[derive(PartialEq, Eq)]
enum Wake {
    Look,
    Stop,
}
