// SPDX-License-Identifier: GPL-2.0

//! The debugfs files: adapters, requests that the host has not replied to, and memory lent to the
//! host.

use super::{
    GlobalState,
    Registry, //
};
use crate::{
    message::under_way::name_of,
    transport::UnderWay,
    wire::Luid, //
};
use core::fmt::Display;
use kernel::{
    fmt,
    sync::Arc, //
};

/// A LUID in its text form.
struct Shown(Luid);

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}:{:08x}", self.0.b, self.0.a)
    }
}

impl Registry {
    /// Writes a line for the global channel and for each adapter: its name and its state.
    pub(crate) fn show_adapters(this: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "global {}", this.global_state())?;
        for adapter in this.adapters().map_err(|_| fmt::Error)? {
            writeln!(
                f,
                "{} {} version {}{}{}",
                Shown(adapter.luid()),
                adapter.state_name(),
                adapter.version().number(),
                if adapter.compute_only() {
                    " compute-only"
                } else {
                    ""
                },
                if adapter.uses_global_channel() {
                    " asynchronous"
                } else {
                    ""
                },
            )?;
        }
        Ok(())
    }

    /// Returns the name of the state of the global channel.
    fn global_state(&self) -> &'static str {
        let inner = self.inner.lock();
        let Some(global) = &inner.global else {
            return "absent";
        };

        match &global.state {
            GlobalState::Closed => "waiting",
            GlobalState::Opening => "starting",
            GlobalState::Open(_) => "active",
            GlobalState::Failed => "failed",
            GlobalState::Asleep => "asleep",
        }
    }

    /// Writes a line for each request that the host has not replied to: the adapter, the command,
    /// the process on whose behalf it was sent, with its host handle and its process id, and its
    /// age.
    pub(crate) fn show_requests(this: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adapters = this.adapters().map_err(|_| fmt::Error)?;

        if let Some(host) = this.host() {
            let link = &host.link;

            // Adapters of an asynchronous host use the global channel as well.
            link.each_under_way(|request| {
                match adapters.iter().find(|adapter| adapter.speaks(request)) {
                    Some(adapter) => this.show_request(f, &Shown(adapter.luid()), request),
                    None => this.show_request(f, &"global", request),
                }
            })?;
        }
        for adapter in &adapters {
            if let Some(channel) = adapter.channel() {
                channel.each_under_way(|request| {
                    this.show_request(f, &Shown(adapter.luid()), request)
                })?;
            }
        }
        Ok(())
    }

    fn show_request(
        &self,
        f: &mut fmt::Formatter<'_>,
        owner: &dyn Display,
        request: &UnderWay,
    ) -> fmt::Result {
        let UnderWay { label, age_ms, .. } = request;

        write!(
            f,
            "{} {} process {:#x}",
            owner,
            name_of(label.command),
            label.process
        )?;
        if let Some(number) = self.number_of(label.process) {
            write!(f, " pid {number}")?;
        }
        writeln!(f, " age {age_ms} ms")
    }

    /// Writes a line for each piece of memory of a program that is lent to the host: the process,
    /// the size, the adapter, and how long the driver has waited for the host to release it.
    pub(crate) fn show_lent(this: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut from = 0;

        while let Some(record) = this
            .driver_data
            .sysmem_records
            .look(&mut from, |record| record.clone())
        {
            write!(
                f,
                "pid {} {} KiB {}",
                record.process,
                record.kib,
                Shown(record.adapter)
            )?;
            match record.waiting_ms() {
                Some(ms) => writeln!(f, " waits {ms} ms")?,
                None => writeln!(f, " used")?,
            }
        }
        Ok(())
    }
}
