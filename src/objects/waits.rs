// SPDX-License-Identifier: GPL-2.0

//! Waits on a device that the host ends, once, by signalling a guest event.
//!
//! A wait begins before the host is told, as the host may end it before it answers. It ends when
//! the host signals it, when whoever began it withdraws it, or when it is lost: with its device,
//! or with the way to the host. Each of these takes constant time for a wait, whatever their
//! number, and the first of them counts.
//!
//! A signal comes in softirq context. A wait may end, and be dropped, in any context.

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

/// Most waits on one device.
const MAX_WAITS: usize = 1 << 17;

/// Why a wait can never be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The program has destroyed the device, or ended.
    Device,
    /// The program has destroyed what was waited for.
    #[cfg_attr(
        not(CONFIG_DXGKRNL_SYNC_FILE),
        expect(dead_code, reason = "only sync files end so")
    )]
    Object,
    /// The adapter is gone, or the channel that signals come by.
    Host,
}

/// What is done when a wait ends. One of these is called, at most once.
pub(crate) trait Wait: Send + Sync {
    /// The host has signalled it. Called in softirq context; must not sleep.
    fn reached(&self);

    /// The host never will.
    fn lost(&self, loss: Loss);
}

/// A wait, as the host finds it.
struct Pending {
    wait: Arc<dyn Wait>,
    waits: Arc<Waits>,
    /// Its id in `waits`; 0 until it has one.
    place: Atomic<u64>,
    over: Atomic<u32>,
    _charge: Charge,
}

impl Pending {
    /// Whether nobody has ended it before.
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

        // Without a place the host has guessed the name: `begin` sees that it is over.
        match self.place.fetch_add(0, Full) {
            0 => {}
            place => drop(self.waits.entries.remove(place)),
        }
    }
}

/// A wait, as its device finds it.
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
    /// None yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                on_loss: Atomic::new(0),
                entries <- LockedIdTable::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Begins a wait that has a name in `events`. To be done while the device is held.
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
        // One of the two sees the other, see `signalled`.
        if pending.over.fetch_add(0, Full) != 0 {
            drop(self.entries.remove(place));
        }
        // The same with `on_loss`, which may have looked before this wait was there.
        if self.on_loss.fetch_add(0, Full) != 0 {
            return Err(ENODEV);
        }
        Ok(ticket)
    }

    /// All that have begun are lost.
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
    /// Ends the wait with the id `place`, if it has not ended: what it waits for has happened.
    pub(super) fn reach(&self, place: u64) {
        self.end_one(place, |wait| wait.reached());
    }

    /// Ends the wait with the id `place`, if it has not ended: what it waits for will not happen.
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
    /// The guest event that ends the wait, for a message.
    pub(crate) fn event(&self) -> u64 {
        self.event
    }

    /// Returns the id of the wait among those of the device.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(super) fn place(&self) -> u64 {
        self.place
    }

    /// Leaves the wait to the host and to the device.
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

    /// Counts how it ended: reached in units, device lost in tens, host lost in hundreds.
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

        /// The host signals an event.
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
        // Nothing of it is left.
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
        // There is no more to wait for.
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
        // The place is taken again, by somebody else.
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
        // What the host makes up finds none of them.
        for event in events.iter() {
            rig.signal(event ^ 1 << 32);
            rig.signal(event + u64::from(MANY));
            rig.signal(!event);
        }
        assert_eq!(wait.count(), 0);
        for event in events.iter().rev() {
            rig.signal(*event);
        }
        // Late and repeated signals neither.
        for event in events.iter() {
            rig.signal(*event);
        }
        assert_eq!(wait.count(), MANY);
        Ok(())
    }

    /// Ends as soon as the host hears of it, before whoever began it goes on.
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
