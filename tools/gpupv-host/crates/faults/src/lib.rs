// SPDX-License-Identifier: GPL-2.0
//! Faults that the host makes on purpose, so that it can be seen what a guest makes of them.
//!
//! A [`Plan`] says which; [`Faults`] carries it out, in a layer between the channels of VMBus and the
//! devices behind them. Neither side knows of it: [`Faults::wrap`] makes a device out of a device.
//!
//! * [`plan`]: what is to go wrong, and how it is written down;
//! * `layer`: the plan in force, what it says of each message, and the counts;
//! * `decision`: what a plan says of one message;
//! * `device`, `port` and `function`: the ways of messages, answers and register reads through the layer;
//! * `states` and `events`: what no message asks for;
//! * [`Machine`]: what that needs of the machine;
//! * `answer`: what becomes of the bytes of an answer;
//! * `clock`: what happens later, on a thread of its own.

#![forbid(unsafe_code)]

mod answer;
mod clock;
mod decision;
mod device;
mod events;
mod function;
mod layer;
mod machine;
pub mod plan;
mod port;
mod states;

pub use layer::Faults;
pub use machine::Machine;
pub use plan::{Plan, PlanError};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, whatever happened to a thread that held the lock before.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
