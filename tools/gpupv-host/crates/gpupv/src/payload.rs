// SPDX-License-Identifier: GPL-2.0
//! What the objects of a process are made of, and how handlers find them.

use crate::allocation::{Allocation, Resource};
use crate::device::Device;
use crate::handles::Handle;
use crate::host::Fail;
use crate::objects::{Kind, Lookup, Object, ObjectKind, ObjectTable};
use crate::queues::{Context, HwQueue, PagingQueue};
use crate::status::NtStatus;
use crate::sync::{QueueFence, SyncObject};

/// A type that objects are made of.
pub(crate) trait Typed: Sized {
    /// What such an object is.
    const KIND: ObjectKind;

    /// Looks into a payload.
    fn of(payload: &Payload) -> Option<&Self>;

    /// Looks into a payload, to change it.
    fn of_mut(payload: &mut Payload) -> Option<&mut Self>;
}

macro_rules! payloads {
    ($($variant:ident($type:ty)),* $(,)?) => {
        /// What an object is made of.
        pub(crate) enum Payload {
            $(
                #[doc = concat!("See [`ObjectKind::", stringify!($variant), "`].")]
                $variant($type),
            )*
        }

        impl Kind for Payload {
            fn kind(&self) -> ObjectKind {
                match self {
                    $(Self::$variant(_) => ObjectKind::$variant,)*
                }
            }
        }

        $(
            impl Typed for $type {
                const KIND: ObjectKind = ObjectKind::$variant;

                fn of(payload: &Payload) -> Option<&Self> {
                    match payload {
                        Payload::$variant(found) => Some(found),
                        _ => None,
                    }
                }

                fn of_mut(payload: &mut Payload) -> Option<&mut Self> {
                    match payload {
                        Payload::$variant(found) => Some(found),
                        _ => None,
                    }
                }
            }
        )*
    };
}

payloads! {
    Device(Device),
    Context(Context),
    HwQueue(HwQueue),
    PagingQueue(PagingQueue),
    SyncObject(SyncObject),
    MonitoredFence(QueueFence),
    Allocation(Allocation),
    Resource(Resource),
}

/// The objects of a process.
pub(crate) type Objects = ObjectTable<Payload>;

/// An object that is gone, and the handle that it had.
pub(crate) type Removed = (Handle, Object<Payload>);

impl Objects {
    /// The object that a driver looks up before it sends the command: a device, a context or a queue
    /// that decides where the command goes. `adapter` is the adapter that the command came to.
    ///
    /// # Errors
    ///
    /// There is no such object. That is the driver's fault, unless the object is gone only since.
    pub(crate) fn select<T: Typed>(&self, adapter: usize, handle: Handle) -> Result<&T, Fail> {
        match self.look_up(handle) {
            Lookup::Live(object) => {
                let found = T::of(&object.payload).filter(|_| object.adapter == adapter);
                if let Some(found) = found {
                    return Ok(found);
                }
                // A name that comes back soon is taken for the object that had it before.
                if self.is_reused(handle) {
                    return Err(NtStatus::INVALID_PARAMETER.into());
                }
            }
            Lookup::Stale => return Err(NtStatus::INVALID_PARAMETER.into()),
            Lookup::Never => {}
        }
        let text = format!("{} {handle}", T::KIND);
        Err(Fail::Violation(NtStatus::INVALID_HANDLE, text))
    }

    /// As [`Self::select`], to change the object.
    ///
    /// # Errors
    ///
    /// As [`Self::select`].
    pub(crate) fn select_mut<T: Typed>(
        &mut self,
        adapter: usize,
        handle: Handle,
    ) -> Result<&mut T, Fail> {
        self.select::<T>(adapter, handle)?;
        let found = self.payload_mut(handle).and_then(T::of_mut);
        found.ok_or_else(|| NtStatus::INVALID_PARAMETER.into())
    }

    /// The object that a user names, and that no driver needs to check.
    ///
    /// # Errors
    ///
    /// There is no such object.
    pub(crate) fn named<T: Typed>(&self, adapter: usize, handle: Handle) -> Result<&T, Fail> {
        self.get(handle)
            .filter(|object| object.adapter == adapter)
            .and_then(|object| T::of(&object.payload))
            .ok_or_else(|| NtStatus::INVALID_PARAMETER.into())
    }

    /// As [`Self::named`], to change the object.
    ///
    /// # Errors
    ///
    /// As [`Self::named`].
    pub(crate) fn named_mut<T: Typed>(
        &mut self,
        adapter: usize,
        handle: Handle,
    ) -> Result<&mut T, Fail> {
        self.named::<T>(adapter, handle)?;
        let found = self.payload_mut(handle).and_then(T::of_mut);
        found.ok_or_else(|| NtStatus::INVALID_PARAMETER.into())
    }
}
