// SPDX-License-Identifier: GPL-2.0

//! An [id table](crate::id_table) behind a lock of its own, for any context.
//!
//! What is taken out is dropped by whoever took it, when the lock is not held any more.

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
    /// An empty table.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_irq_lock!(Table::new(), c"LockedIdTable::table"),
        })
    }

    /// Puts `content` in and returns its id, which is never 0. May sleep.
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

    /// A copy of what `id` stands for, if it is anything.
    pub(crate) fn get(&self, id: u64) -> Option<T>
    where
        T: Clone,
    {
        self.table.lock().get(id).cloned()
    }

    /// Takes out what `id` stands for, if it is anything. May be called where sleeping is allowed,
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

    /// Takes out the next entry, beginning with slot `from`. `None` if there is none. Interrupts are
    /// off for a bounded time, however many slots there are.
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

    /// Returns what `look` makes of the next entry, beginning with slot `from`. `None` if there is
    /// none. It must not sleep.
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

    /// Frees the memory that is not needed any more.
    fn shrink(&self) {
        loop {
            let spare = self.table.lock().shrink();

            if spare.is_none() {
                return;
            }
        }
    }
}
