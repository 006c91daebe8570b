// SPDX-License-Identifier: GPL-2.0

//! The destruction of an object on a device that continues to exist.

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

/// A type of objects that are on a device and can be destroyed individually.
pub(crate) trait DeviceChild: Kind {
    /// Returns the host's handle.
    fn handle(&self) -> Handle;

    /// Returns the device that the object is on.
    fn device(&self) -> &Arc<Device>;

    /// Returns the reference held by threads that create an object in this one.
    fn live(&self) -> Option<&LiveRef>;
}

macro_rules! below {
    ($($kind:ident: $live:expr),* $(,)?) => {
        $(impl DeviceChild for $kind {
            fn handle(&self) -> Handle {
                // Calls the inherent function.
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

/// Returns `prepared`, or fails with `ENOMEM` if a message could not be prepared for lack of
/// memory: the caller can try again later. After any other failure the host is lost, and the object
/// is destroyed nevertheless.
pub(crate) fn unless_no_memory<T>(prepared: Option<Result<T>>) -> Result<Option<Result<T>>> {
    match prepared {
        Some(Err(error)) if error == ENOMEM => Err(error),
        prepared => Ok(prepared),
    }
}

impl Process {
    /// Destroys the object of type `K` behind `handle` with everything below it: first in the
    /// driver, then on the host, by the command that `destroy` returns. Returns `None` if its
    /// adapter has stopped, so that there is no host to be told.
    ///
    /// Objects that other threads are creating in it are completed before, and are destroyed with
    /// it: the host may reuse their numbers as soon as it has destroyed their parent.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such object, `ENODEV` if its device is being destroyed, `ENOMEM`,
    /// `ERESTARTSYS` after a fatal signal; then nothing is done. The host's error; then the object
    /// is destroyed in the driver nevertheless.
    pub(crate) fn remove<K: DeviceChild, M: Command>(
        &self,
        handle: Handle,
        destroy: impl FnOnce(Handle) -> M,
    ) -> Result<Option<M::Reply>> {
        let object = self.get::<K>(handle)?;
        let handle = object.handle();
        // Keeps the device from being destroyed on the host first.
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

    /// Destroys the sync object behind `handle`: first in the driver, then on the host, unless its
    /// adapter has stopped. Unlike other objects it need not be on a device, and the host is told
    /// over the global channel.
    ///
    /// # Errors
    ///
    /// As for [`Self::remove`].
    pub(crate) fn remove_sync_object(&self, handle: Handle) -> Result<isize> {
        let object = self.get::<SyncObject>(handle)?;
        let handle = object.handle;
        // Keeps the device from being destroyed on the host first.
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

    /// Removes `handle`, whose device the caller holds and which only the driver knows. After that
    /// the number is free, which the host may reuse as soon as it is told.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(crate) fn forget(&self, handle: Handle) {
        self.with_objects(|objects| objects.mark_dying(handle));
        while let Some(piece) = self.remove_dying(handle) {
            drop(piece);
        }
    }

    /// Marks `object` and everything below it as dying, and removes them. After that their numbers
    /// are free, which the host may reuse as soon as it is told.
    ///
    /// # Errors
    ///
    /// `EINVAL` if `handle` is no longer that of `object`.
    fn take_out<K: Kind>(&self, handle: Handle, object: &Arc<K>) -> Result {
        self.with_objects(|objects| -> Result {
            // Another thread may have destroyed it meanwhile, and the host may have reused its
            // handle.
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
