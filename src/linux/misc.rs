// SPDX-License-Identifier: GPL-2.0

//! A misc device with a mode, whose open files keep the module loaded.
//!
//! `kernel::miscdevice` does not support a mode, and before Linux 7.3 sets no owner. The operations
//! themselves are those of [`MiscDevice`].
//!
//! C header: `include/linux/miscdevice.h`

use core::marker::PhantomData;
use kernel::{
    bindings,
    error::to_result,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions, //
    },
    prelude::*,
    types::Opaque, //
};

/// A registered misc device.
///
/// # Invariants
///
/// `device` is registered, and its `fops` point at `self.fops`.
#[pin_data(PinnedDrop)]
pub(crate) struct Registration<T> {
    #[pin]
    fops: Opaque<bindings::file_operations>,
    #[pin]
    device: Opaque<bindings::miscdevice>,
    _type: PhantomData<T>,
}

// SAFETY: A misc device may be deregistered by another thread than the one that registered it.
unsafe impl<T> Send for Registration<T> {}
// SAFETY: There are no methods on `&self`.
unsafe impl<T> Sync for Registration<T> {}

impl<T: MiscDevice> Registration<T> {
    /// Registers `/dev/<name>` with the permission bits `mode`.
    pub(crate) fn register(
        name: &'static CStr,
        mode: u16,
        module: &'static ThisModule,
    ) -> impl PinInit<Self, Error> {
        let template = MiscDeviceOptions { name }.into_raw::<T>();

        try_pin_init!(&this in Self {
            fops <- Opaque::ffi_init(|slot: *mut bindings::file_operations| {
                // SAFETY:
                // - `into_raw` made `fops` point at a constant table, which is plain data.
                // - `slot` is valid for writes.
                unsafe {
                    slot.write(core::ptr::read(template.fops));
                    (*slot).owner = module.as_ptr();
                }
            }),
            device <- Opaque::try_ffi_init(|slot: *mut bindings::miscdevice| {
                let mut device = template;

                device.mode = mode;
                // SAFETY: `this` is the memory being initialised; only an address is taken.
                device.fops = unsafe { &raw const (*this.as_ptr()).fops }.cast();
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(device) };
                // SAFETY: The device was just written. It is pinned, like the table it points at,
                // and `drop` deregisters it before either is freed.
                //
                // INVARIANT: On success the device is registered with this table.
                to_result(unsafe { bindings::misc_register(slot) })
            }),
            _type: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the device is registered.
        unsafe { bindings::misc_deregister(self.device.get()) };
    }
}
