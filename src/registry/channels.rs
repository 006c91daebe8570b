// SPDX-License-Identifier: GPL-2.0

//! Channels that come, go, break, and sleep with the machine.
//!
//! Takes `Registry::inner`. What is to be told to the host, or takes long, is left to workers. They
//! are waited for only before the driver closes a channel on its own, and not if the host is silent.

use super::{
    GlobalChannel,
    GlobalState,
    Inner,
    Registry,
    VgpuChannel,
    MAX_ADAPTERS,
    REGISTRY, //
};
use crate::{
    linux::channel::Offer,
    objects::adapter::Adapter,
    wire::Luid, //
};
use core::mem;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// How long the host may be silent before a channel is closed without having told it everything, in
/// milliseconds.
const SILENCE: u32 = 500;

impl Inner {
    /// Gives those adapters another chance that have stopped for want of the global channel.
    fn renew_channels(&mut self) {
        for channel in self.channels.iter_mut() {
            channel.fresh = true;
        }
    }
}

impl Registry {
    /// Enters a vGPU channel. Another one may have the same LUID, such as one that the host has taken
    /// back and that is not gone yet.
    ///
    /// # Errors
    ///
    /// `ENOSPC` if there are too many, `ENOMEM`.
    pub(crate) fn add_channel(self: &Arc<Self>, offer: Arc<Offer>) -> Result {
        let luid = Luid::from_instance(offer.instance());
        let mut inner = self.inner.lock();

        if inner.channels.len() >= MAX_ADAPTERS {
            return Err(ENOSPC);
        }

        let channel = VgpuChannel {
            luid,
            offer,
            busy: false,
            fresh: true,
            asleep: false,
        };

        inner.channels.push(channel, GFP_KERNEL)?;
        drop(inner);
        self.schedule_start();
        Ok(())
    }

    /// A vGPU channel is gone, and with it the adapter that used it.
    pub(crate) fn remove_channel(&self, offer: &Arc<Offer>) {
        // So that no adapter is started with it after we have looked.
        offer.withdraw();

        let struck = {
            let mut inner = self.inner.lock();
            let index = inner
                .channels
                .iter()
                .position(|channel| Arc::ptr_eq(&channel.offer, offer));

            index.and_then(|index| inner.channels.remove(index).ok())
        };

        drop(struck);
        self.end_user(offer);
    }

    /// Ends the adapter that uses the channel of `offer`, which is closed afterwards. A host that
    /// listens is told before.
    fn end_user(&self, offer: &Arc<Offer>) {
        // No two adapters use the same one.
        let Some(adapter) = self.find(|adapter| adapter.uses(offer)) else {
            return;
        };

        adapter.channel_lost(offer);
        if !offer.is_rescinded() {
            self.flush_starts(SILENCE);
            self.flush_teardown(SILENCE);
        }
    }

    /// Enters the global channel.
    ///
    /// # Errors
    ///
    /// `EEXIST` if there is one.
    pub(crate) fn set_global(self: &Arc<Self>, offer: Arc<Offer>) -> Result {
        let mut inner = self.inner.lock();

        if inner.global.is_some() {
            return Err(EEXIST);
        }
        inner.global = Some(GlobalChannel {
            offer,
            state: GlobalState::Closed,
        });
        inner.renew_channels();
        drop(inner);
        self.schedule_start();
        Ok(())
    }

    /// The driver loses the global channel.
    pub(crate) fn remove_global(&self, offer: &Arc<Offer>) {
        // The host does not listen any more if it was the host that took the channel away.
        let reachable = !offer.is_rescinded();
        // Adapters that are started from now on notice that by themselves.
        let gone = {
            let mut inner = self.inner.lock();

            match &inner.global {
                Some(global) if Arc::ptr_eq(&global.offer, offer) => inner.global.take(),
                _ => None,
            }
        };

        if let Some(gone) = gone {
            self.global_lost(gone.state, reachable);
        }
    }

    /// Ends what uses the channel of `offer`, which the host has broken.
    pub(super) fn channel_broken(offer: &Arc<Offer>) {
        let Some(registry) = REGISTRY.get() else {
            return;
        };

        if let Some(adapter) = registry.find(|adapter| adapter.uses(offer)) {
            adapter.channel_broken(offer);
        }

        if let Some(state) = registry.replace_global(offer, GlobalState::Failed) {
            registry.global_lost(state, false);
        }
    }

    /// The machine is about to sleep: what uses the channel ends.
    pub(crate) fn suspend_channel(&self, offer: &Arc<Offer>) {
        self.set_asleep(offer, true);
        self.end_user(offer);
    }

    /// The machine is awake again: the channel is as if it had just been offered.
    pub(crate) fn resume_channel(self: &Arc<Self>, offer: &Arc<Offer>) {
        self.set_asleep(offer, false);
        self.schedule_start();
    }

    fn set_asleep(&self, offer: &Arc<Offer>, asleep: bool) {
        for channel in self.inner.lock().channels.iter_mut() {
            if Arc::ptr_eq(&channel.offer, offer) {
                channel.asleep = asleep;
                channel.fresh = true;
            }
        }
    }

    /// The machine is about to sleep: the way to the host ends, and what uses it.
    pub(crate) fn suspend_global(&self, offer: &Arc<Offer>) {
        if let Some(state) = self.replace_global(offer, GlobalState::Asleep) {
            self.global_lost(state, true);
        }
    }

    /// The machine is awake again: the channel is as if it had just been offered.
    pub(crate) fn resume_global(self: &Arc<Self>, offer: &Arc<Offer>) {
        drop(self.replace_global(offer, GlobalState::Closed));
        self.inner.lock().renew_channels();
        self.schedule_start();
    }

    /// Replaces the state of the global channel, if it is still that of `offer`, and returns the old
    /// one, which is not to be dropped under a lock.
    fn replace_global(&self, offer: &Arc<Offer>, new: GlobalState) -> Option<GlobalState> {
        match &mut self.inner.lock().global {
            Some(global) if Arc::ptr_eq(&global.offer, offer) => {
                Some(mem::replace(&mut global.state, new))
            }
            _ => None,
        }
    }

    /// Ends the adapters that use the global channel, and the way to the host.
    fn global_lost(&self, state: GlobalState, reachable: bool) {
        // Ends: an adapter that was stopped uses no channel.
        while let Some(adapter) = self.find(Adapter::uses_global_channel) {
            adapter.global_lost(reachable);
        }
        if reachable && matches!(state, GlobalState::Open(_)) {
            self.depart_processes(SILENCE);
            self.flush_teardown(SILENCE);
        }

        // Has the channel closed, and the window given back.
        drop(state);
    }

    /// The channel of `offer` was closed: another adapter can have it.
    pub(super) fn channel_closed(offer: &Arc<Offer>) {
        let Some(registry) = REGISTRY.get() else {
            return;
        };

        for channel in registry.inner.lock().channels.iter_mut() {
            if Arc::ptr_eq(&channel.offer, offer) {
                channel.busy = false;
            }
        }
        registry.schedule_start();
    }
}
