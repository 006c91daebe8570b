// SPDX-License-Identifier: GPL-2.0

//! Arguments in user memory: the structure behind the request, and arrays it points at.
//!
//! A structure is read once, as a whole. What is written back are single fields, as the ABI says
//! which bytes of the caller's structure a request may touch.

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

/// The place in user memory that an address of 64 bits names.
///
/// # Errors
///
/// `EFAULT` if no address is that wide.
fn place(address: u64) -> Result<UserPtr> {
    let address = usize::try_from(address).map_err(|_| EFAULT)?;

    Ok(UserPtr::from_addr(address))
}

/// Reads an array of bytes.
pub(super) fn read_bytes(address: u64, bytes: &mut [u8]) -> Result {
    UserSlice::new(place(address)?, bytes.len())
        .reader()
        .read_slice(bytes)
}

/// Reads an array of `count` values, for which memory is allocated in the name of the caller. The
/// count has been checked.
pub(super) fn read_array<T: FromBytes + IntoBytes>(address: u64, count: usize) -> Result<KVVec<T>> {
    let mut values = KVVec::with_capacity(count, GFP_KERNEL_ACCOUNT)?;

    for _ in 0..count {
        values.push(T::new_zeroed(), GFP_KERNEL_ACCOUNT)?;
    }
    read_bytes(address, values.as_mut_slice().as_mut_bytes())?;
    Ok(values)
}

/// Reads an array.
pub(super) fn read_slice<T: FromBytes + IntoBytes>(address: u64, values: &mut [T]) -> Result {
    read_bytes(address, values.as_mut_bytes())
}

/// Reads a single value.
pub(super) fn read_value<T: FromBytes + IntoBytes>(address: u64) -> Result<T> {
    let mut value = T::new_zeroed();

    read_bytes(address, value.as_mut_bytes())?;
    Ok(value)
}

/// The eventfd of the caller that a field of 64 bits names.
///
/// # Errors
///
/// `EBADF` if the descriptor is not open or is no eventfd, `EPROTOTYPE` if it stands for a shared
/// object of ours.
pub(super) fn event_fd(handle: u64) -> Result<EventFd> {
    // CAST: A descriptor is in the lower half; the upper one does not count.
    let fd = handle as u32;

    // CAST: What is negative then is no descriptor.
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

/// The structure a request points at: a copy of it, and where it came from.
pub(super) struct Argument<T> {
    value: T,
    address: usize,
}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> Argument<T> {
    /// Copies the structure in.
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
