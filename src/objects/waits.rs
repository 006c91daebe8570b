// SPDX-License-Identifier: GPL-2.0

//! Waits on a device that the host ends, once, by signalling a guest event.
//!
//! A wait begins before the host is told, as the host may end it before it replies. It ends when
//! the host signals it, when the caller that began it withdraws it, or when it is lost: with its
//! device, its adapter or the global channel. Each of these takes constant time for one wait,
//! whatever the number of waits, and only the first of them has an effect.
//!
//! A signal is handled in softirq context. A wait may end, and be dropped, in any context.

use super::{
    host_events::{
        EventHandler,
        EventId,
        EventTable, //
    },
    locked_id_table::LockedIdTable,
    notifier_list::OnLoss, //
};
use crate::counter::Charge;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use crate::linux::dma_fence::Signalling;
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

/// The maximum number of waits on one device.
const MAX_WAITS: usize = 1 << 17;

/// The reason why a wait can never be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The program has destroyed the device, or has exited.
    Device,
    /// The program has destroyed the object that was waited for.
    #[cfg_attr(
        not(CONFIG_DXGKRNL_SYNC_FILE),
        expect(dead_code, reason = "only sync files end so")
    )]
    Object,
    /// The adapter or the global channel, over which signals arrive, is lost.
    Host,
}

/// The actions at the end of a wait. At most one of them is called, at most once.
pub(crate) trait Wait: Send + Sync {
    /// Handles the host's signal. Called in softirq context; must not sleep.
    fn reached(&self);

    /// Handles the loss of the wait, which the host will never signal.
    fn lost(&self, loss: Loss);
}

/// A wait, as found by the id of its guest event.
struct Pending {
    wait: Arc<dyn Wait>,
    waits: Arc<Waits>,
    /// The id in `waits`; 0 until it has one.
    place: Atomic<u64>,
    over: Atomic<u32>,
    _charge: Charge,
}

impl Pending {
    /// Marks the wait as ended. Returns whether it had not ended before.
    fn end(&self) -> bool {
        self.over.xchg(1, Full) == 0
    }
}

impl EventHandler for Pending {
    fn signalled(&self) {
        if !self.end() {
            return;
        }
        self.wait.reached();

        // Without an id in `waits` the host has guessed the event id: `begin` detects that the wait
        // has ended.
        match self.place.fetch_add(0, Full) {
            0 => {}
            place => drop(self.waits.entries.remove(place)),
        }
    }
}

/// A wait, as found by its device.
struct Entry {
    pending: Arc<Pending>,
    _name: EventId,
}

/// The waits on a device.
#[pin_data]
pub(crate) struct Waits {
    on_loss: Atomic<u32>,
    #[pin]
    entries: LockedIdTable<Entry, MAX_WAITS>,
}

impl Waits {
    /// Creates an object without waits.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                on_loss: Atomic::new(0),
                entries <- LockedIdTable::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Begins a wait whose guest event is registered in `events`. Called while the device is held.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the host will never signal it; `ENOMEM`, also if there are too many.
    pub(crate) fn begin(
        self: &Arc<Self>,
        events: &Arc<EventTable>,
        charge: Charge,
        wait: Arc<dyn Wait>,
    ) -> Result<Ticket> {
        let pending = Arc::new(
            Pending {
                wait,
                waits: self.clone(),
                place: Atomic::new(0),
                over: Atomic::new(0),
                _charge: charge,
            },
            GFP_KERNEL_ACCOUNT,
        )?;
        let name = events.register(pending.clone())?;
        let event = name.id();
        let place = self.entries.insert(Entry {
            pending: pending.clone(),
            _name: name,
        })?;

        let ticket = Ticket {
            waits: Some(self.clone()),
            place,
            event,
        };

        pending.place.xchg(place, Full);
        // At least one of this and `signalled` sees the other.
        if pending.over.fetch_add(0, Full) != 0 {
            drop(self.entries.remove(place));
        }
        // The same holds for `on_loss`, which may have walked the table before this wait was
        // inserted.
        if self.on_loss.fetch_add(0, Full) != 0 {
            return Err(ENODEV);
        }
        Ok(ticket)
    }

    /// Ends all waits that have begun as lost.
    pub(crate) fn lose(&self, loss: Loss) {
        #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
        let _section = Signalling::begin();
        let mut from = 0;

        while let Some(entry) = self.entries.pop(&mut from) {
            if entry.pending.end() {
                entry.pending.wait.lost(loss);
            }
        }
    }
}

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
impl Waits {
    /// Ends the wait with the id `place`, if it has not ended, as reached.
    pub(super) fn reach(&self, place: u64) {
        self.end_one(place, |wait| wait.reached());
    }

    /// Ends the wait with the id `place`, if it has not ended, as lost.
    pub(super) fn lose_one(&self, place: u64, loss: Loss) {
        self.end_one(place, |wait| wait.lost(loss));
    }

    fn end_one(&self, place: u64, tell: impl FnOnce(&dyn Wait)) {
        let _section = Signalling::begin();

        if let Some(entry) = self.entries.remove(place) {
            if entry.pending.end() {
                tell(&*entry.pending.wait);
            }
        }
    }
}

impl OnLoss for Waits {
    fn on_loss(&self) {
        self.on_loss.xchg(1, Full);
        self.lose(Loss::Host);
    }
}

/// A wait that has begun. It is withdrawn when this is dropped.
pub(crate) struct Ticket {
    waits: Option<Arc<Waits>>,
    place: u64,
    event: u64,
}

impl Ticket {
    /// Returns the id of the guest event that ends the wait, for a message.
    pub(crate) fn event(&self) -> u64 {
        self.event
    }

