// SPDX-License-Identifier: GPL-2.0

//! The sync files that wait for one monitored fence.
//!
//! They are waits on the device that the fence belongs to, and end with it. They also end with the
//! fence: the host ends all waits for a destroyed object as if its value had been reached, so the
//! driver ends them with an error before the host is told.

use super::{
    locked_id_table::LockedIdTable,
    waits::{
        Loss,
        Ticket,
        Waits, //
    },
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    }, //
};

/// The maximum number of sync files on one fence: that of waits on a device.
const MAX_FILES: usize = 1 << 17;

/// A wait of a sync file.
struct FileWait {
    /// The id of the wait in the device's [`Waits`].
    place: u64,
    /// The fence value that ends the wait.
    value: u64,
}

/// The waits of sync files for one fence.
#[pin_data]
pub(crate) struct FenceFiles {
    /// The waits of the device that the fence belongs to.
    waits: Arc<Waits>,
    ended: Atomic<u32>,
    #[pin]
    all: LockedIdTable<FileWait, MAX_FILES>,
}

impl FenceFiles {
    /// Creates an empty set for a fence of the device with `waits`.
    pub(crate) fn new(waits: &Arc<Waits>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                waits: waits.clone(),
                ended: Atomic::new(0),
                all <- LockedIdTable::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Adds the wait of `ticket`, which ends when the fence reaches `value`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the fence is destroyed; `ENOMEM`, also if there are too many sync files.
    pub(crate) fn enter(self: &Arc<Self>, ticket: &Ticket, value: u64) -> Result<FenceFile> {
        let file = FenceFile {
            id: self.all.insert(FileWait {
                place: ticket.place(),
                value,
            })?,
            files: self.clone(),
        };

        // `end` sets the flag before it walks the table, and this inserts before it reads the flag:
        // at least one of the two sees the other.
        if self.ended.fetch_add(0, Full) != 0 {
            return Err(EINVAL);
        }
        Ok(file)
    }

    /// Ends all waits, as the fence is about to be destroyed. A wait whose value has been reached
    /// ends without an error, as the host's signal may still be in flight. `value` returns the
    /// value of the fence, if it is known, and is called at most once.
    pub(crate) fn end(&self, value: impl FnOnce() -> Option<u64>) {
        let mut look = Some(value);
        let mut value = None;
        let mut from = 0;

        self.ended.xchg(1, Full);
        while let Some(wait) = self.all.pop(&mut from) {
            if let Some(look) = look.take() {
                value = look();
            }
            if value.is_some_and(|value| value >= wait.value) {
                self.waits.reach(wait.place);
            } else {
                self.waits.lose_one(wait.place, Loss::Object);
            }
        }
    }
}

/// The entry of a wait that ends with its fence. Removed when this is dropped.
pub(crate) struct FenceFile {
    files: Arc<FenceFiles>,
    id: u64,
}

impl Drop for FenceFile {
    fn drop(&mut self) {
        let _ = self.files.all.remove(self.id);
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_fence_files)]
mod tests {
    use super::*;
    use crate::{
        counter::Counter,
        objects::{
            host_events::HostEvents,
            waits::Wait, //
        }, //
    };

    /// Counts how a wait ended: reached in units, lost with the object in tens, otherwise in
    /// hundreds.
    struct Tally(Atomic<u32>);

    impl Wait for Tally {
        fn reached(&self) {
            self.0.fetch_add(1, Full);
        }

        fn lost(&self, loss: Loss) {
            self.0
                .fetch_add(if loss == Loss::Object { 10 } else { 100 }, Full);
        }
    }

    #[test]
    fn end_with_the_fence() -> Result {
        let host_events = HostEvents::new()?;
        let events = Counter::new(8, GFP_KERNEL)?;
        let waits = Waits::new()?;
        let files = FenceFiles::new(&waits)?;
        let begin = |value| -> Result<(Arc<Tally>, Ticket, FenceFile)> {
            let tally = Arc::new(Tally(Atomic::new(0)), GFP_KERNEL)?;
            let ticket = waits.begin(&host_events.events, events.try_charge(1)?, tally.clone())?;
            let file = files.enter(&ticket, value)?;

            Ok((tally, ticket, file))
        };
        let count = |tally: &Tally| tally.0.fetch_add(0, Full);
        let (below, at, above, withdrawn) = (begin(4)?, begin(5)?, begin(6)?, begin(6)?);
        let mut looks = 0;

        drop((withdrawn.1, withdrawn.2));
        files.end(|| {
            looks += 1;
            Some(5)
        });
        assert_eq!(looks, 1);
        assert_eq!(count(&below.0), 1);
        assert_eq!(count(&at.0), 1);
        assert_eq!(count(&above.0), 10);
        assert_eq!(count(&withdrawn.0), 0);
        // The waits have ended for the device as well.
        waits.lose(Loss::Device);
        assert_eq!(count(&above.0), 10);
        assert_eq!(begin(1).err(), Some(EINVAL));
        Ok(())
    }

    #[test]
    fn unknown_value_is_none() -> Result {
        let host_events = HostEvents::new()?;
        let events = Counter::new(1, GFP_KERNEL)?;
        let waits = Waits::new()?;
        let files = FenceFiles::new(&waits)?;
        let tally = Arc::new(Tally(Atomic::new(0)), GFP_KERNEL)?;
        let ticket = waits.begin(&host_events.events, events.try_charge(1)?, tally.clone())?;
        let _file = files.enter(&ticket, 0)?;

        files.end(|| None);
        assert_eq!(tally.0.fetch_add(0, Full), 10);
        Ok(())
    }
}
