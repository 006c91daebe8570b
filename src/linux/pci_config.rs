// SPDX-License-Identifier: GPL-2.0

//! PCI configuration space accesses that report errors.
//!
//! The accessors of the kernel crate drop the result of the access; for a device on a virtual bus a
//! failing access is an ordinary event.
//!
//! C header: `include/linux/pci.h`

use kernel::{
    bindings,
    device::Bound,
    pci,
    prelude::*, //
};

/// The configuration space of one function, as 32-bit words.
pub(crate) struct ConfigWords<'a> {
    device: &'a pci::Device<Bound>,
}

impl<'a> ConfigWords<'a> {
    /// Returns the configuration space of `device`.
    pub(crate) fn new(device: &'a pci::Device<Bound>) -> Self {
        Self { device }
    }

    fn raw(&self) -> *mut bindings::pci_dev {
        // CAST: `pci::Device` is a transparent wrapper of `struct pci_dev`.
        core::ptr::from_ref(self.device).cast_mut().cast()
    }

    /// Reads the word at byte `offset`.
    ///
    /// # Errors
    ///
    /// `EIO` if the access failed or `offset` is not in configuration space.
    pub(crate) fn read(&self, offset: u16) -> Result<u32> {
        let mut value = 0;

        // SAFETY: The device is valid while it is borrowed; `value` is a local variable. The
        // function checks the offset.
        let ret =
            unsafe { bindings::pci_read_config_dword(self.raw(), i32::from(offset), &mut value) };

        if ret != 0 {
            return Err(EIO);
        }
        Ok(value)
    }

    /// Writes the word at byte `offset`.
    ///
    /// # Errors
    ///
    /// `EIO` if the access failed or `offset` is not in configuration space.
    pub(crate) fn write(&self, offset: u16, value: u32) -> Result {
        // SAFETY: The device is valid while it is borrowed. The function checks the offset.
        let ret = unsafe { bindings::pci_write_config_dword(self.raw(), i32::from(offset), value) };

        if ret != 0 {
            return Err(EIO);
        }
        Ok(())
    }
}
