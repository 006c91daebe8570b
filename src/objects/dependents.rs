// SPDX-License-Identifier: GPL-2.0

//! Who must be told when an adapter or the global channel is lost.
//!
//! What only the host can end would never end without it, and what it shows of its memory may
//! become something else. Entered and left in constant time.

use super::directory::Directory;
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
const MAX_DEPENDENTS: usize = 1 << 20;

/// Something that depends on the host.
pub(crate) trait Dependent: Send + Sync {
    /// The way to the host is gone for ever. May sleep; may be called more than once.
    fn cut_off(&self);
}

/// All that depends on one way to the host.
#[pin_data]
pub(crate) struct Dependents {
    lost: Atomic<u32>,
    #[pin]
    all: Directory<Arc<dyn Dependent>, MAX_DEPENDENTS>,
}

/// An entry; it is told nothing any more when this is dropped.
pub(crate) struct Dependence {
    on: Arc<Dependents>,
    id: u64,
}

/// One on an adapter, and one on the global channel.
pub(crate) type Dependences = [Dependence; 2];

impl Dependents {
    /// Nobody yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                lost: Atomic::new(0),
                all <- Directory::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Enters `dependent`, which is told at once if it is too late.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn enter(self: &Arc<Self>, dependent: Arc<dyn Dependent>) -> Result<Dependence> {
        let dependence = Dependence {
            id: self.all.insert(dependent.clone())?,
            on: self.clone(),
        };

        // `cut_off` sets the flag first and looks then; this is the other order, so one of the two
        // sees the other.
        if self.is_lost() {
            dependent.cut_off();
        }
        Ok(dependence)
    }

    /// Whether it is too late.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.fetch_add(0, Full) != 0
    }

    /// Tells everybody.
    pub(crate) fn cut_off(&self) {
        let mut from = 0;

        self.lost.xchg(1, Full);
        while let Some(dependent) = self.all.pop(&mut from) {
            dependent.cut_off();
        }
    }
}

impl Drop for Dependence {
    fn drop(&mut self) {
        drop(self.on.all.remove(self.id));
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_dependents)]
mod tests {
    use super::*;

    struct Counter(Atomic<u32>);

    impl Counter {
        fn new() -> Result<Arc<Self>> {
            Ok(Arc::new(Self(Atomic::new(0)), GFP_KERNEL)?)
        }

        fn count(&self) -> u32 {
            self.0.fetch_add(0, Full)
        }
    }

    impl Dependent for Counter {
        fn cut_off(&self) {
            self.0.fetch_add(1, Full);
        }
    }

    #[test]
    fn those_who_are_there_are_told() -> Result {
        let dependents = Dependents::new()?;
        let (stays, leaves, late) = (Counter::new()?, Counter::new()?, Counter::new()?);
        let _stays = dependents.enter(stays.clone())?;

        drop(dependents.enter(leaves.clone())?);
        dependents.cut_off();
        dependents.cut_off();
        assert_eq!(stays.count(), 1);
        assert_eq!(leaves.count(), 0);

        let _late = dependents.enter(late.clone())?;

        assert_eq!(late.count(), 1);
        Ok(())
    }
}
