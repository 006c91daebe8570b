// SPDX-License-Identifier: GPL-2.0

//! `src/linux/module.rs` for the kernel crate of Linux 7.2, which finds the module elsewhere, returns
//! parameters by reference, names the aliases of id tables, and hands a PCI probe the matching entry
//! itself.

/// This module, as the owner of operations.
pub(super) const fn this_module() -> *mut kernel::bindings::module {
    crate::THIS_MODULE.as_ptr()
}

/// The value of a parameter of this module.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) fn parameter<T: Copy>(parameter: &kernel::module_param::ModuleParamAccess<T>) -> T {
    *parameter.value()
}

/// What a PCI probe is told about the matching table entry. We ask the device itself instead.
pub(crate) type PciMatch<'a, T> = &'a T;

/// Declares a PCI id table without further information, and its module alias.
macro_rules! pci_id_table {
    ($table:ident, $alias:ident, [$($id:expr),* $(,)?]) => {
        kernel::pci_device_table!($table, $alias, (), [$(($id, ())),*]);
    };
}
pub(crate) use pci_id_table;

/// Declares a VMBus id table and its module alias.
macro_rules! vmbus_id_table {
    ($table:ident, $alias:ident, [$($id:expr),* $(,)?]) => {
        const $table: kernel::device_id::IdArray<
            $crate::linux::vmbus::DeviceId,
            (),
            { <[$crate::linux::vmbus::DeviceId]>::len(&[$($id),*]) },
        > = kernel::device_id::IdArray::new_without_index([$(($id, ())),*]);

        kernel::module_device_table!("vmbus", $alias, $table);
    };
}
pub(crate) use vmbus_id_table;
