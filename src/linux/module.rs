// SPDX-License-Identifier: GPL-2.0

//! The module's own entry points to the kernel crate: its owner pointer, its parameters and its
//! device id tables, as in Linux 7.3. The variants for older kernels are in `compat/`.

/// Returns this module, as the owner of operations.
pub(super) const fn this_module() -> *mut kernel::bindings::module {
    <crate::LocalModule as kernel::ModuleMetadata>::THIS_MODULE.as_ptr()
}

/// Returns the value of a parameter of this module.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) fn parameter<T: Copy>(parameter: &kernel::module_param::ModuleParamAccess<T>) -> T {
    parameter.value()
}

/// The argument of a PCI probe for the matching table entry. The driver reads the device id
/// instead.
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
