// SPDX-License-Identifier: GPL-2.0

//! Who must be told when an adapter or the global channel is lost.
//!
//! What only the host can end would never end without it, and what it shows of its memory may
//! become something else. Entered and left in constant time.

use super::locked_id_table::LockedIdTable;
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

/// Most of them at one place.
const MAX_NOTIFIERS: usize = 1 << 20;

/// Something that depends on the host.
pub(crate) trait OnLoss: Send + Sync {
    /// The way to the host is gone for ever. May sleep; may be called more than once.
    fn on_loss(&self);
}

/// All that depends on one way to the host.
#[pin_data]
pub(crate) struct NotifierList {
    lost: Atomic<u32>,
    #[pin]
    all: LockedIdTable<Arc<dyn OnLoss>, MAX_NOTIFIERS>,
}

/// An entry; it is told nothing any more when this is dropped.
pub(crate) struct Notifier {
    on: Arc<NotifierList>,
    id: u64,
}

/// One on an adapter, and one on the global channel.
pub(crate) type Notifiers = [Notifier; 2];

impl NotifierList {
    /// Nobody yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                lost: Atomic::new(0),
                all <- LockedIdTable::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Enters `target`, which is told at once if it is too late.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn enter(self: &Arc<Self>, target: Arc<dyn OnLoss>) -> Result<Notifier> {
        let notifier = Notifier {
            id: self.all.insert(target.clone())?,
            on: self.clone(),
        };

        // `on_loss` sets the flag first and looks then; this is the other order, so one of the two
        // sees the other.
        if self.is_lost() {
            target.on_loss();
        }
        Ok(notifier)
    }

    /// Whether it is too late.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.fetch_add(0, Full) != 0
    }

    /// Tells everybody.
    pub(crate) fn on_loss(&self) {
        let mut from = 0;

        self.lost.xchg(1, Full);
        while let Some(target) = self.all.pop(&mut from) {
            target.on_loss();
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        drop(self.on.all.remove(self.id));
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_notifier_list)]
mod tests {
    use super::*;

    struct Tally(Atomic<u32>);

    impl Tally {
        fn new() -> Result<Arc<Self>> {
            Ok(Arc::new(Self(Atomic::new(0)), GFP_KERNEL)?)
        }

        fn count(&self) -> u32 {
            self.0.fetch_add(0, Full)
        }
    }

    impl OnLoss for Tally {
        fn on_loss(&self) {
            self.0.fetch_add(1, Full);
        }
    }

    #[test]
    fn those_who_are_there_are_told() -> Result {
        let loss_notifiers = NotifierList::new()?;
        let (stays, leaves, late) = (Tally::new()?, Tally::new()?, Tally::new()?);
        let _stays = loss_notifiers.enter(stays.clone())?;

        drop(loss_notifiers.enter(leaves.clone())?);
        loss_notifiers.on_loss();
        loss_notifiers.on_loss();
        assert_eq!(stays.count(), 1);
        assert_eq!(leaves.count(), 0);

        let _late = loss_notifiers.enter(late.clone())?;

        assert_eq!(late.count(), 1);
        Ok(())
    }
}
