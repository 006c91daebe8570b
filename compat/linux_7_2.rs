// SPDX-License-Identifier: GPL-2.0

//! `src/linux/module.rs` for the kernel crate of Linux 7.2, which has the module pointer in another
//! place, returns parameters by reference, takes a name for the alias of an id table, and always
//! passes the matching entry to a PCI probe.

/// Returns this module, as the owner of operations.
pub(super) const fn this_module() -> *mut kernel::bindings::module {
    crate::THIS_MODULE.as_ptr()
}

/// Returns the value of a parameter of this module.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) fn parameter<T: Copy>(parameter: &kernel::module_param::ModuleParamAccess<T>) -> T {
    *parameter.value()
}

/// The argument of a PCI probe for the matching table entry. The driver reads the device id
/// instead.
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
