// SPDX-License-Identifier: GPL-2.0
//! Tests of the VMBus crate without a virtual machine.

mod control;
mod control_random;
mod fake;
mod gpadl;
mod guest_ring;
mod injection;
mod layout;
mod lent;
mod random;
mod ring_faults;
mod ring_model;
mod ring_order;
mod ring_stress;
mod server;
mod server_guest;
mod session;
