// SPDX-License-Identifier: GPL-2.0

//! The differences between the kernel crates of Linux 7.2 and 7.3 that cannot be avoided, in one
//! file: how device id tables are declared, how a PCI probe is told which entry matched, where the
//! module finds itself, and how it reads its parameters.

/// This module, as the owner of operations.
pub(super) const fn this_module() -> *mut kernel::bindings::module {
    #[cfg(dxgkrnl_linux_7_2)]
    return crate::THIS_MODULE.as_ptr();
    #[cfg(not(dxgkrnl_linux_7_2))]
    return <crate::LocalModule as kernel::ModuleMetadata>::THIS_MODULE.as_ptr();
}

/// The value of a parameter of this module.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) fn parameter<T: Copy>(parameter: &kernel::module_param::ModuleParamAccess<T>) -> T {
    #[cfg(dxgkrnl_linux_7_2)]
    return *parameter.value();
    #[cfg(not(dxgkrnl_linux_7_2))]
    return parameter.value();
}

/// What a PCI probe is told about the matching table entry. We ask the device itself instead.
#[cfg(dxgkrnl_linux_7_2)]
pub(crate) type PciMatch<'a, T> = &'a T;
/// What a PCI probe is told about the matching table entry. We ask the device itself instead.
#[cfg(not(dxgkrnl_linux_7_2))]
pub(crate) type PciMatch<'a, T> = Option<&'a T>;

/// Declares a PCI id table without further information, and its module alias.
#[cfg(dxgkrnl_linux_7_2)]
macro_rules! pci_id_table {
    ($table:ident, $alias:ident, [$($id:expr),* $(,)?]) => {
        kernel::pci_device_table!($table, $alias, (), [$(($id, ())),*]);
    };
}
/// Declares a PCI id table without further information, and its module alias.
#[cfg(not(dxgkrnl_linux_7_2))]
macro_rules! pci_id_table {
    ($table:ident, $alias:ident, [$($id:expr),* $(,)?]) => {
        kernel::pci_device_table!($table, (), [$(($id, ())),*]);
    };
}
pub(crate) use pci_id_table;

/// Declares a VMBus id table and its module alias.
#[cfg(dxgkrnl_linux_7_2)]
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
/// Declares a VMBus id table and its module alias.
#[cfg(not(dxgkrnl_linux_7_2))]
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
