// SPDX-License-Identifier: GPL-2.0

//! Notifiers that are called when an adapter or the global channel is lost.
//!
//! A wait that only the host can end would never end without it, and memory that the host has
//! mapped may be reused. Notifiers are added and removed in constant time.

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

/// The maximum number of notifiers in one list.
const MAX_NOTIFIERS: usize = 1 << 20;

/// An object that depends on an adapter or on the global channel.
pub(crate) trait OnLoss: Send + Sync {
    /// Handles the permanent loss. May sleep; may be called more than once.
    fn on_loss(&self);
}

/// The objects that depend on one adapter or on the global channel.
#[pin_data]
pub(crate) struct NotifierList {
    lost: Atomic<u32>,
    #[pin]
    all: LockedIdTable<Arc<dyn OnLoss>, MAX_NOTIFIERS>,
}

/// An entry of a list. Removed when this is dropped.
pub(crate) struct Notifier {
    on: Arc<NotifierList>,
    id: u64,
}

/// A notifier on an adapter, and one on the global channel.
pub(crate) type Notifiers = [Notifier; 2];

impl NotifierList {
    /// Creates an empty list.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                lost: Atomic::new(0),
                all <- LockedIdTable::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Adds `target`, which is called at once if the loss has happened.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn enter(self: &Arc<Self>, target: Arc<dyn OnLoss>) -> Result<Notifier> {
        let notifier = Notifier {
            id: self.all.insert(target.clone())?,
            on: self.clone(),
        };

        // `on_loss` sets the flag before it walks the list, and this inserts before it reads the
        // flag: at least one of the two sees the other.
        if self.is_lost() {
            target.on_loss();
        }
        Ok(notifier)
    }

    /// Returns whether the loss has happened.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.fetch_add(0, Full) != 0
    }

    /// Records the loss, and calls and removes all notifiers.
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
