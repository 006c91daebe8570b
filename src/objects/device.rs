// SPDX-License-Identifier: GPL-2.0

//! A device: what a process makes on an adapter before anything else, and what owns all else.
//!
//! Messages about a device or something below it are sent with a [`DeviceGuard`]: it proves that
//! the adapter was active a moment ago, and keeps the device from being destroyed on the host
//! until it is dropped. It is not kept while waiting for anything but the reply.

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

/// A device.
pub(crate) struct Device {
    adapter: Arc<Adapter>,
    /// The number of the binding it was published with; 0 before.
    binding: Atomic<u64>,
    handle: Handle,
    live: LiveRef,
    waits: Arc<Waits>,
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    imports: Pin<KBox<Imports>>,
    /// They end with the way to the host.
    _notifiers: Notifiers,
    /// For memory of the program that is lent on it.
    _unpin_notifiers: Notifiers,
    execution: ExecutionState,
    _counted: ObjectCount,
}

impl Device {
    /// The device the host calls `handle`.
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

    /// Its handle.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// What it is on.
    pub(crate) fn adapter(&self) -> &Arc<Adapter> {
        &self.adapter
    }

    /// The number of the binding that it goes with; 0 if it is not published.
    pub(super) fn binding(&self) -> u64 {
        self.binding.load(Relaxed)
    }

    /// It is about to be published, under the lock of the bindings.
    pub(super) fn bind(&self, number: u64) {
        self.binding.store(number, Relaxed);
    }

    /// Whether it executes commands.
    pub(crate) fn execution(&self) -> &ExecutionState {
        &self.execution
    }

    /// What programs wait for on it.
    pub(crate) fn waits(&self) -> &Arc<Waits> {
        &self.waits
    }

    /// The fences of other drivers that its contexts wait for.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn imports(&self) -> &Imports {
        &self.imports
    }

    /// Its live, for those who destroy it.
    pub(super) fn live(&self) -> &LiveRef {
        &self.live
    }

    /// Keeps the device from being destroyed on the host, whether the adapter is active or not.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it is being destroyed.
    pub(crate) fn hold(&self) -> Result<LiveGuard> {
        self.live.tryget_live()
    }

    /// The right to send messages about the device.
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

/// The right to send messages about a device.
pub(crate) struct DeviceGuard {
    device: Arc<Device>,
    active: Arc<Active>,
    _pass: LiveGuard,
}

impl DeviceGuard {
    /// The device, to be kept beyond the guard.
    pub(crate) fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// How to reach the adapter.
    pub(crate) fn active(&self) -> &Active {
        &self.active
    }

    /// Gives the device up, on which something would not end any more: it executes nothing from now
    /// on, and who waits for it hears that. Waits for the host.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(super) fn fail(&self, sender: Sender<'_>) {
        let command = MarkDeviceAsError {
            device: self.handle(),
            reason: MarkDeviceAsError::GENERIC,
        };

        self.waits().lose(Loss::Device);
        // If the host does not want to hear of that either, the program does from its waits.
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
