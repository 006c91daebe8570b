// SPDX-License-Identifier: GPL-2.0

//! The end of something on a device while the device goes on.

use super::Process;
use crate::{
    linux::wait::WaitMode,
    message::{
        sync_object::DestroySyncObject,
        Command, //
    },
    objects::{
        context::Context,
        device::Device,
        hw_queue::HwQueue,
        live_ref::LiveRef,
        object::Kind,
        paging_queue::PagingQueue,
        sync_object::SyncObject, //
    },
    wire::Handle, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A kind of objects that live on a device and can be destroyed on their own.
pub(crate) trait DeviceChild: Kind {
    /// What the host calls it.
    fn handle(&self) -> Handle;

    /// What it is on.
    fn device(&self) -> &Arc<Device>;

    /// Where those are who make something in it.
    fn live(&self) -> Option<&LiveRef>;
}

macro_rules! below {
    ($($kind:ident: $live:expr),* $(,)?) => {
        $(impl DeviceChild for $kind {
            fn handle(&self) -> Handle {
                // The inherent ones.
                $kind::handle(self)
            }

            fn device(&self) -> &Arc<Device> {
                $kind::device(self)
            }

            fn live(&self) -> Option<&LiveRef> {
                let live: fn(&Self) -> Option<&LiveRef> = $live;

                live(self)
            }
        })*
    };
}

below!(
    Context: |context| Some(context.live()),
    HwQueue: |_| None,
    PagingQueue: |_| None,
);

/// What was prepared, unless there is no memory for it: who wants to destroy something can try
/// again later. With any other failure the host is gone, and what is destroyed goes nevertheless.
pub(crate) fn unless_no_memory<T>(prepared: Option<Result<T>>) -> Result<Option<Result<T>>> {
    match prepared {
        Some(Err(error)) if error == ENOMEM => Err(error),
        prepared => Ok(prepared),
    }
}

impl Process {
    /// Destroys the object of kind `K` behind `handle` with everything that hangs on it: first
    /// here, then by the command that `destroy` makes on the host. `None` if its adapter has
    /// stopped, so that there is no host to be told.
    ///
    /// What other threads are making in it is complete before, and goes with it: its number may be
    /// another object's as soon as the host has destroyed what it was in.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such object, `ENODEV` if its device is being destroyed, `ENOMEM`,
    /// `ERESTARTSYS` after a fatal signal; then nothing is done. What the host says; then the object
    /// is gone nevertheless.
    pub(crate) fn remove<K: DeviceChild, M: Command>(
        &self,
        handle: Handle,
        destroy: impl FnOnce(Handle) -> M,
    ) -> Result<Option<M::Reply>> {
        let object = self.get::<K>(handle)?;
        let handle = object.handle();
        // So that the device does not end on the host first.
        let _pass = object.device().hold()?;
        let reached = self.reach(object.device().adapter());
        let prepared = reached
            .as_ref()
            .map(|(active, sender)| active.prepare(*sender, destroy(handle)));
        let prepared = unless_no_memory(prepared)?;

        if let Some(live) = object.live() {
            live.kill();
            live.drain(WaitMode::Killable)?;
        }
        self.take_out(handle, &object)?;
        prepared
            .map(|prepared| prepared?.send(WaitMode::Killable))
            .transpose()
    }

    /// Destroys the sync object behind `handle`: first here, then on the host, unless its adapter
    /// has stopped. Unlike other objects it need not live on a device, and the host is told over
    /// the global channel.
    ///
    /// # Errors
    ///
    /// As for [`Self::remove`].
    pub(crate) fn remove_sync_object(&self, handle: Handle) -> Result<isize> {
        let object = self.get::<SyncObject>(handle)?;
        let handle = object.handle;
        // So that the device does not end on the host first.
        let _pass = object.hold()?;

        let reached = self.reach(&object.adapter);
        let prepared = reached.as_ref().map(|(_, sender)| {
            let link = &self.host().link;

            link.prepare(*sender, DestroySyncObject::from(handle))
        });
        let prepared = unless_no_memory(prepared)?;

        self.take_out(handle, &object)?;
        prepared.map_or(Ok(0), |prepared| prepared?.send(WaitMode::Killable))
    }

    /// Forgets `handle`, whose device the caller holds and which only the driver knows. After that
    /// its number is free, which the host may give out again as soon as it is told.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn forget(&self, handle: Handle) {
        self.with_objects(|objects| objects.mark_dying(handle));
        while let Some(piece) = self.remove_dying(handle) {
            drop(piece);
        }
    }

    /// Lets nobody find `object` and what hangs on it any more. After that their numbers are free,
    /// which the host may give out again as soon as it is told.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `handle` stands for it no longer.
    fn take_out<K: Kind>(&self, handle: Handle, object: &Arc<K>) -> Result {
        self.with_objects(|objects| -> Result {
            // Another thread may have destroyed it meanwhile, and something else have its number.
            objects
                .get(handle)
                .and_then(K::of)
                .filter(|found| Arc::ptr_eq(found, object))
                .ok_or(EINVAL)?;
            objects.mark_dying(handle);
            Ok(())
        })?;
        while let Some((_, piece)) = self.remove_dying(handle) {
            piece.revoke();
        }
        Ok(())
    }
}
