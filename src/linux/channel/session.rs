// SPDX-License-Identifier: GPL-2.0

//! One time a channel is open: sending, waiting for room, receiving.

use super::{
    gpadl::Gpadls,
    packets::{
        Incoming,
        DESCRIPTOR_SIZE,
        TRAILER_SIZE, //
    },
    Channel,
    Offer,
    Receiver, //
};
use crate::linux::{
    bindings,
    queue::OwnedQueue,
    rwsem::{
        new_rwsem,
        RwSem, //
    },
    wait::{
        new_event_count,
        Deadline,
        EventCount,
        WaitMode, //
    },
};
use kernel::{
    error::to_result,
    impl_has_work,
    new_work,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    time::Delta,
    workqueue::{
        Work,
        WorkItem, //
    }, //
};

/// How long to sleep before looking again at a full ring. Hosts without flow control, which set
/// no feature bit, never say that there is room; for all others the time does not matter.
const ROOM_SLICE: Delta = Delta::from_millis(100);

/// One time a channel is open.
///
/// # Invariants
///
/// While `open` is true, the channel of `offer` is valid and open.
#[pin_data]
pub(crate) struct Session {
    pub(super) offer: Arc<Offer>,
    receiver: Arc<dyn Receiver>,
    #[pin]
    open: RwSem<bool>,
    #[pin]
    room: EventCount,
    /// Somebody waits for room, and the host was asked to say when there is some.
    room_wanted: Atomic<bool>,
    /// Senders waiting for room.
    waiting: Atomic<u32>,
    /// One of them has the [`Turn`].
    taken: Atomic<bool>,
    /// The host has written what makes no sense: nothing is read any more. Changed by the channel
    /// callback only.
    broken: Atomic<bool>,
    queue: Arc<OwnedQueue>,
    #[pin]
    pub(super) gpadls: Gpadls,
    /// Tells the receiver that the channel is broken.
    #[pin]
    work: Work<Session>,
}

impl_has_work! {
    impl HasWork<Self> for Session { self.work }
}

impl WorkItem for Session {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.receiver.broken(&this.offer);
    }
}

impl Session {
    /// Makes a session that has not begun. What must not be done in softirq context is done on
    /// `queue`.
    pub(super) fn new(
        offer: Arc<Offer>,
        receiver: Arc<dyn Receiver>,
        queue: Arc<OwnedQueue>,
    ) -> Result<Arc<Self>> {
        // INVARIANT: `open` is false.
        Arc::pin_init(
            pin_init!(Self {
                offer,
                receiver,
                open <- new_rwsem!(false, c"Session::open"),
                room <- new_event_count!(c"Session::room"),
                room_wanted: Atomic::new(false),
                waiting: Atomic::new(0),
                taken: Atomic::new(false),
                broken: Atomic::new(false),
                queue,
                gpadls <- Gpadls::new(),
                work <- new_work!("Session::work"),
            }),
            GFP_KERNEL,
        )
    }

    /// What [`Self::on_event`] is to be called with.
    pub(super) fn context(this: &Arc<Self>) -> *mut c_void {
        Arc::as_ptr(this).cast_mut().cast()
    }

    /// The channel is open now.
    pub(super) fn begin(&self) {
        *self.open.write() = true;
        self.gpadls.begin();
    }

    /// The channel is about to be closed: waits for sends under way, allows no more, and wakes
    /// whoever waits for the host.
    pub(super) fn end(&self) {
        *self.open.write() = false;
        self.room.wake_all();
        self.receiver.closed();
    }

    /// One attempt to write a packet. With `want_room` the host is first asked to interrupt when
    /// there is room for it.
    fn try_send(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        wanted: &dyn Fn() -> bool,
        want_room: bool,
    ) -> Result {
        let length = u32::try_from(payload.len())?;
        let open = self.open.read();

        // `settle` waits for who was told that it is wanted.
        if !*open || !wanted() {
            return Err(ENODEV);
        }

        let channel = self.offer.channel.as_ptr();

        if want_room {
            let needed = DESCRIPTOR_SIZE + payload.len().next_multiple_of(8) + TRAILER_SIZE;

            self.room_wanted.xchg(true, Full);
            // SAFETY: `open` is true and held, so the channel is valid and open.
            unsafe {
                bindings::dxgkrnl_helper_set_pending_send_size(channel, u32::try_from(needed)?)
            };
        }

        // SAFETY: `open` is true and held, so the channel is valid and open. The core only reads
        // `length` bytes of the payload, although it takes a mutable pointer.
        to_result(unsafe {
            bindings::vmbus_sendpacket(
                channel,
                payload.as_ptr().cast_mut().cast(),
                length,
                transaction.unwrap_or_default(),
                bindings::vmbus_packet_type_VM_PKT_DATA_INBAND,
                transaction.map_or(0, |_| bindings::VMBUS_DATA_PACKET_FLAG_COMPLETION_REQUESTED),
            )
        })
    }

