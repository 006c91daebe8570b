// SPDX-License-Identifier: GPL-2.0

//! The actions taken when the host signals a guest event.
//!
//! A guest event is an id that a message has passed to the host. Most are signalled once, as the
//! end of a [wait](super::waits); that of a CPU notification any number of times.

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

/// A wait that adds one to an eventfd when it ends.
pub(crate) struct EventOnce(EventFd);

impl EventOnce {
    /// Creates the wait for `event`.
    pub(crate) fn new(event: EventFd) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(event), GFP_KERNEL_ACCOUNT)?)
    }
}

impl Wait for EventOnce {
    fn reached(&self) {
        self.0.signal();
    }

    /// Signals as well: a reader, which may be another process, must not block forever. The
    /// program's next request tells it the reason.
    fn lost(&self, _loss: Loss) {
        self.0.signal();
    }
}

/// A wait that a thread sleeps for.
#[pin_data]
pub(crate) struct Blocking {
    lost: SetOnce<Loss>,
    #[pin]
    ended: Completion,
}

impl Blocking {
    /// Creates the wait for the thread that is about to call [`Self::wait`].
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                lost: SetOnce::new(),
                ended <- Completion::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Sleeps until the wait ends.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the wait was lost, `ERESTARTSYS` after any signal.
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

/// An eventfd that is incremented each time the host signals the event.
struct Doorbell(EventFd);

impl EventHandler for Doorbell {
    fn signalled(&self) {
        self.0.signal();
    }
}

/// A guest event that the host can signal until this is dropped.
pub(crate) struct Notification {
    /// The registered id. The host's signals are ignored after it is dropped.
    name: EventId,
    _charge: Charge,
}

impl Notification {
    /// Registers a guest event in `events` that increments `event`.
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

    /// Returns the id of the event, for a message.
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
