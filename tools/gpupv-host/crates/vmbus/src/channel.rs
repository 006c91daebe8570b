// SPDX-License-Identifier: GPL-2.0
//! An open channel: its rings, its interrupt, and the worker that empties the guest's ring.

mod sender;
mod worker;

pub(crate) use sender::{Interrupt, Notice, Sender};
pub(crate) use worker::Worker;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::device::Device;

/// A device, shared by the control thread and the worker of its channel.
pub(crate) type SharedDevice = Arc<Mutex<Box<dyn Device>>>;

/// Locks, whatever happened to a thread that held the lock before: a device that panicked takes its
/// worker with it, not the whole host.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
