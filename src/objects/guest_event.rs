// SPDX-License-Identifier: GPL-2.0

//! What guest events do when the host signals them.
//!
//! A guest event is a number that a message has named. Most are signalled once, as the end of a
//! [wait](super::waits); that of a CPU notification as often as the host likes.

use super::{
    host_events::{
        EventHandler,
        EventId,
        EventTable, //
    },
    waits::{
        Loss,
        Wait, //
    },
};
use crate::{
    counter::Charge,
    linux::{
        eventfd::EventFd,
        wait::Completion, //
    }, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        SetOnce, //
    }, //
};

/// Adds one to an eventfd, once.
pub(crate) struct EventOnce(EventFd);

impl EventOnce {
    /// For `event`.
    pub(crate) fn new(event: EventFd) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(event), GFP_KERNEL_ACCOUNT)?)
    }
}

impl Wait for EventOnce {
    fn reached(&self) {
        self.0.signal();
    }

    /// Signals as well: a reader, who may be another process, must not wait for ever. What the
    /// program does next tells it why.
    fn lost(&self, _loss: Loss) {
        self.0.signal();
    }
}

/// Wakes a thread.
#[pin_data]
pub(crate) struct Blocking {
    lost: SetOnce<Loss>,
    #[pin]
    ended: Completion,
}

impl Blocking {
    /// For the thread that is about to call [`Self::wait`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                lost: SetOnce::new(),
                ended <- Completion::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Waits for the end.
    ///
    /// # Errors
    ///
    /// `ENODEV` if it was lost, `ERESTARTSYS` after any signal.
    pub(crate) fn wait(&self) -> Result {
        self.ended.wait_interruptible()?;
        match self.lost.as_ref() {
            Some(_) => Err(ENODEV),
            None => Ok(()),
        }
    }
}

impl Wait for Blocking {
    fn reached(&self) {
        self.ended.complete_all();
    }

    fn lost(&self, loss: Loss) {
        self.lost.populate(loss);
        self.ended.complete_all();
    }
}

/// An eventfd, added to at each signal.
struct Doorbell(EventFd);

impl EventHandler for Doorbell {
    fn signalled(&self) {
        self.0.signal();
    }
}

/// A guest event that can be signalled as long as this exists.
pub(crate) struct Notification {
    /// The host finds nothing any more when this is gone.
    name: EventId,
    _charge: Charge,
}

impl Notification {
    /// A guest event, with a name in `events`, that adds to `event`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn new(events: &Arc<EventTable>, charge: Charge, event: EventFd) -> Result<Self> {
        Ok(Self {
            name: events.register(Arc::new(Doorbell(event), GFP_KERNEL_ACCOUNT)?)?,
            _charge: charge,
        })
    }

    /// Its number, for a message.
    pub(crate) fn event(&self) -> u64 {
        self.name.id()
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_guest_event)]
mod tests {
    use super::*;

    #[test]
    fn thread_is_woken() -> Result {
        let reached = Blocking::new()?;
        let lost = Blocking::new()?;

        reached.reached();
        assert_eq!(reached.wait(), Ok(()));
        lost.lost(Loss::Host);
        assert_eq!(lost.wait(), Err(ENODEV));
        Ok(())
    }
}
