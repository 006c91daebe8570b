// SPDX-License-Identifier: GPL-2.0

//! Channels that are offered, removed, broken, suspended and resumed.
//!
//! Takes `Registry::inner`. Telling the host, and other work that takes long, is left to workers.
//! They are waited for only before the driver closes a channel on its own, and only as long as the
//! host replies.

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

/// The time after which a host that does not reply is given up and a channel is closed, in
/// milliseconds.
const SILENCE: u32 = 500;

impl Inner {
    /// Allows adapters that have stopped for lack of the global channel to be started again.
    fn renew_channels(&mut self) {
        for channel in self.channels.iter_mut() {
            channel.fresh = true;
        }
    }
}

impl Registry {
    /// Adds a vGPU channel. Another one may have the same LUID, such as one that the host has
    /// rescinded and that is not removed yet.
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

    /// Removes a vGPU channel, and stops the adapter that uses it.
    pub(crate) fn remove_channel(&self, offer: &Arc<Offer>) {
        // Prevents an adapter from being started with the channel after the look-up below.
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

    /// Stops the adapter that uses the channel of `offer`, which is closed afterwards. The host is
    /// told first, unless it has rescinded the channel.
    fn end_user(&self, offer: &Arc<Offer>) {
        // No two adapters use the same channel.
        let Some(adapter) = self.find(|adapter| adapter.uses(offer)) else {
            return;
        };

        adapter.channel_lost(offer);
        if !offer.is_rescinded() {
            self.flush_starts(SILENCE);
            self.flush_teardown(SILENCE);
        }
    }

    /// Sets the global channel.
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

    /// Removes the global channel.
    pub(crate) fn remove_global(&self, offer: &Arc<Offer>) {
        // The host cannot be reached if it has rescinded the channel.
        let reachable = !offer.is_rescinded();
        // Adapters that are being started detect the loss by themselves.
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

    /// Stops the adapters that use the channel of `offer`, which the host has broken.
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

    /// Stops the adapter that uses the channel, as the machine is about to be suspended.
    pub(crate) fn suspend_channel(&self, offer: &Arc<Offer>) {
        self.set_asleep(offer, true);
        self.end_user(offer);
    }

    /// Handles the channel as if it had just been offered, as the machine has been resumed.
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

    /// Closes the global channel and stops its users, as the machine is about to be suspended.
    pub(crate) fn suspend_global(&self, offer: &Arc<Offer>) {
        if let Some(state) = self.replace_global(offer, GlobalState::Asleep) {
            self.global_lost(state, true);
        }
    }

    /// Handles the global channel as if it had just been offered, as the machine has been resumed.
    pub(crate) fn resume_global(self: &Arc<Self>, offer: &Arc<Offer>) {
        drop(self.replace_global(offer, GlobalState::Closed));
        self.inner.lock().renew_channels();
        self.schedule_start();
    }

    /// Replaces the state of the global channel, if it is still that of `offer`, and returns the
    /// old state, which must not be dropped with a lock held.
    fn replace_global(&self, offer: &Arc<Offer>, new: GlobalState) -> Option<GlobalState> {
        match &mut self.inner.lock().global {
            Some(global) if Arc::ptr_eq(&global.offer, offer) => {
                Some(mem::replace(&mut global.state, new))
            }
            _ => None,
        }
    }

    /// Stops the adapters that use the global channel, and closes it.
    fn global_lost(&self, state: GlobalState, reachable: bool) {
        // Terminates: a stopped adapter uses no channel.
        while let Some(adapter) = self.find(Adapter::uses_global_channel) {
            adapter.global_lost(reachable);
        }
        if reachable && matches!(state, GlobalState::Open(_)) {
            self.depart_processes(SILENCE);
            self.flush_teardown(SILENCE);
        }

        // Closes the channel, and returns the window to the bus.
        drop(state);
    }

    /// Marks the channel of `offer` as closed, so that another adapter can use it.
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
