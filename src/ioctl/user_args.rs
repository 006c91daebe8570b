// SPDX-License-Identifier: GPL-2.0

//! Arguments in user memory: the structure of a request, and the arrays it points to.
//!
//! A structure is read once, as a whole. Results are written back field by field, since the ABI
//! defines which bytes of the caller's structure a request may change.

use crate::linux::{
    anon_file,
    errno,
    eventfd::EventFd, //
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    uaccess::UserSlice, //
};
use zerocopy::{
    Immutable,
    KnownLayout, //
};

/// Converts a 64-bit address of the ABI to a user pointer.
///
/// # Errors
///
/// `EFAULT` if it does not fit the address size of the kernel.
fn place(address: u64) -> Result<UserPtr> {
    let address = usize::try_from(address).map_err(|_| EFAULT)?;

    Ok(UserPtr::from_addr(address))
}

/// Reads `bytes.len()` bytes at `address`.
pub(super) fn read_bytes(address: u64, bytes: &mut [u8]) -> Result {
    UserSlice::new(place(address)?, bytes.len())
        .reader()
        .read_slice(bytes)
}

/// Reads an array of `count` values into memory that is charged to the caller. `count` must have
/// been checked.
pub(super) fn read_array<T: FromBytes + IntoBytes>(address: u64, count: usize) -> Result<KVVec<T>> {
    let mut values = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;

    for _ in 0..count {
        values.push(T::new_zeroed(), GFP_KERNEL_ACCOUNT)?;
    }
    read_bytes(address, values.as_mut_slice().as_mut_bytes())?;
    Ok(values)
}

/// Reads an array into `values`.
pub(super) fn read_slice<T: FromBytes + IntoBytes>(address: u64, values: &mut [T]) -> Result {
    read_bytes(address, values.as_mut_bytes())
}

/// Reads a single value.
pub(super) fn read_value<T: FromBytes + IntoBytes>(address: u64) -> Result<T> {
    let mut value = T::new_zeroed();

    read_bytes(address, value.as_mut_bytes())?;
    Ok(value)
}

/// Returns the eventfd of the caller, which the ABI passes as 64 bits.
///
/// # Errors
///
/// `EBADF` if the descriptor is not open or is no eventfd, `EPROTOTYPE` if it refers to a shared
/// object of this driver.
pub(super) fn event_fd(handle: u64) -> Result<EventFd> {
    // CAST: The descriptor is in the lower half; the ABI ignores the upper one.
    let fd = handle as u32;

    // CAST: A negative result is not a valid descriptor.
    EventFd::from_fd(fd as i32).map_err(|_| {
        if anon_file::is_ours(fd) {
            errno::eprototype()
        } else {
            EBADF
        }
    })
}

/// Writes an array.
pub(super) fn write_slice<T: IntoBytes + Immutable>(address: u64, values: &[T]) -> Result {
    let bytes = values.as_bytes();

    UserSlice::new(place(address)?, bytes.len())
        .writer()
        .write_slice(bytes)
}

/// A copy of the structure of a request, and its address in user memory.
pub(super) struct Argument<T> {
    value: T,
    address: usize,
}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> Argument<T> {
    /// Copies the structure from user memory.
    ///
    /// # Errors
    ///
    /// `EFAULT` if it cannot be read.
    pub(super) fn read(address: usize) -> Result<Self> {
        let mut value = T::new_zeroed();

        UserSlice::new(UserPtr::from_addr(address), size_of::<T>())
            .reader()
            .read_slice(value.as_mut_bytes())?;
        Ok(Self { value, address })
    }

    /// Writes `value` to the structure in user memory, `offset` bytes from its start.
    ///
    /// # Errors
    ///
    /// `EFAULT` if it cannot be written.
    pub(super) fn write<F>(&self, offset: usize, value: &F) -> Result
    where
        F: IntoBytes + Immutable + ?Sized,
    {
        let place = UserPtr::from_addr(self.address).wrapping_byte_add(offset);
        let bytes = value.as_bytes();

        UserSlice::new(place, bytes.len())
            .writer()
            .write_slice(bytes)
    }

    /// Writes the structure back as a whole.
    ///
    /// # Errors
    ///
    /// `EFAULT` if it cannot be written.
    pub(super) fn write_back(&self, value: &T) -> Result {
        self.write(0, value)
    }
}

impl<T> Deref for Argument<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Writes a field of an [`Argument`] to user memory.
macro_rules! write_field {
    ($argument:expr, $type:ty, $field:ident, $value:expr) => {
        $argument.write(core::mem::offset_of!($type, $field), $value)
    };
}
pub(super) use write_field;