    /// Waits until nobody else waits for room: small packets would else take what a big one needs.
    fn take_turn(&self, deadline: &Deadline, wanted: &dyn Fn() -> bool) -> Result<Turn<'_>> {
        loop {
            let seen = self.room.snapshot();

            if !*self.open.read() || !wanted() {
                return Err(ENODEV);
            }
            if !self.taken.xchg(true, Full) {
                return Ok(Turn(self));
            }
            self.room.wait(seen, ROOM_SLICE, deadline.rest()?)?;
        }
    }

    /// Waits for room until the packet could be written.
    fn send_when_room(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        mode: WaitMode,
        wanted: &dyn Fn() -> bool,
    ) -> Result {
        let deadline = Deadline::new(mode);
        let _turn = self.take_turn(&deadline, wanted)?;

        loop {
            let seen = self.room.snapshot();

            match self.try_send(payload, transaction, wanted, true) {
                Err(error) if error == EAGAIN => {}
                result => return result,
            }
            self.room.wait(seen, ROOM_SLICE, deadline.rest()?)?;
        }
    }

    /// The callback of the VMBus core, in softirq context.
    ///
    /// # Safety
    ///
    /// `context` must point at a [`Session`] whose channel is open.
    pub(super) unsafe extern "C" fn on_event(context: *mut c_void) {
        // SAFETY: By the contract of this function; the session is in an `Arc`, which is kept as long
        // as the channel is open.
        let session = unsafe { ArcBorrow::from_raw(context.cast::<Session>()) };
        let channel = session.offer.channel.as_ptr();

        // Ask no more before waking: a sender that asks again in between is woken too.
        if session.room_wanted.xchg(false, Full) {
            // SAFETY: The channel is open while its callback runs.
            unsafe { bindings::dxgkrnl_helper_set_pending_send_size(channel, 0) };
            session.room.wake_all();
        }

        // SAFETY: The channel is open while its callback runs, and nobody else reads it.
        let mut incoming = unsafe { Incoming::new(channel) };

        if session.broken.load(Relaxed) {
            incoming.discard();
            return;
        }
        if incoming
            .read(|packet| session.receiver.packet(packet))
            .is_err()
        {
            session.broken.store(true, Relaxed);
            incoming.discard();
            pr_warn!(
                "the host has written an impossible packet to channel {}, which is closed\n",
                session.offer.relid.load(Relaxed)
            );
            // It was never queued before: a session breaks once.
            let _ = session.queue.enqueue(Arc::from(session));
        }
    }
}

/// The right to be the one that waits for room.
struct Turn<'a>(&'a Session);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.taken.xchg(false, Full);
        self.0.room.wake_all();
    }
}

impl Channel for Arc<Session> {
    fn send(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        mode: WaitMode,
        wanted: &dyn Fn() -> bool,
    ) -> Result {
        // Who comes while others wait does so, too, or big packets would never fit.
        if self.waiting.load(Relaxed) == 0 {
            match self.try_send(payload, transaction, wanted, false) {
                Err(error) if error == EAGAIN => {}
                result => return result,
            }
        }

        self.waiting.fetch_add(1, Relaxed);
        let result = self.send_when_room(payload, transaction, mode, wanted);
        self.waiting.fetch_sub(1, Relaxed);

        result
    }

    fn settle(&self) {
        drop(self.open.write());
        // Those who wait for room look again whether they are wanted.
        self.room.wake_all();
    }

    fn relid(&self) -> u32 {
        self.offer.relid.load(Relaxed)
    }

    fn close(&self) {
        let mut life = self.offer.life.lock();

        if !life
            .session
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, self))
        {
            // Somebody else closed it, and held the lock until that was done.
            return;
        }
        life.session = None;
        self.offer.shut(self);
    }
}
