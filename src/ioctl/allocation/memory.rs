// SPDX-License-Identifier: GPL-2.0

//! Handing memory of a program over to the host, for an allocation to consist of.

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

/// Memory of a program, and what it is for.
pub(super) struct SysmemSetup<'a> {
    pub(super) process: &'a Process,
    pub(super) guard: &'a DeviceGuard,
    /// What is to consist of it.
    pub(super) allocation: Handle,
    /// Where it starts.
    pub(super) address: u64,
    /// How large the host says that the allocation is.
    pub(super) size: u64,
    /// The GPU may write it.
    pub(super) writable: bool,
}

/// How many pages of a program an allocation of `size` bytes consists of: the whole ones, as the
/// reference counts them. What is left of a page is not handed over, since the program need not
/// have it; but less than a page lies in the one that the program names.
///
/// # Errors
///
/// `EINVAL` if there are no bytes, `ENOMEM` if there are more pages than the protocol can name.
fn page_count(size: u64) -> Result<u64> {
    // CAST: It is small.
    let page = PAGE_SIZE as u64;

    match size / page {
        0 if size == 0 => Err(EINVAL),
        0 => Ok(1),
        pages if pages > u64::from(u32::MAX) => Err(ENOMEM),
        pages => Ok(pages),
    }
}

/// How `pages` are told to the host: where each message starts, and how many it has.
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
    /// The host decides how much: it may be more than the program has asked for, as drivers round
    /// sizes up. Pages are pinned that the program has, and no others.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the allocation has no bytes; `ENOMEM` if its pages are not all there or cannot be
    /// pinned, or are more than the protocol can name. That is 4 GiB where memory is handed over as
    /// a GPADL, whose length has 32 bits; the reference cuts it off, and hands over less than it
    /// says. `EPERM`, which user libraries know as "not supported", if memory of this machine is
    /// encrypted: the host cannot read it, and the reference hands over what makes no sense to it.
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
        // User libraries know that there is too little memory; which part of it is none, they do
        // not ask.
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

    /// Tells the host where the memory is.
    ///
    /// # Errors
    ///
    /// What the host says, and how it is reached. It may have the memory nevertheless.
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
            // Parts of pages: there is no less than one, and no more than are whole.
            (1, 1),
            (0xFFF, 1),
            (0x1001, 1),
            (0x2FFF, 2),
            // 4 GiB, around which numbers of 32 bits end
            (0xFFFF_F000, 0xF_FFFF),
            (0x1_0000_0000, 0x10_0000),
            (0x1_0000_1000, 0x10_0001),
            // 1 TiB, and the last size that has a name
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
