// SPDX-License-Identifier: GPL-2.0

//! Drivers for devices on the Hyper-V VMBus.
//!
//! A driver lists the device classes it supports ([`DeviceId`]) and gets an [`Offer`] for each
//! device that the host offers. When the device is removed, by a rescind or because the driver is
//! unbound, the offer is retired: its session is closed, and it fails with `ENODEV`. On suspend and
//! before another kernel is started its session is closed, too; after resume it can be opened
//! again.
//!
//! C header: `include/linux/hyperv.h`

use super::{
    bindings,
    channel::Offer,
    guid::Guid, //
};
use core::mem::offset_of;
use kernel::{
    device,
    device_id::RawDeviceId,
    driver::{
        DriverLayout,
        RegistrationOps, //
    },
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// A device class in an id table.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct DeviceId(bindings::hv_vmbus_device_id);

impl DeviceId {
    /// Creates the entry for a class.
    pub(crate) const fn from_class(class: Guid) -> Self {
        Self(bindings::hv_vmbus_device_id {
            guid: kernel::bindings::guid_t { b: *class.bytes() },
            driver_data: 0,
        })
    }
}

// SAFETY: `DeviceId` is a transparent wrapper of the raw type and adds no invariant.
unsafe impl RawDeviceId for DeviceId {
    type RawType = bindings::hv_vmbus_device_id;
}

/// An id table made by `vmbus_id_table!`.
pub(crate) type IdTable = &'static dyn kernel::device_id::IdTable<DeviceId, ()>;

/// A VMBus driver.
pub(crate) trait Driver: 'static {
    /// The driver's data per device.
    type Data: Send + Sync + 'static;

    /// The device classes that the driver supports.
    const ID_TABLE: IdTable;

    /// Binds the driver to an offered device.
    fn probe(offer: &Arc<Offer>) -> Result<Self::Data>;

    /// Unbinds the driver from the device. The offer still works unless the host has rescinded it.
    fn remove(data: &Self::Data);

    /// Closes the offer's channel, as the machine is about to be suspended, or to start another
    /// kernel. Called once before `resume` or `remove`.
    fn suspend(data: &Self::Data);

    /// Handles the offer as if it had just been made, as the machine has been resumed.
    fn resume(data: &Self::Data);
}

/// The data that the driver core keeps per bound device.
pub(crate) struct BoundDevice<T: Driver> {
    offer: Arc<Offer>,
    data: T::Data,
}

/// Connects a [`Driver`] with the driver core: `driver::Registration<Adapter<T>>`.
pub(crate) struct Adapter<T: Driver>(T);

// SAFETY:
// - `hv_driver` is declared `repr(C)` by bindgen.
// - `BoundDevice<T>` is the only type that `probe_callback` stores as driver data.
// - `hv_driver` embeds a `device_driver` in the field `driver`.
unsafe impl<T: Driver> DriverLayout for Adapter<T> {
    type DriverType = bindings::hv_driver;
    type DriverData<'bound> = BoundDevice<T>;
    const DEVICE_DRIVER_OFFSET: usize = offset_of!(bindings::hv_driver, driver);
}

// SAFETY: `unregister` undoes `register`; callers keep the order by the contract of the trait.
unsafe impl<T: Driver> RegistrationOps for Adapter<T> {
    unsafe fn register(
        driver: &Opaque<Self::DriverType>,
        name: &'static CStr,
        module: &'static ThisModule,
    ) -> Result {
        let raw = driver.get();

        // SAFETY: The structure is not registered yet, so it is not accessed elsewhere.
        unsafe {
            (*raw).name = name.as_char_ptr();
            (*raw).id_table = T::ID_TABLE.as_ptr();
            (*raw).probe = Some(Self::probe_callback);
            (*raw).remove = Some(Self::remove_callback);
            (*raw).suspend = Some(Self::suspend_callback);
            (*raw).resume = Some(Self::resume_callback);
            (*raw).shutdown = Some(Self::shutdown_callback);
        }

        // SAFETY: By the contract of this function the structure stays pinned and valid until
        // `unregister`; `module` and `name` live as long as the module.
        to_result(unsafe {
            bindings::__vmbus_driver_register(raw, module.as_ptr(), name.as_char_ptr())
        })
    }

