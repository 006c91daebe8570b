// SPDX-License-Identifier: GPL-2.0

//! What the host may speak about on its own: events that messages have named, and devices whose
//! state changes. Found in constant time, in the channel callback.
//!
//! An entry lives as long as its [`Registration`]. Late, repeated and invented notifications find
//! nothing, and are harmless.

use super::directory::Directory;
use crate::{
    linux::ratelimit::pr_warn_limited,
    message::notification::{
        self,
        Notification, //
    },
    transport::Listener,
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// Most events and devices the host may know of at a time.
const MAX_NAMED: usize = 1 << 20;

/// Ids below this one are not given to the host as names of events.
const FIRST_EVENT: u64 = 2;

/// Something that the host speaks about.
pub(crate) trait Subject: Send + Sync {
    /// The host did. Called in softirq context; must not sleep.
    fn noticed(&self);
}

/// Things with names.
#[pin_data]
pub(crate) struct Names {
    #[pin]
    table: Directory<Arc<dyn Subject>, MAX_NAMED>,
}

/// A name; forgotten when this is dropped.
pub(crate) struct Registration {
    names: Arc<Names>,
    id: u64,
}

impl Names {
    fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                table <- Directory::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Gives `subject` a name, by which the host may speak of it at once.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if there are too many.
    pub(crate) fn register(self: &Arc<Self>, subject: Arc<dyn Subject>) -> Result<Registration> {
        Ok(Registration {
            id: self.table.insert(subject)?,
            names: self.clone(),
        })
    }

    fn notice(&self, id: u64) {
        // The subject may take locks of its own, and may be dropped here.
        if let Some(subject) = self.table.get(id) {
            subject.noticed();
        }
    }
}

impl Registration {
    /// The name, to be put into a message. Never 0 or 1.
    pub(crate) fn id(&self) -> u64 {
        self.id + (FIRST_EVENT - 1)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        drop(self.names.table.remove(self.id));
    }
}

/// All that the host may speak about.
pub(crate) struct Notices {
    /// Guest events.
    pub(crate) events: Arc<Names>,
    /// Devices, by their cookies.
    pub(crate) devices: Arc<Names>,
}

impl Notices {
    /// Nothing yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let notices = Self {
            events: Names::new()?,
            devices: Names::new()?,
        };

        Ok(Arc::new(notices, GFP_KERNEL)?)
    }
}

impl Listener for Notices {
    fn notified(&self, payload: &[u8]) {
        let (names, id) = match notification::parse(payload) {
            Ok(Notification::Event(id)) => (&self.events, id),
            Ok(Notification::DeviceState(id)) => (&self.devices, id),
            Ok(Notification::Ignored) => return,
            Err(_) => {
                pr_warn_limited!(
                    "host notification of {} bytes not understood\n",
                    payload.len()
                );
                return;
            }
        };

        if let Some(id) = id.checked_sub(FIRST_EVENT - 1) {
            names.notice(id);
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_notices)]
mod tests {
    use super::*;
    use kernel::sync::atomic::{
        Atomic,
        Full, //
    };

    struct Counter(Atomic<u32>);

    impl Subject for Counter {
        fn noticed(&self) {
            self.0.fetch_add(1, Full);
        }
    }

    /// SIGNALGUESTEVENT, or SETGUESTDATA with a value.
    fn notify(notices: &Notices, kind: u32, id: u64) {
        let mut bytes = [0; 48];

        bytes[16..20].copy_from_slice(&kind.to_le_bytes());
        bytes[24..32].copy_from_slice(&id.to_le_bytes());
        bytes[32] = 1;
        notices.notified(&bytes);
    }

    #[test]
    fn only_what_is_registered_notices() -> Result {
        let notices = Notices::new()?;
        let counter = Arc::new(Counter(Atomic::new(0)), GFP_KERNEL)?;
        let count = || counter.0.fetch_add(0, Full);
        let event = notices.events.register(counter.clone())?;
        let id = event.id();

        assert!(id >= 2);
        for wrong in [0, 1, id + 1, id | 1 << 32, u64::MAX] {
            notify(&notices, 0, wrong);
        }
        // The name of an event is not one of a device.
        notify(&notices, 2, id);
        assert_eq!(count(), 0);
        notify(&notices, 0, id);
        notify(&notices, 3, id);
        assert_eq!(count(), 2);

        drop(event);
        notify(&notices, 0, id);
        assert_eq!(count(), 2);

        let again = notices.events.register(counter.clone())?;

        assert_ne!(again.id(), id);
        notify(&notices, 0, id);
        assert_eq!(count(), 2);
        Ok(())
    }

    #[test]
    fn short_notifications_are_dropped() -> Result {
        let notices = Notices::new()?;

        for length in 0..48 {
            notices.notified(&[0; 48][..length]);
        }
        Ok(())
    }
}
