// SPDX-License-Identifier: GPL-2.0

//! Handing memory of a program over to the host, to back an allocation.

use crate::{
    linux::{
        channel::Gpadl,
        user_pages::PinnedPages,
        vmbus::is_isolated, //
    },
    message::existing_memory::{
        SetExistingPages,
        SetExistingStore, //
    },
    objects::{
        allocation::OwnMemory,
        deferred_unpin::{
            Sysmem,
            SysmemRef, //
        },
        device::DeviceGuard,
        process::Process, //
    },
    wire::Handle, //
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc, //
};

/// Memory of a program, and the allocation it is to back.
pub(super) struct SysmemSetup<'a> {
    pub(super) process: &'a Process,
    pub(super) guard: &'a DeviceGuard,
    /// The host's handle of the allocation.
    pub(super) allocation: Handle,
    /// Address of the memory in the program.
    pub(super) address: u64,
    /// Size of the allocation in bytes, as the host has reported it.
    pub(super) size: u64,
    /// Whether the GPU may write the memory.
    pub(super) writable: bool,
}

/// Returns the number of pages that back an allocation of `size` bytes: the whole ones, as the
/// reference driver counts them. A partial page at the end is not handed over, since the program
/// need not have mapped it. An allocation of less than a page gets the page that the program names.
///
/// # Errors
///
/// `EINVAL` if the size is 0, `ENOMEM` if there are more pages than the protocol can number.
fn page_count(size: u64) -> Result<u64> {
    // CAST: The page size fits 64 bits.
    let page = PAGE_SIZE as u64;

    match size / page {
        0 if size == 0 => Err(EINVAL),
        0 => Ok(1),
        pages if pages > u64::from(u32::MAX) => Err(ENOMEM),
        pages => Ok(pages),
    }
}

/// Splits `pages` into messages. Returns the first page and the number of pages of each.
fn page_lists(pages: u32) -> impl Iterator<Item = (u32, u32)> {
    let most = SetExistingPages::<()>::MAX;

    (0..pages.div_ceil(most)).map(move |index| {
        let offset = index * most;

        (offset, most.min(pages - offset))
    })
}

impl SysmemSetup<'_> {
    /// Pins the memory.
    ///
    /// The host decides how much: that may be more than the program has asked for, since drivers
    /// round sizes up. Only pages that the program has mapped are pinned.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the allocation has no bytes; `ENOMEM` if its pages are not all mapped, cannot be
    /// pinned, or are more than the protocol can number. The limit is 4 GiB if the memory is handed
    /// over as a GPADL, whose length has 32 bits; the reference driver truncates the length, and
    /// hands over less than it announces. `EPERM`, which user libraries report as "not supported",
    /// if the memory of this machine is encrypted: the host cannot read it, and the reference
    /// driver hands over ciphertext.
    pub(super) fn prepare(&self) -> Result<OwnMemory> {
        if is_isolated() {
            return Err(EPERM);
        }

        let maps_pages = self.guard.adapter().maps_pages();
        let pages = page_count(self.size)?;

        if !maps_pages && pages > Gpadl::MAX_PAGES {
            return Err(ENOMEM);
        }

        let count = usize::try_from(pages).map_err(|_| ENOMEM)?;
        let counted = self.process.pinned().try_charge(pages)?;
        let pages = PinnedPages::pin(self.address, count, self.writable, counted);
        // `ENOMEM` is the error user libraries expect, also where part of the memory is not mapped.
        let pages = pages.map_err(|error| if error == EFAULT { ENOMEM } else { error })?;
        let sysmem = if maps_pages {
            Sysmem::Pages(pages)
        } else {
            let pages = Arc::new(pages, GFP_KERNEL_ACCOUNT)?;

            Sysmem::Gpadl(Gpadl::establish(
                self.process.host_session(),
                pages.map_kernel()?,
                &self.process.driver_data().gpadls,
            )?)
        };
        let sysmem = SysmemRef::new(self.process, self.guard.device().clone(), sysmem)?;

        Ok(OwnMemory {
            address: self.address,
            sysmem,
        })
    }

    /// Tells the host which pages back the allocation.
    ///
    /// # Errors
    ///
    /// Those of the host and of the transport. The host may use the memory even after an error.
    pub(super) fn hand_over(&self, memory: &OwnMemory) -> Result {
        memory.sysmem.hand_over();
        match memory.sysmem.sysmem() {
            Some(Sysmem::Pages(pages)) => self.hand_over_pages(pages),
            Some(Sysmem::Gpadl(gpadl)) => self.hand_over_store(gpadl),
            None => Err(EINVAL),
        }
    }

    fn hand_over_pages(&self, pages: &PinnedPages) -> Result {
        let count = u32::try_from(pages.len()).map_err(|_| EINVAL)?;
        let mut frames = pages.frames();

        for (offset, count) in page_lists(count) {
            self.guard.active().call(
                self.process.on_host()?,
                SetExistingPages {
                    device: self.guard.handle(),
                    allocation: self.allocation,
                    offset,
                    count,
                    frames: frames.by_ref(),
                },
            )?;
        }
        Ok(())
    }

    fn hand_over_store(&self, gpadl: &Gpadl) -> Result {
        let command = SetExistingStore {
            device: self.guard.handle(),
            allocation: self.allocation,
            gpadl: gpadl.handle(),
        };

        self.guard
            .active()
            .call(self.process.on_host()?, command)
            .map(drop)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_existing_memory)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_hosts_want() {
        for (size, pages) in [
            (0x1000, 1),
            (0x2000, 2),
            // Partial pages: at least one page, and otherwise whole pages only.
            (1, 1),
            (0xFFF, 1),
            (0x1001, 1),
            (0x2FFF, 2),
            // 4 GiB, where 32-bit sizes overflow.
            (0xFFFF_F000, 0xF_FFFF),
            (0x1_0000_0000, 0x10_0000),
            (0x1_0000_1000, 0x10_0001),
            // 1 TiB, and the largest size whose pages can be numbered.
            (0x100_0000_0000, 0x1000_0000),
            (0xFFF_FFFF_F000, 0xFFFF_FFFF),
        ] {
            assert_eq!(page_count(size), Ok(pages));
        }
        assert_eq!(page_count(0), Err(EINVAL));
        for lie in [0x1000_0000_0000, 1 << 63, u64::MAX - 0xFFF, u64::MAX] {
            assert_eq!(page_count(lie), Err(ENOMEM));
        }
    }

    #[test]
    fn lists_have_every_page_once() {
        const MAX: u32 = 15_867;

        for pages in [
            1,
            2,
            MAX - 1,
            MAX,
            MAX + 1,
            2 * MAX,
            0x10_0000,
            0x10_0001,
            u32::MAX - 1,
            u32::MAX,
        ] {
            let mut next = 0u64;

            for (offset, count) in page_lists(pages) {
                assert_eq!(u64::from(offset), next);
                assert!(count > 0 && count <= MAX);
                next += u64::from(count);
            }
            assert_eq!(next, u64::from(pages));
        }
    }
}
