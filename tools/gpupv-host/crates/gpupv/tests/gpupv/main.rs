// SPDX-License-Identifier: GPL-2.0
//! Tests of the GPU-PV host without a virtual machine.

mod addresses;
mod allocations;
mod bench;
mod commands;
mod compute;
mod compute_faults;
mod compute_guest;
mod config_space;
mod contexts;
mod cpu_access;
mod description;
mod devices;
mod discovery;
mod guest;
mod handles;
mod information;
mod layout;
mod lent_memory;
mod malformed;
mod memory_guest;
mod old_host;
mod queries;
mod queues;
mod report;
mod residency;
mod shares;
mod signals;
mod sync_objects;
mod trace;
mod unanswered;
mod updates;
mod usage;
mod waits;
mod window;
