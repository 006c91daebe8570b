// SPDX-License-Identifier: GPL-2.0

//! The addresses at which the host shows its memory to this virtual machine.

use super::{
    claims::{
        Claim,
        Claims, //
    },
    host_view::Viewer, //
};
use crate::linux::{
    mmio::MmioRange,
    user_mapping::{
        Access,
        Caching,
        UserMapping, //
    },
};
use kernel::{
    new_spinlock,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
};

/// The window that was announced to the host.
///
/// It outlives the global channel, if a process does, but nothing is mapped after [`Self::close`].
/// The addresses go back to the bus when nobody sees anything in it any more.
#[pin_data]
pub(crate) struct IoWindow {
    start: u64,
    length: u64,
    claims: Arc<Claims<Viewer>>,
    #[pin]
    range: SpinLock<Option<Arc<MmioRange>>>,
}

impl IoWindow {
    /// The window that fills `range`.
    pub(crate) fn new(range: MmioRange) -> Result<Arc<Self>> {
        let (start, length) = (range.start(), range.size());
        let range = Arc::new(range, GFP_KERNEL)?;
        let claims = Claims::new()?;

        Arc::pin_init(
            pin_init!(Self {
                start,
                length,
                claims,
                range <- new_spinlock!(Some(range), "IoWindow::range"),
            }),
            GFP_KERNEL,
        )
    }

    /// The first address.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Bytes.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Lets nobody map anything any more. Sleeps.
    pub(crate) fn close(&self) {
        let range = self.range.lock().take();

        // Giving addresses back sleeps.
        drop(range);
    }

    /// Checks what the host says about memory it shows to `viewer`: `size` bytes at `address`.
    /// Nobody else can have them until the result is dropped.
    ///
    /// # Errors
    ///
    /// `EINVAL` unless those are whole pages, at least one, inside the window. `EBUSY` if somebody
    /// else has them, `ENOMEM`.
    pub(crate) fn claim(&self, address: u64, size: u64, viewer: Viewer) -> Result<Claim<Viewer>> {
        check(self.start(), self.length(), address, size)?;
        self.claims.claim(address, size, viewer)
    }

    /// Shows the user program `size` bytes at `address`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the window is closed; `ENOMEM`, also for what [`Self::claim`] refuses.
    pub(crate) fn map(
        &self,
        address: u64,
        size: u64,
        access: Access,
        caching: Caching,
    ) -> Result<UserMapping> {
        let range = self.range.lock().clone().ok_or(ENODEV)?;

        UserMapping::map(&range, address, size, access, caching)
    }
}

/// The first half of [`IoWindow::claim`], for a window of `length` bytes at `start`.
fn check(start: u64, length: u64, address: u64, size: u64) -> Result {
    let page = PAGE_SIZE as u64;
    let offset = address.checked_sub(start).ok_or(EINVAL)?;
    let end = offset.checked_add(size).ok_or(EINVAL)?;

    if size == 0 || address % page != 0 || size % page != 0 || end > length {
        return Err(EINVAL);
    }
    Ok(())
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_io_window)]
mod tests {
    use super::*;

    #[test]
    fn edges() {
        let check = |address, size| check(0x10_0000, 0x10_0000, address, size);

        assert!(check(0x10_0000, 0x10_0000).is_ok());
        assert!(check(0x1F_F000, 0x1000).is_ok());
        for (address, size) in [
            (0x0F_F000, 0x1000),
            (0x20_0000, 0x1000),
            (0x1F_F000, 0x2000),
            (0x10_0000, 0x10_1000),
            (0x10_0000, 0),
            (0x10_0008, 0x1000),
            (0x10_0000, 0x800),
            (0, 0x1000),
            (u64::MAX - 0xFFF, 0x1000),
            (0x10_0000, u64::MAX - 0xFFF),
        ] {
            assert!(check(address, size).is_err());
        }
    }
}