    unsafe fn unregister(driver: &Opaque<Self::DriverType>) {
        // SAFETY: By the contract of this function the driver is registered.
        unsafe { bindings::vmbus_driver_unregister(driver.get()) }
    }
}

impl<T: Driver> Adapter<T> {
    /// Returns the generic device inside a VMBus device.
    ///
    /// # Safety
    ///
    /// `device` must be valid for `'a`, during which the driver core is calling the driver about
    /// it.
    unsafe fn generic<'a>(
        device: *mut bindings::hv_device,
    ) -> &'a device::Device<device::CoreInternal<'a>> {
        // SAFETY: The device is valid by the contract of this function. `Device` is a transparent
        // wrapper of `struct device`, and the context is the one it claims.
        unsafe { &*(&raw const (*device).device).cast() }
    }

    extern "C" fn probe_callback(
        device: *mut bindings::hv_device,
        _id: *const bindings::hv_vmbus_device_id,
    ) -> c_int {
        from_result(|| {
            // SAFETY: The bus passes a valid device, which stays bound until `remove_callback`, or
            // until this function fails; both end with `retire`.
            let offer = unsafe { Offer::new(device)? };
            // SAFETY: The bus passes a valid device.
            let generic = unsafe { Self::generic(device) };

            // The driver's probe runs after the memory was allocated, so that no step can fail
            // after it has succeeded.
            let kept = offer.clone();
            let result = generic.set_drvdata(try_init!(BoundDevice::<T> {
                data: T::probe(&kept)?,
                offer: kept,
            }? Error));

            if result.is_err() {
                offer.retire();
            }
            result.map(|()| 0)
        })
    }

    extern "C" fn remove_callback(device: *mut bindings::hv_device) {
        // SAFETY: The bus passes a valid device.
        let generic = unsafe { Self::generic(device) };
        // SAFETY: The bus calls this only after `probe_callback` succeeded, which stored a
        // `BoundDevice<T>`.
        let bound = unsafe { generic.drvdata_borrow::<BoundDevice<T>>() };

        T::remove(&bound.data);
        bound.offer.retire();
    }

    extern "C" fn suspend_callback(device: *mut bindings::hv_device) -> c_int {
        // SAFETY: The bus passes a valid device.
        let generic = unsafe { Self::generic(device) };
        // SAFETY: As in `remove_callback`: the device is bound.
        let bound = unsafe { generic.drvdata_borrow::<BoundDevice<T>>() };

        T::suspend(&bound.data);
        bound.offer.suspend();
        0
    }

    extern "C" fn resume_callback(device: *mut bindings::hv_device) -> c_int {
        // SAFETY: The bus passes a valid device.
        let generic = unsafe { Self::generic(device) };
        // SAFETY: As in `remove_callback`: the device is bound.
        let bound = unsafe { generic.drvdata_borrow::<BoundDevice<T>>() };

        bound.offer.resume();
        T::resume(&bound.data);
        0
    }

    /// Closes the channel before the kernel ends: another kernel may be started in the same memory,
    /// which the host must not write to.
    extern "C" fn shutdown_callback(device: *mut bindings::hv_device) {
        Self::suspend_callback(device);
    }
}

/// Returns whether the memory of this virtual machine is isolated from the host.
pub(crate) fn is_isolated() -> bool {
    // SAFETY: The function has no precondition.
    unsafe { bindings::hv_is_isolation_supported() }
}

/// Returns whether there is a VMBus. Without one no driver can be registered.
pub(crate) fn exists() -> bool {
    // SAFETY: The function has no precondition.
    unsafe { bindings::hv_vmbus_exists() }
}
