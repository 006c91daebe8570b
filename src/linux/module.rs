// SPDX-License-Identifier: GPL-2.0

//! The module's own entry points to the kernel crate: its owner pointer, its parameters and its device
//! id tables, as Linux 7.3 has them. What older kernels have instead is in `compat/`.

/// This module, as the owner of operations.
pub(super) const fn this_module() -> *mut kernel::bindings::module {
    <crate::LocalModule as kernel::ModuleMetadata>::THIS_MODULE.as_ptr()
}

/// The value of a parameter of this module.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) fn parameter<T: Copy>(parameter: &kernel::module_param::ModuleParamAccess<T>) -> T {
    parameter.value()
}

/// What a PCI probe is told about the matching table entry. We ask the device itself instead.
pub(crate) type PciMatch<'a, T> = Option<&'a T>;

/// Declares a PCI id table without further information, and its module alias.
macro_rules! pci_id_table {
    ($table:ident, $alias:ident, [$($id:expr),* $(,)?]) => {
        kernel::pci_device_table!($table, (), [$(($id, ())),*]);
    };
}
pub(crate) use pci_id_table;

/// Declares a VMBus id table and its module alias.
macro_rules! vmbus_id_table {
    ($table:ident, $alias:ident, [$($id:expr),* $(,)?]) => {
        kernel::module_device_table!(
            "vmbus",
            $crate::linux::vmbus::DeviceId,
            $table,
            @none,
            [$($id),*]
        );
    };
}
pub(crate) use vmbus_id_table;
