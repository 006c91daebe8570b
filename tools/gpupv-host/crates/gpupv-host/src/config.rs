// SPDX-License-Identifier: GPL-2.0
//! What a guest is made of, in a form that can be handed into a nested machine.

use serde::{Deserialize, Serialize};

use crate::trace::TraceFormat;

/// What every guest's command line begins with: the console, an end after a panic, and only the
/// output and the probing that is needed, because both cost time.
const CMDLINE: &str = "console=ttyS0 panic=-1 quiet 8250.nr_uarts=1";

/// The guest, apart from its kernel and its initial file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GuestConfig {
    pub(crate) cpus: u8,
    /// In bytes.
    pub(crate) memory: u64,
    /// Appended to the command line.
    pub(crate) extra_cmdline: Option<String>,
    /// As given on the command line.
    pub(crate) adapters: Vec<String>,
    pub(crate) interface_version: Option<u32>,
    /// Address space of the guest for memory of the host, in MiB.
    pub(crate) io_space_mib: u16,
    /// Settings of the host's behaviour, as given on the command line.
    pub(crate) behaviour: Vec<String>,
    /// The guest shall send its messages over the global channel.
    pub(crate) asynchronous: bool,
    /// The guest may take its own devices away.
    pub(crate) removal_port: bool,
    /// The guest may ask how many objects its processes have.
    pub(crate) count_port: bool,
    /// The text of a plan of faults.
    pub(crate) faults: Option<String>,
    /// The seed of a plan that has everything.
    pub(crate) hostile: Option<u64>,
    /// The guest may replace that plan.
    pub(crate) fault_port: bool,
    /// The guest may give bytes to a file.
    pub(crate) transfer_port: bool,
    /// The guest says when it wants the input of its console.
    pub(crate) input_port: bool,
    /// Each interrupt that the guest acknowledges leaves it.
    pub(crate) eager_eoi: bool,
    pub(crate) max_vmbus_version: Option<u32>,
    /// Messages are written down, in this way.
    pub(crate) trace: Option<TraceFormat>,
    /// Also show debug messages.
    pub(crate) verbose: bool,
}

impl GuestConfig {
    pub(crate) fn cmdline(&self) -> String {
        match &self.extra_cmdline {
            Some(extra) => format!("{CMDLINE} {extra}"),
            None => CMDLINE.to_owned(),
        }
    }

    pub(crate) fn log_level(&self) -> log::LevelFilter {
        if self.verbose {
            log::LevelFilter::Debug
        } else {
            log::LevelFilter::Info
        }
    }
}
