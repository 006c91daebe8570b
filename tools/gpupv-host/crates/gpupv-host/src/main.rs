// SPDX-License-Identifier: GPL-2.0
//! `gpupv-host`: boots a Linux kernel as a Hyper-V guest with paravirtual GPUs.
//!
//! The same program runs in two ways. Directly, where KVM can serve Hyper-V guests. Nested, where it
//! cannot: then it starts an emulated machine that can, and is the first process in there.

#![deny(unsafe_code)]

mod cli;
mod config;
mod console;
mod event_loop;
mod exit_status;
mod fault_machine;
mod fault_port;
mod gpus;
mod input_port;
mod logger;
mod machine;
mod nested;
mod object_count_port;
mod ram;
mod removal;
mod signals;
mod support;
mod terminal;
mod trace;
mod transfer;
mod window;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        nested::init::main();
    }
    cli::run()
}