    /// Returns the id of the wait in the device's [`Waits`].
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// Leaves the wait pending until the host signals it or the device ends it.
    pub(crate) fn leave(mut self) {
        self.waits = None;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(waits) = &self.waits {
            drop(waits.entries.remove(self.place));
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_waits)]
mod tests {
    use super::*;
    use crate::{
        counter::Counter,
        objects::host_events::HostEvents,
        transport::Listener, //
    };

    /// Counts how a wait ended: reached in units, device lost in tens, host lost in hundreds.
    struct Tally(Atomic<u32>);

    impl Tally {
        fn new() -> Result<Arc<Self>> {
            Ok(Arc::new(Self(Atomic::new(0)), GFP_KERNEL)?)
        }

        fn count(&self) -> u32 {
            self.0.fetch_add(0, Full)
        }
    }

    impl Wait for Tally {
        fn reached(&self) {
            self.0.fetch_add(1, Full);
        }

        fn lost(&self, loss: Loss) {
            let unit = match loss {
                Loss::Device | Loss::Object => 10,
                Loss::Host => 100,
            };

            self.0.fetch_add(unit, Full);
        }
    }

    struct Rig {
        host_events: Arc<HostEvents>,
        events: Arc<Counter>,
        waits: Arc<Waits>,
    }

    impl Rig {
        fn new(max: u64) -> Result<Self> {
            Ok(Self {
                host_events: HostEvents::new()?,
                events: Counter::new(max, GFP_KERNEL)?,
                waits: Waits::new()?,
            })
        }

        fn begin(&self, wait: &Arc<Tally>) -> Result<Ticket> {
            self.waits.begin(
                &self.host_events.events,
                self.events.try_charge(1)?,
                wait.clone(),
            )
        }

        /// Signals an event as the host does.
        fn signal(&self, event: u64) {
            let mut bytes = [0; 48];

            bytes[24..32].copy_from_slice(&event.to_le_bytes());
            self.host_events.notified(&bytes);
        }
    }

    #[test]
    fn signal_ends_it_once() -> Result {
        let rig = Rig::new(1)?;
        let wait = Tally::new()?;
        let ticket = rig.begin(&wait)?;
        let event = ticket.event();

        ticket.leave();
        assert_eq!(rig.events.try_charge(1).err(), Some(ENOMEM));
        rig.signal(event);
        rig.signal(event);
        rig.waits.lose(Loss::Device);
        assert_eq!(wait.count(), 1);
        // The charge was released with the wait.
        rig.events.try_charge(1).map(drop)
    }

    #[test]
    fn withdrawn_is_forgotten() -> Result {
        let rig = Rig::new(1)?;
        let wait = Tally::new()?;
        let ticket = rig.begin(&wait)?;
        let event = ticket.event();

        drop(ticket);
        rig.signal(event);
        rig.waits.on_loss();
        assert_eq!(wait.count(), 0);
        rig.events.try_charge(1).map(drop)
    }

    #[test]
    fn lost_with_device_or_host() -> Result {
        let rig = Rig::new(8)?;
        let waits = [Tally::new()?, Tally::new()?, Tally::new()?];
        let mut events = [0; 3];

        for (wait, event) in waits.iter().zip(&mut events) {
            let ticket = rig.begin(wait)?;

            *event = ticket.event();
            ticket.leave();
        }
        rig.signal(events[1]);
        rig.waits.lose(Loss::Device);
        for event in events {
            rig.signal(event);
        }
        assert_eq!(waits[0].count(), 10);
        assert_eq!(waits[1].count(), 1);
        assert_eq!(waits[2].count(), 10);

        rig.begin(&waits[0])?.leave();
        rig.waits.on_loss();
        assert_eq!(waits[0].count(), 110);
        // After the loss no wait can begin.
        assert_eq!(rig.begin(&waits[0]).err(), Some(ENODEV));
        rig.events.try_charge(1)?;
        assert_eq!(waits[0].count(), 110);
        Ok(())
    }

    #[test]
    fn ticket_outlives_its_wait() -> Result {
        let rig = Rig::new(8)?;
        let (first, second) = (Tally::new()?, Tally::new()?);
        let ticket = rig.begin(&first)?;

        rig.signal(ticket.event());
        // The slot is reused by another wait.
        let other = rig.begin(&second)?;
        let event = other.event();

        drop(ticket);
        rig.signal(event);
        assert_eq!((first.count(), second.count()), (1, 1));
        Ok(())
    }

    #[test]
    fn many() -> Result {
        const MANY: u32 = 5_000;

        let rig = Rig::new(MANY.into())?;
        let wait = Tally::new()?;
        let mut events = KVVec::new();

        for _ in 0..MANY {
            let ticket = rig.begin(&wait)?;

            events.push(ticket.event(), GFP_KERNEL)?;
            ticket.leave();
        }
        assert!(rig.begin(&wait).is_err());
        // Invented ids find none of them.
        for event in events.iter() {
            rig.signal(event ^ 1 << 32);
            rig.signal(event + u64::from(MANY));
            rig.signal(!event);
        }
        assert_eq!(wait.count(), 0);
        for event in events.iter().rev() {
            rig.signal(*event);
        }
        // Nor do late and repeated signals.
        for event in events.iter() {
            rig.signal(*event);
        }
        assert_eq!(wait.count(), MANY);
        Ok(())
    }

    /// The host signals the wait before the caller that began it continues.
    #[test]
    fn early() -> Result {
        let rig = Rig::new(1)?;
        let wait = Tally::new()?;
        let ticket = rig.begin(&wait)?;

        rig.signal(ticket.event());
        rig.waits.lose(Loss::Device);
        ticket.leave();
        assert_eq!(wait.count(), 1);
        rig.events.try_charge(1).map(drop)
    }
}
