// SPDX-License-Identifier: GPL-2.0

//! A session: sending, waiting for space in the ring, and receiving while a channel is open.

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

/// The interval at which a full ring is tried again. Hosts without flow control, which set no
/// feature bit, do not signal that there is space; for all others the interval does not matter.
const ROOM_SLICE: Delta = Delta::from_millis(100);

/// A channel from opening to closing.
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
    /// Whether a sender waits for space, and the host was asked to signal when there is some.
    room_wanted: Atomic<bool>,
    /// The number of senders that wait for space.
    waiting: Atomic<u32>,
    /// Whether a sender holds the [`Turn`].
    taken: Atomic<bool>,
    /// Whether the host has written invalid data, after which nothing is read. Changed by the
    /// channel callback only.
    broken: Atomic<bool>,
    queue: Arc<OwnedQueue>,
    #[pin]
    pub(super) gpadls: Gpadls,
    /// Reports to the receiver that the channel is broken.
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
    /// Creates a session of a channel that is not open. Work that must not be done in softirq
    /// context is done on `queue`.
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

    /// Returns the context argument for [`Self::on_event`].
    pub(super) fn context(this: &Arc<Self>) -> *mut c_void {
        Arc::as_ptr(this).cast_mut().cast()
    }

    /// Allows packets to be sent, as the channel is open now.
    pub(super) fn begin(&self) {
        *self.open.write() = true;
        self.gpadls.begin();
    }

    /// Waits for running sends, refuses further ones, and wakes the threads that wait for the host,
    /// as the channel is about to be closed.
    pub(super) fn end(&self) {
        *self.open.write() = false;
        self.room.wake_all();
        self.receiver.closed();
    }

    /// Tries once to write a packet. With `want_room` the host is first asked to interrupt when
    /// there is space for it.
    fn try_send(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        wanted: &dyn Fn() -> bool,
        want_room: bool,
    ) -> Result {
        let length = u32::try_from(payload.len())?;
        let open = self.open.read();

        // `settle` waits for senders for which `wanted` has returned `true`.
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

    /// Waits until no other sender waits for space: small packets would otherwise use up the space
    /// that a big one needs.
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

    /// Waits for space until the packet was written.
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

    /// Handles an interrupt of the channel. Called by the VMBus core in softirq context.
    ///
    /// # Safety
    ///
    /// `context` must point at a [`Session`] whose channel is open.
    pub(super) unsafe extern "C" fn on_event(context: *mut c_void) {
        // SAFETY: By the contract of this function; the session is in an `Arc`, which is kept as
        // long as the channel is open.
        let session = unsafe { ArcBorrow::from_raw(context.cast::<Session>()) };
        let channel = session.offer.channel.as_ptr();

        // Cleared before waking: a sender that sets it again in between is woken, too.
        if session.room_wanted.xchg(false, Full) {
            // SAFETY: The channel is open while its callback runs.
            unsafe { bindings::dxgkrnl_helper_set_pending_send_size(channel, 0) };
            session.room.wake_all();
        }

        // SAFETY: The channel is open while its callback runs, and nothing else reads it.
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
            // Cannot fail: the item was never queued before, as a session breaks once.
            let _ = session.queue.enqueue(Arc::from(session));
        }
    }
}

/// The exclusive right to wait for space.
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
        // A sender waits if others do, so that small packets do not overtake big ones forever.
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
        // Senders that wait for space check again whether they are wanted.
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
            // Another thread has closed it, and held the lock until that was done.
            return;
        }
        life.session = None;
        self.offer.shut(self);
    }
}
