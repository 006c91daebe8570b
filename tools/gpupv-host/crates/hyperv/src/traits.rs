// SPDX-License-Identifier: GPL-2.0
//! The border between the partition and VMBus: what each offers to the other.

use std::io;

use vm_memory::GuestMemoryMmap;
use vmm_sys_util::eventfd::EventFd;

/// The longest message, in bytes.
pub const MAX_MESSAGE: usize = 240;

/// What VMBus needs from the partition.
pub trait Partition: Send + Sync {
    /// The guest's RAM.
    fn memory(&self) -> &GuestMemoryMmap;

    /// Queues a message for SINT 2 of `vp`. Messages of one VP arrive in the order of the calls.
    ///
    /// Never blocks. `payload` is at most [`MAX_MESSAGE`] bytes.
    fn post_message(&self, vp: u32, payload: &[u8]);

    /// Drops the messages that the guest has not received yet.
    fn clear_messages(&self);

    /// Whether so many messages wait for the guest that it should not ask for more.
    fn is_backed_up(&self) -> bool;

    /// Sets the event flag `flag` (a channel's relid) of SINT 2 on `vp` and interrupts it.
    fn signal_event(&self, vp: u32, flag: u32);

    /// Makes the guest's SIGNAL_EVENT hypercalls on `connection` count up the returned eventfd.
    ///
    /// # Errors
    ///
    /// `EEXIST` when the connection is bound already.
    fn bind_event(&self, connection: u32) -> io::Result<EventFd>;

    /// Undoes [`Partition::bind_event`]. Waits for running virtual CPUs, so call it without locks.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the connection is not bound.
    fn unbind_event(&self, connection: u32, fd: &EventFd) -> io::Result<()>;

    /// How many virtual processors the partition has; they are numbered from 0.
    fn vp_count(&self) -> u32;
}

/// Where the guest's POST_MESSAGE hypercalls go.
pub trait MessagePort: Send + Sync {
    /// Takes a message that the guest posted to `connection`.
    ///
    /// Called on the thread of a virtual CPU: must only enqueue.
    fn message(&self, connection: u32, payload: &[u8]) -> PostStatus;
}

/// What became of a message that the guest posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostStatus {
    /// It was taken.
    Accepted,
    /// Nobody listens on that connection.
    UnknownConnection,
    /// There is no room at the moment; the guest will try again.
    Busy,
    /// The message makes no sense.
    InvalidParameter,
}
