// SPDX-License-Identifier: GPL-2.0

//! Handing memory of a program over to the host, for an allocation to consist of.

use crate::{
    linux::{
        channel::Gpadl,
        errno::eopnotsupp,
        user_pages::PinnedPages,
        vmbus::is_isolated, //
    },
    message::existing_memory::{
        SetExistingPages,
        SetExistingStore, //
    },
    objects::{
        allocation::OwnMemory,
        device::DeviceGuard,
        limbo::{
            Lent,
            LentMemory, //
        },
        process::Process, //
    },
    wire::Handle,
};
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    sync::Arc, //
};

/// Memory of a program, and what it is for.
pub(super) struct Loan<'a> {
    pub(super) process: &'a Process,
    pub(super) guard: &'a DeviceGuard,
    /// What is to consist of it.
    pub(super) allocation: Handle,
    /// Where it starts.
    pub(super) address: u64,
    /// How much of it the host wants.
    pub(super) size: u64,
    /// The GPU may write it.
    pub(super) writable: bool,
}

/// How many pages `size` bytes are that the host wants.
///
/// # Errors
///
/// `EINVAL` unless they are whole pages, at least one, and no more than the protocol can name.
fn whole_pages(size: u64) -> Result<u64> {
    // CAST: It is small.
    let page = PAGE_SIZE as u64;
    let pages = size / page;

    if pages == 0 || size % page != 0 || pages > u64::from(u32::MAX) {
        return Err(EINVAL);
    }
    Ok(pages)
}

/// How `pages` are told to the host: where each message starts, and how many it has.
fn page_lists(pages: u32) -> impl Iterator<Item = (u32, u32)> {
    let most = SetExistingPages::<()>::MOST;

    (0..pages.div_ceil(most)).map(move |index| {
        let offset = index * most;

        (offset, most.min(pages - offset))
    })
}

impl Loan<'_> {
    /// Pins the memory.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the host does not want whole pages, or more than its protocol can name (`EFBIG`
    /// if it would be enough for page lists); `ENOMEM` if they cannot be pinned, or not so many;
    /// `EOPNOTSUPP` if memory of programs is hidden from the host, and must stay so.
    pub(super) fn prepare(&self) -> Result<OwnMemory> {
        if is_isolated() {
            return Err(eopnotsupp());
        }

        let maps_pages = self.guard.adapter().maps_pages();

        if !maps_pages && self.size > Gpadl::MOST {
            return Err(EFBIG);
        }

        let pages = whole_pages(self.size)?;
        let count = usize::try_from(pages).map_err(|_| ENOMEM)?;
        let counted = self.process.pinned().take(pages)?;
        let pages = PinnedPages::pin(self.address, count, self.writable, counted);
        // User libraries know that there is too little memory; which part of it is none, they do
        // not ask.
        let pages = pages.map_err(|error| if error == EFAULT { ENOMEM } else { error })?;
        let lent = if maps_pages {
            Lent::Pages(pages)
        } else {
            let pages = Arc::new(pages, GFP_KERNEL_ACCOUNT)?;

            Lent::Gpadl(Gpadl::establish(
                self.process.host_session(),
                pages.map_kernel()?,
            )?)
        };
        let lent = LentMemory::new(
            self.process.limbo().clone(),
            self.guard.device().clone(),
            lent,
        )?;

        Ok(OwnMemory {
            address: self.address,
            lent,
        })
    }

    /// Tells the host where the memory is.
    ///
    /// # Errors
    ///
    /// What the host says, and how it is reached. It may have the memory nevertheless.
    pub(super) fn hand_over(&self, memory: &OwnMemory) -> Result {
        memory.lent.hand_over();
        match memory.lent.lent() {
            Some(Lent::Pages(pages)) => self.hand_over_pages(pages),
            Some(Lent::Gpadl(gpadl)) => self.hand_over_store(gpadl),
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
            // 4 GiB, around which numbers of 32 bits end
            (0xFFFF_F000, 0xF_FFFF),
            (0x1_0000_0000, 0x10_0000),
            (0x1_0000_1000, 0x10_0001),
            // 1 TiB, and the last size that has a name
            (0x100_0000_0000, 0x1000_0000),
            (0xFFF_FFFF_F000, 0xFFFF_FFFF),
        ] {
            assert_eq!(whole_pages(size), Ok(pages));
        }
        for lie in [
            0,
            1,
            0xFFF,
            0x1001,
            0x1_0000_0001,
            0x1000_0000_0000,
            1 << 63,
            u64::MAX - 0xFFF,
            u64::MAX,
        ] {
            assert_eq!(whole_pages(lie), Err(EINVAL));
        }
    }

    #[test]
    fn lists_have_every_page_once() {
        const MOST: u32 = 15_867;

        for pages in [
            1,
            2,
            MOST - 1,
            MOST,
            MOST + 1,
            2 * MOST,
            0x10_0000,
            0x10_0001,
            u32::MAX - 1,
            u32::MAX,
        ] {
            let mut next = 0u64;

            for (offset, count) in page_lists(pages) {
                assert_eq!(u64::from(offset), next);
                assert!(count > 0 && count <= MOST);
                next += u64::from(count);
            }
            assert_eq!(next, u64::from(pages));
        }
    }
}
