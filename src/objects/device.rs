// SPDX-License-Identifier: GPL-2.0

//! A device: the first object that a process creates on an adapter, and the parent of all others.
//!
//! Messages about a device or an object below it are sent with a [`DeviceGuard`]: it proves that
//! the adapter was active when the guard was taken, and keeps the device from being destroyed on
//! the host until it is dropped. It is not held while waiting for anything but the reply.

use super::{
    adapter::{
        Active,
        Adapter, //
    },
    execution_state::ExecutionState,
    host_events::StateChanges,
    live_ref::{
        LiveGuard,
        LiveRef, //
    },
    notifier_list::Notifiers,
    object_stats::ObjectCount,
    waits::Waits, //
};
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use super::{
    fence_import::Imports,
    waits::Loss, //
};
use crate::wire::Handle;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use crate::{
    message::{
        device_state::MarkDeviceAsError,
        Sender, //
    },
    transport::TEARDOWN_TIMEOUT, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    }, //
};

/// A device on an adapter.
pub(crate) struct Device {
    adapter: Arc<Adapter>,
    /// The number of the binding it was published with; 0 before.
    binding: Atomic<u64>,
    handle: Handle,
    live: LiveRef,
    waits: Arc<Waits>,
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    imports: Pin<KBox<Imports>>,
    /// The notifiers that end `waits` when the adapter or the global channel is lost.
    _notifiers: Notifiers,
    /// The notifiers that release memory of the program that is lent on this device.
    _unpin_notifiers: Notifiers,
    execution: ExecutionState,
    _counted: ObjectCount,
}

impl Device {
    /// Creates the object for the device that the host calls `handle`.
    pub(crate) fn new(
        adapter: Arc<Adapter>,
        handle: Handle,
        waits: (Arc<Waits>, Notifiers),
        deferred_unpin: Notifiers,
        changes: Arc<StateChanges>,
        counted: ObjectCount,
    ) -> Result<Arc<Self>> {
        let device = Self {
            adapter,
            binding: Atomic::new(0),
            handle,
            live: LiveRef::new()?,
            waits: waits.0,
            #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
            imports: KBox::pin_init(Imports::new(), GFP_KERNEL_ACCOUNT)?,
            _notifiers: waits.1,
            _unpin_notifiers: deferred_unpin,
            execution: ExecutionState::new(changes),
            _counted: counted,
        };

        Ok(Arc::new(device, GFP_KERNEL_ACCOUNT)?)
    }

    /// Returns the host's handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Returns the adapter that the device is on.
    pub(crate) fn adapter(&self) -> &Arc<Adapter> {
        &self.adapter
    }

    /// Returns the number of the binding it was published with; 0 if it is not published.
    pub(super) fn binding(&self) -> u64 {
        self.binding.load(Relaxed)
    }

    /// Records the binding it is about to be published with. Called with `Process::adapters` held.
    pub(super) fn bind(&self, number: u64) {
        self.binding.store(number, Relaxed);
    }

    /// Returns what is known of the device's execution state.
    pub(crate) fn execution(&self) -> &ExecutionState {
        &self.execution
    }

    /// Returns the waits of programs on the device.
    pub(crate) fn waits(&self) -> &Arc<Waits> {
        &self.waits
    }

    /// Returns the fences of other drivers that its contexts wait for.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn imports(&self) -> &Imports {
        &self.imports
    }

    /// Returns the reference that the thread destroying the device kills and drains.
    pub(super) fn live(&self) -> &LiveRef {
        &self.live
    }

    /// Keeps the device from being destroyed on the host, whether the adapter is active or not.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is being destroyed.
    pub(crate) fn hold(&self) -> Result<LiveGuard> {
        self.live.tryget_live()
    }

    /// Takes a guard that allows messages about the device to be sent.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is being destroyed, or its adapter is not active.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<DeviceGuard> {
        let pass = self.hold()?;

        Ok(DeviceGuard {
            active: self.adapter.active()?,
            device: self.clone(),
            _pass: pass,
        })
    }
}

/// A guard under which messages about a device may be sent.
pub(crate) struct DeviceGuard {
    device: Arc<Device>,
    active: Arc<Active>,
    _pass: LiveGuard,
}

impl DeviceGuard {
    /// Returns the device, for callers that keep it beyond the guard.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Returns the active adapter.
    pub(crate) fn active(&self) -> &Active {
        &self.active
    }

    /// Marks the device as failed because a wait on it would never end: it executes nothing from
    /// now on, and all waits on it are lost. Waits for the host.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(super) fn fail(&self, sender: Sender<'_>) {
        let command = MarkDeviceAsError {
            device: self.handle(),
            reason: MarkDeviceAsError::GENERIC,
        };

        self.waits().lose(Loss::Device);
        // If the host refuses this too, the program learns of the failure from its waits.
        let _ = self.active.call_for(sender, command, TEARDOWN_TIMEOUT);

        self.execution().mark();
    }
}

impl Deref for DeviceGuard {
    type Target = Device;

    fn deref(&self) -> &Device {
        &self.device
    }
}
