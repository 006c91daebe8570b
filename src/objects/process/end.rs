// SPDX-License-Identifier: GPL-2.0

//! The end of a process: after its last close, or while the program continues, when the global
//! channel is about to be closed.
//!
//! The host keeps no order among channels. So a process ends on the host only after all requests on
//! its behalf are answered, on whatever channel they were sent.

use super::{
    Adapters,
    Process, //
};
use crate::{
    linux::wait::WaitMode,
    message::global::DestroyProcess,
    transport::Settled, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::Full,
        Arc, //
    },
    workqueue::WorkItem, //
};

impl WorkItem for Process {
    type Pointer = Arc<Self>;

    /// Releases everything the process owns, after its last close. When the host has replied to all
    /// requests that were sent on behalf of the process, tells the host that it has ended.
    fn run(this: Arc<Self>) {
        if this.account.is_closed() {
            this.end_on_host(WaitMode::Unbounded);
            return;
        }

        let left = {
            let mut adapters = this.adapters.lock();

            core::mem::replace(&mut *adapters, Adapters::new())
        };

        drop(left);
        this.release_all();
        // Requests of killed threads must not reach the host after DESTROYPROCESS: they might name
        // objects of another process by then. So they are answered first, or their channel is
        // closed.
        this.account.when_settled(this.clone());
    }
}

impl Settled for Process {
    fn settled(self: Arc<Self>) {
        let teardown = self.driver_data.teardown.clone();

        self.account.close();
        // Cannot fail: the item may be running, but it is not queued.
        let _ = teardown.enqueue(self);
    }
}

impl Process {
    /// Ends the process on the host while the program continues, whose requests fail with `ENODEV`
    /// from now on, because the global channel is about to be closed. Waits first for the requests
    /// in flight and then for the host, each time as long as `mode` allows.
    pub(crate) fn depart(&self, mode: WaitMode) {
        if self.account.depart(mode).is_ok() {
            self.end_on_host(mode);
        }
    }

    /// Tells the host that the process has ended, if the host knows it. Only the first call does.
    pub(super) fn end_on_host(&self, mode: WaitMode) {
        let Some(process) = self.on_host.copy() else {
            return;
        };

        if self.told.xchg(true, Full) {
            return;
        }

        let result = self.host.link.tell(process, || DestroyProcess, mode);

        match result.and_then(|status| status.into_result()) {
            Ok(_) => self.deferred_unpin.end(),
            // The channel is about to be closed, which ends the deferred unpin through its
            // notifier.
            Err(error) if error == ENODEV => {}
            Err(_) => self.deferred_unpin.abandon(),
        }
    }
}
