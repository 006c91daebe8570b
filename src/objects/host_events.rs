// SPDX-License-Identifier: GPL-2.0

//! Notifications that the host sends on its own: guest events, which are found in constant time by
//! the id that a message has passed, and changes of the state of a device. Runs in the channel
//! callback.
//!
//! An entry exists as long as its [`EventId`]. Late, repeated and invented notifications find no
//! entry, and are ignored.

use super::locked_id_table::LockedIdTable;
use crate::{
    linux::ratelimit::pr_warn_limited,
    message::notification::{
        self,
        Notification, //
    },
    transport::Listener, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc, //
    }, //
};

/// The maximum number of events that the host may know at a time.
const MAX_NAMED: usize = 1 << 20;

/// The lowest id that is given to the host for an event.
const FIRST_EVENT: u64 = 2;

/// The handler of an event.
pub(crate) trait EventHandler: Send + Sync {
    /// Handles a signal of the host. Called in softirq context; must not sleep.
    fn signalled(&self);
}

/// The handlers of events, by id.
#[pin_data]
pub(crate) struct EventTable {
    #[pin]
    table: LockedIdTable<Arc<dyn EventHandler>, MAX_NAMED>,
}

/// The id of a registered handler. Unregistered when this is dropped.
pub(crate) struct EventId {
    names: Arc<EventTable>,
    id: u64,
}

impl EventTable {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                table <- LockedIdTable::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Registers `handler` under a new id, with which the host may signal it at once.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn register(self: &Arc<Self>, handler: Arc<dyn EventHandler>) -> Result<EventId> {
        Ok(EventId {
            id: self.table.insert(handler)?,
            names: self.clone(),
        })
    }

    /// Calls the handler of `id`, if there is one.
    fn notice(&self, id: u64) {
        // Called without the lock: the handler may take locks of its own, and may be dropped here.
        if let Some(handler) = self.table.get(id) {
            handler.signalled();
        }
    }
}

impl EventId {
    /// Returns the id to be put into a message. Never 0 or 1.
    pub(crate) fn id(&self) -> u64 {
        self.id + (FIRST_EVENT - 1)
    }
}

impl Drop for EventId {
    fn drop(&mut self) {
        drop(self.names.table.remove(self.id));
    }
}

/// The number of changes of the execution state of devices that the host has reported.
///
/// All devices share one counter and one cookie, as in the reference driver: after a change of one
/// device, the driver asks the host about all of them again.
pub(crate) struct StateChanges {
    count: Atomic<u32>,
}

impl StateChanges {
    /// The cookie by which the host reports changes. It has no meaning to the host.
    pub(crate) const COOKIE: u64 = 1;

    /// Creates a counter at 0.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let changes = Self {
            count: Atomic::new(0),
        };

        Ok(Arc::new(changes, GFP_KERNEL)?)
    }

    /// Returns the number of changes.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Acquire)
    }

    /// Counts a change.
    pub(super) fn advance(&self) {
        self.count.fetch_add(1, Full);
    }
}

/// The targets of all notifications of the host.
pub(crate) struct HostEvents {
    /// The guest events.
    pub(crate) events: Arc<EventTable>,
    /// The changes of the execution states of devices.
    pub(crate) state_changes: Arc<StateChanges>,
}

impl HostEvents {
    /// Creates an object without guest events and changes.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let host_events = Self {
            events: EventTable::new()?,
            state_changes: StateChanges::new()?,
        };

        Ok(Arc::new(host_events, GFP_KERNEL)?)
    }
}

impl Listener for HostEvents {
    fn notified(&self, payload: &[u8]) {
        match notification::parse(payload) {
            Ok(Notification::Event(event)) => {
                if let Some(id) = event.checked_sub(FIRST_EVENT - 1) {
                    self.events.notice(id);
                }
            }
            Ok(Notification::DeviceState(StateChanges::COOKIE)) => self.state_changes.advance(),
            Ok(Notification::DeviceState(_) | Notification::Ignored) => {}
            Err(_) => pr_warn_limited!(
                "host notification of {} bytes not understood\n",
                payload.len()
            ),
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_host_events)]
mod tests {
    use super::*;

    struct Tally(Atomic<u32>);

    impl EventHandler for Tally {
        fn signalled(&self) {
            self.0.fetch_add(1, Full);
        }
    }

    /// Sends SIGNALGUESTEVENT, or SETGUESTDATA with a value.
    fn notify(host_events: &HostEvents, kind: u32, id: u64) {
        let mut bytes = [0; 48];

        bytes[16..20].copy_from_slice(&kind.to_le_bytes());
        bytes[24..32].copy_from_slice(&id.to_le_bytes());
        bytes[32] = 1;
        host_events.notified(&bytes);
    }

    #[test]
    fn only_what_is_registered_notices() -> Result {
        let host_events = HostEvents::new()?;
        let tally = Arc::new(Tally(Atomic::new(0)), GFP_KERNEL)?;
        let count = || tally.0.fetch_add(0, Full);
        let event = host_events.events.register(tally.clone())?;
        let id = event.id();

        assert!(id >= 2);
        for wrong in [0, 1, id + 1, id | 1 << 32, u64::MAX] {
            notify(&host_events, 0, wrong);
        }
        // The id of an event is not the cookie of devices.
        notify(&host_events, 2, id);
        assert_eq!(count(), 0);
        notify(&host_events, 0, id);
        notify(&host_events, 3, id);
        assert_eq!(count(), 2);

        drop(event);
        notify(&host_events, 0, id);
        assert_eq!(count(), 2);

        let again = host_events.events.register(tally.clone())?;

        assert_ne!(again.id(), id);
        notify(&host_events, 0, id);
        assert_eq!(count(), 2);
        Ok(())
    }

    #[test]
    fn only_the_cookie_counts_changes() -> Result {
        let host_events = HostEvents::new()?;
        let count = || host_events.state_changes.count();

        for cookie in [0, 2, 1 << 32 | StateChanges::COOKIE, u64::MAX] {
            notify(&host_events, 2, cookie);
        }
        notify(&host_events, 0, StateChanges::COOKIE);
        assert_eq!(count(), 0);
        notify(&host_events, 2, StateChanges::COOKIE);
        notify(&host_events, 2, StateChanges::COOKIE);
        assert_eq!(count(), 2);
        Ok(())
    }

    #[test]
    fn short_notifications() -> Result {
        let host_events = HostEvents::new()?;

        for length in 0..48 {
            host_events.notified(&[0; 48][..length]);
        }
        Ok(())
    }
}
