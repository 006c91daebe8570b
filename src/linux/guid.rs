// SPDX-License-Identifier: GPL-2.0

//! GUIDs, by which the VMBus identifies devices and their classes.
//!
//! C header: `include/linux/uuid.h`

/// A GUID in the byte order of the host.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guid([u8; 16]);

impl Guid {
    /// Creates the GUID whose text form is `a-b-c-tail`.
    pub(crate) const fn new(a: u32, b: u16, c: u16, tail: [u8; 8]) -> Self {
        let [a0, a1, a2, a3] = a.to_le_bytes();
        let [b0, b1] = b.to_le_bytes();
        let [c0, c1] = c.to_le_bytes();
        let [t0, t1, t2, t3, t4, t5, t6, t7] = tail;

        Self([
            a0, a1, a2, a3, b0, b1, c0, c1, t0, t1, t2, t3, t4, t5, t6, t7,
        ])
    }

    /// Creates a GUID from the bytes as the host sends them.
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes as the host sends them.
    pub(crate) const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
