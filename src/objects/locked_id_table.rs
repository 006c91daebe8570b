// SPDX-License-Identifier: GPL-2.0

//! An [id table](crate::id_table) with a lock of its own, for any context.
//!
//! The caller that removes an entry drops it, after the lock was released.

use crate::{
    id_table::{
        Spare,
        Step,
        Table, //
    },
    linux::irq_lock::{
        new_irq_lock,
        IrqLock, //
    },
};
use kernel::prelude::*;

/// A table of at most `MAX` entries that may be used in softirq context.
#[pin_data]
pub(crate) struct LockedIdTable<T, const MAX: usize> {
    #[pin]
    table: IrqLock<Table<T, MAX>>,
}

impl<T, const MAX: usize> LockedIdTable<T, MAX> {
    /// Creates an empty table.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_irq_lock!(Table::new(), c"LockedIdTable::table"),
        })
    }

    /// Inserts `content` and returns its id, which is never 0. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn insert(&self, content: T) -> Result<u64> {
        let mut content = content;

        loop {
            let mut table = self.table.lock();

            match table.spare_for(0)? {
                None => match table.insert(content) {
                    Ok(id) => return Ok(id),
                    Err(back) => content = back,
                },
                Some(slots) => {
                    drop(table);

                    let spare = Spare::new(slots)?;
                    let rest = self.table.lock().grow(spare);

                    drop(rest);
                }
            }
        }
    }

    /// Returns a clone of the entry with the id `id`, if there is one.
    pub(crate) fn get(&self, id: u64) -> Option<T>
    where
        T: Clone,
    {
        self.table.lock().get(id).cloned()
    }

    /// Removes and returns the entry with the id `id`, if there is one. May be called in process
    /// and in softirq context.
    pub(crate) fn remove(&self, id: u64) -> Option<T> {
        let mut table = self.table.lock();
        let content = table.remove(id);
        let spare = table.shrink();

        drop(table);
        if spare.is_some() {
            drop(spare);
            self.shrink();
        }
        content
    }

    /// Removes and returns the next entry from slot `from` on. `None` if there is none. The time
    /// with interrupts off is bounded, however many slots there are.
    pub(crate) fn pop(&self, from: &mut usize) -> Option<T> {
        loop {
            let step = self.table.lock().pop(from, |_| true);

            match step {
                Step::Found(content) => return Some(content),
                Step::More => {}
                Step::End => {
                    self.shrink();
                    return None;
                }
            }
        }
    }

    /// Returns what `look` returns for the next entry from slot `from` on. `None` if there is none.
    /// `look` must not sleep.
    pub(crate) fn look<R>(&self, from: &mut usize, look: impl Fn(&T) -> R) -> Option<R> {
        loop {
            let step = self.table.lock().look(from, &look);

            match step {
                Step::Found(result) => return Some(result),
                Step::More => {}
                Step::End => return None,
            }
        }
    }

    /// Frees memory that is no longer needed.
    fn shrink(&self) {
        loop {
            let spare = self.table.lock().shrink();

            if spare.is_none() {
                return;
            }
        }
    }
}
