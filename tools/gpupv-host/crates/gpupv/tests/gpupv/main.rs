// SPDX-License-Identifier: GPL-2.0
//! Tests of the GPU-PV host without a virtual machine.

mod commands;
mod config_space;
mod description;
mod devices;
mod discovery;
mod guest;
mod handles;
mod layout;
mod malformed;
mod old_host;
mod queries;
mod report;
