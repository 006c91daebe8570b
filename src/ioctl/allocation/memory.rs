// SPDX-License-Identifier: GPL-2.0

//! Handing memory of a program over to the host, for an allocation to consist of.

use crate::{
    linux::{
        channel::Gpadl,
        user_pages::PinnedPages, //
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

impl Loan<'_> {
    /// Pins the memory.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the host does not want whole pages, `ENOMEM` if they cannot be pinned.
    pub(super) fn prepare(&self) -> Result<OwnMemory> {
        let size = usize::try_from(self.size).map_err(|_| ENOMEM)?;

        if size == 0 || size % PAGE_SIZE != 0 {
            return Err(EINVAL);
        }

        let pages = PinnedPages::pin(self.address, size / PAGE_SIZE, self.writable);
        // User libraries know that there is too little memory; which part of it is none, they do
        // not ask.
        let pages = pages.map_err(|error| if error == EFAULT { ENOMEM } else { error })?;
        let lent = if self.guard.adapter().maps_pages() {
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
        match memory.lent.lent() {
            Some(Lent::Pages(pages)) => self.hand_over_pages(pages),
            Some(Lent::Gpadl(gpadl)) => self.hand_over_store(gpadl),
            None => Err(EINVAL),
        }
    }

    fn hand_over_pages(&self, pages: &PinnedPages) -> Result {
        let most = SetExistingPages::<()>::MOST;
        let count = u32::try_from(pages.len()).map_err(|_| EINVAL)?;
        let mut frames = pages.frames();
        let mut offset = 0;

        while offset < count {
            let some = (count - offset).min(most);

            self.guard.active().call(
                self.process.on_host()?,
                SetExistingPages {
                    device: self.guard.handle(),
                    allocation: self.allocation,
                    offset,
                    count: some,
                    frames: frames.by_ref(),
                },
            )?;
            offset += some;
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
