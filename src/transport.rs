// SPDX-License-Identifier: GPL-2.0

//! Requests in flight on a channel.
//!
//! [`Transport::call`] sends a request and waits for its completion. Each request is an object of
//! its own, shared by the thread that waits and by the table of transactions; the reply buffer
//! belongs to the table entry until the reply is complete, then to the request. Nothing that the
//! channel callback touches lies on a waiter's stack, and no lock is held while anybody waits.
//!
//! Several adapters may share a channel. Each has a [`Lane`] of its own, which can be closed
//! without the others noticing.
//!
//! A waiter that is killed, or loses its patience, leaves the request behind. If the reply then
//! says that the host made an object, a work item destroys it, however late that is.
//!
//! Locks: `Inbox::requests` and `Request::outcome`, both taken in the channel callback, never
//! together.

mod account;
mod buffer;
#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
pub(crate) mod mock;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
mod provision;
mod receive;
mod request;
mod seat;

pub(crate) use self::{
    account::{
        Account,
        Entry as AccountEntry,
        Settled, //
    },
    buffer::{
        Outgoing,
        ReplyBuffer, //
    },
    receive::{
        Inbox,
        Label,
        Lane,
        Listener,
        OnBroken,
        UnderWay, //
    },
    request::{
        Birth,
        Route,
        Undo,
        UndoFn,
        UndoHow, //
    },
    seat::Seat, //
};

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) use self::provision::Provision;
use self::request::{
    Home,
    Late,
    Request, //
};
use crate::linux::{
    channel::{
        Channel,
        Offer,
        Rings,
        Session, //
    },
    queue::OwnedQueue,
    waiter::{
        wait_for_memory,
        Patience, //
    },
};
use kernel::{
    fmt,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// Largest request, extended header included.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;

/// Largest reply: with the header of its packet it must be no larger than the packets we receive.
/// A host that sent more would have its packet thrown away, and the request would wait for ever.
// CAST: 32 bits fit.
pub(crate) const MAX_REPLY: usize = RINGS.max_packet as usize - PACKET_HEADER;

/// What comes before the payload of a packet.
const PACKET_HEADER: usize = 16;

/// How long to wait for the host before a channel is closed, which does what was asked for as well.
pub(crate) const FAREWELL_PATIENCE: Patience = Patience::Limited(10_000);

/// The rings both kinds of channels have.
const RINGS: Rings = Rings {
    bytes: 256 * 1024,
    max_packet: 128 * 1024,
};

/// The transport over a real channel.
pub(crate) type HostTransport = Transport<Arc<Session>>;

/// A channel and the requests in flight on it.
#[pin_data]
pub(crate) struct Transport<C: Channel> {
    channel: C,
    inbox: Arc<Inbox>,
    queue: Arc<OwnedQueue>,
}

impl HostTransport {
    /// Opens the channel of `offer`. Without a `listener` the host may only answer. If it breaks the
    /// channel `on_broken` is called, on the first of `queues`. What was made by requests that nobody
    /// waits for any more is destroyed on the second.
    pub(crate) fn open(
        offer: &Arc<Offer>,
        listener: Option<Arc<dyn Listener>>,
        on_broken: OnBroken,
        queues: [Arc<OwnedQueue>; 2],
    ) -> Result<Arc<Self>> {
        let [work, teardown] = queues;
        let inbox = Inbox::new(listener, on_broken)?;
        let channel = offer.open(&RINGS, inbox.clone(), work)?;

        // A failed allocation must not leave the channel open behind our back.
        Self::new(channel.clone(), inbox, teardown).inspect_err(|_| channel.close())
    }
}

impl<C: Channel + 'static> Transport<C> {
    /// Makes a transport over an open channel whose receiver is `inbox`. What was made by requests
    /// that nobody waits for any more is destroyed on `queue`.
    pub(crate) fn new(channel: C, inbox: Arc<Inbox>, queue: Arc<OwnedQueue>) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                channel,
                inbox,
                queue,
            },
            GFP_KERNEL,
        )?)
    }

    /// Sends `message` and waits for a reply of at least `need` bytes, of which exactly `need`
    /// are returned. If `lane` is closed meanwhile the wait ends. As long as the host may still
    /// be busy with the request it stands on `account`.
    ///
    /// `undo` makes, from a reply that comes too late, the message that destroys what the request
    /// has created.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: message or reply would be larger than the protocol allows.
    /// - `ENOMEM`: out of memory.
    /// - `ENODEV`: the channel or the lane is closed, or was closed meanwhile.
    /// - `EOVERFLOW`: the reply was too short.
    /// - `EBADMSG`: the reply was empty.
    /// - `ERESTARTSYS`: a fatal signal arrived.
    /// - `ETIMEDOUT`: patience was limited and has ended.
    /// - What the channel says to the attempt to send.
    pub(crate) fn call(
        self: ArcBorrow<'_, Self>,
        lane: &Arc<Lane>,
        account: Option<&Arc<Account>>,
        message: &[u8],
        need: usize,
        undo: Option<Undo>,
        patience: Patience,
    ) -> Result<ReplyBuffer> {
        if message.len() > MAX_MESSAGE {
            return Err(EINVAL);
        }
        self.seat(lane, account, need, undo, Label::UNKNOWN)?
            .send(message, patience)
    }

    /// Finds all the memory that a request needs, which is to be sent over `lane` later. The
    /// arguments are those of [`Self::call`]; `label` says what it is about.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `ENOMEM` and `ENODEV` as for [`Self::call`].
    pub(crate) fn seat<'a>(
        self: ArcBorrow<'a, Self>,
        lane: &Arc<Lane>,
        account: Option<&Arc<Account>>,
        need: usize,
        undo: Option<Undo>,
        label: Label,
    ) -> Result<Seat<'a, C>> {
        if need > MAX_REPLY {
            return Err(EINVAL);
        }

        let late = undo
            .map(|mut undo| {
                Ok::<_, Error>(Late {
                    route: undo.route.take().unwrap_or_else(|| self.route(lane)),
                    undo,
                    queue: self.queue.clone(),
                    _kept: account.map(|account| account.keep(need)).transpose()?,
                })
            })
            .transpose()?;
        let request = Request::new(late)?;
        let buffer = ReplyBuffer::new(need)?;
        let id = self
            .inbox
            .admit(lane.clone(), account, request.clone(), buffer, label)?;

        Ok(Seat {
            transport: self,
            lane: lane.clone(),
            request,
            id: Some(id),
        })
    }

    /// The way over this transport, on `lane`.
    pub(crate) fn route(self: ArcBorrow<'_, Self>, lane: &Arc<Lane>) -> Route {
        Route {
            home: Arc::<Self>::from(self),
            lane: lane.clone(),
        }
    }

    /// Sends `message`, to which there is no reply. What the host thinks of it is not known.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `ENODEV`, `ERESTARTSYS`, `ETIMEDOUT` as for [`Self::call`].
    pub(crate) fn post(&self, lane: &Lane, message: &[u8], patience: Patience) -> Result {
        if message.len() > MAX_MESSAGE {
            return Err(EINVAL);
        }
        self.channel
            .send(message, None, patience, &|| lane.is_open())
    }

    /// Closes one lane: everybody who waits on it gets `ENODEV`, and so does every later call.
    /// Nothing is sent on it when this has returned.
    pub(crate) fn close_lane(&self, lane: &Lane) {
        self.inbox.close_lane(lane);
        self.channel.settle();
        self.inbox.end_lane(lane);
    }

    /// Shows all requests that the host has not answered.
    pub(crate) fn each_under_way(
        &self,
        mut show: impl FnMut(&UnderWay) -> fmt::Result,
    ) -> fmt::Result {
        let mut from = 0;

        while let Some(request) = self.inbox.look(&mut from) {
            show(&request)?;
        }
        Ok(())
    }

    /// Whether neither the channel nor `lane` is closed.
    pub(crate) fn is_open(&self, lane: &Lane) -> bool {
        lane.is_open() && self.inbox.is_open()
    }

    /// The channel.
    pub(crate) fn channel(&self) -> &C {
        &self.channel
    }

    /// Closes the channel: every waiter gets `ENODEV`, and so does every later call.
    pub(crate) fn close(&self) {
        self.channel.close();
    }
}

impl<C: Channel + 'static> Home for Transport<C> {
    fn send_undo(self: Arc<Self>, lane: &Arc<Lane>, message: &[u8]) {
        let this = self.as_arc_borrow();

        // Nobody is left to be told, but the host must be.
        while this
            .call(lane, None, message, 0, None, Patience::Endless)
            .is_err_and(|error| error == ENOMEM && this.is_open(lane))
        {
            let _ = wait_for_memory(Patience::Endless);
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_transport)]
mod tests {
    use super::{
        mock::{
            Answer,
            Rig,
            LONG, //
        },
        *,
    };
    use crate::{
        linux::waiter::Waiter,
        wire::{
            Envelope,
            HostProcess,
            InterfaceVersion,
            Luid, //
        },
    };
    use kernel::{
        new_mutex,
        sync::Mutex,
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    const SHORT: Patience = Patience::Limited(20);

    fn envelope() -> Envelope {
        Envelope {
            version: InterfaceVersion::CURRENT,
            vgpu: Luid::default(),
        }
    }

    fn call(rig: &Rig, message: &[u8], need: usize, patience: Patience) -> Result<ReplyBuffer> {
        rig.transport
            .as_arc_borrow()
            .call(&rig.lane, None, message, need, None, patience)
    }

    fn errno<T>(result: Result<T>) -> i32 {
        result.map_or_else(|error| error.to_errno(), |_| 0)
    }

    #[test]
    fn reply_is_cut_to_what_was_asked_for() -> Result {
        let rig = Rig::new()?;

        for need in [0usize, 1, 4, 8] {
            rig.host.then(Answer::reply(&[1, 2, 3, 4, 5, 6, 7, 8])?)?;

            let reply = call(&rig, &[9; 24], need, LONG)?;

            assert_eq!(reply.bytes(), &[1, 2, 3, 4, 5, 6, 7, 8][..need]);
        }
        assert_eq!(rig.host.message(3)?.as_slice(), &[9; 24]);
        Ok(())
    }

    #[test]
    fn large_reply() -> Result {
        let rig = Rig::new()?;
        let mut bytes = KVVec::from_elem(7, MAX_REPLY, GFP_KERNEL)?;

        bytes[MAX_REPLY - 1] = 8;
        rig.host.then(Answer::reply(&bytes)?)?;
        assert_eq!(
            call(&rig, &[0; 24], MAX_REPLY, LONG)?.bytes(),
            bytes.as_slice()
        );
        Ok(())
    }

    #[test]
    fn short_reply() -> Result {
        let rig = Rig::new()?;

        for (length, need) in [(1, 2), (4, 8), (704, 712)] {
            let bytes = KVVec::from_elem(1, length, GFP_KERNEL)?;

            rig.host.then(Answer::reply(&bytes)?)?;
            assert_eq!(errno(call(&rig, &[0; 24], need, LONG)), -75);
        }
        // Nothing at all is another matter.
        rig.host.then(Answer::reply(&[])?)?;
        assert_eq!(errno(call(&rig, &[0; 24], 8, LONG)), -74);
        Ok(())
    }

    #[test]
    fn limits() -> Result {
        let rig = Rig::new()?;
        let message = KVVec::from_elem(0, MAX_MESSAGE + 1, GFP_KERNEL)?;

        assert_eq!(errno(call(&rig, &message, 4, LONG)), -22);
        assert_eq!(errno(call(&rig, &[0; 24], MAX_REPLY + 1, LONG)), -22);
        assert_eq!(rig.host.sent_count(), 0);

        rig.host.then(Answer::reply(&[0; 8])?)?;
        assert_eq!(errno(call(&rig, &message[1..], 4, LONG)), 0);
        assert_eq!(rig.host.message(0)?.len(), MAX_MESSAGE);
        Ok(())
    }

    #[test]
    fn sending_fails() -> Result {
        let rig = Rig::new()?;

        rig.host.then(Answer::Fail(ENODEV))?;
        assert_eq!(errno(call(&rig, &[0; 24], 4, LONG)), -19);

        // The id was predicted and completed while the ring was full.
        let mut bytes = KVVec::new();

        bytes.extend_from_slice(&[0; 8], GFP_KERNEL)?;
        rig.host.then(Answer::ReplyAndFail(bytes, EAGAIN))?;
        assert_eq!(errno(call(&rig, &[0; 24], 4, LONG)), -11);

        // Neither left anything that a completion could find.
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        rig.host.complete(rig.host.id(1)?, &[0; 8]);
        rig.host.then(Answer::reply(&[5; 8])?)?;
        assert_eq!(call(&rig, &[0; 24], 4, LONG)?.bytes(), &[5; 4]);
        Ok(())
    }

    #[test]
    fn completions_that_belong_to_nothing() -> Result {
        let rig = Rig::new()?;

        for id in [0, 1, 7, u64::MAX] {
            rig.host.complete(id, &[0; 8]);
        }
        rig.host.then(Answer::reply(&[1; 8])?)?;
        call(&rig, &[0; 24], 8, LONG)?;
        rig.host.complete(rig.host.id(0)?, &[2; 8]);
        rig.host.then(Answer::reply(&[3; 8])?)?;
        assert_eq!(call(&rig, &[0; 24], 8, LONG)?.bytes(), &[3; 8]);
        Ok(())
    }

    /// Destroys what the reply names, unless that is nothing.
    fn destroy(
        reply: &[u8],
        _envelope: Envelope,
        _process: HostProcess,
    ) -> Result<Option<Outgoing>> {
        if reply == [0; 4] {
            return Ok(None);
        }

        let mut message = Outgoing::new(4)?;

        message.bytes_mut().copy_from_slice(reply);
        Ok(Some(message))
    }

    #[test]
    fn abandoned_request_stands_on_the_account() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let call = || {
            rig.transport
                .as_arc_borrow()
                .call(&rig.lane, Some(&account), &[0; 24], 4, None, SHORT)
        };

        account.settle(SHORT)?;
        assert_eq!(errno(call()), -110);
        assert_eq!(errno(account.settle(SHORT)), -110);
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        account.settle(SHORT)?;

        // What is never answered stands there until the channel is closed: the host may still read
        // what was sent on a lane that is.
        assert_eq!(errno(call()), -110);
        rig.transport.close_lane(&rig.lane);
        assert_eq!(errno(account.settle(SHORT)), -110);
        rig.transport.close();
        account.settle(SHORT)
    }

    #[test]
    fn cut_off_request_is_settled_by_its_answer() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let result =
            rig.transport
                .as_arc_borrow()
                .call(&rig.lane, Some(&account), &[0; 24], 4, None, SHORT);

        assert_eq!(errno(result), -110);
        rig.transport.close_lane(&rig.lane);
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        account.settle(SHORT)
    }

    #[pin_data]
    struct NextOne {
        #[pin]
        settled: Waiter,
    }

    impl Settled for NextOne {
        fn settled(self: Arc<Self>) {
            self.settled.fire();
        }
    }

    #[test]
    fn told_when_all_is_answered() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let next = || {
            Arc::pin_init(
                pin_init!(NextOne {
                    settled <- Waiter::new(),
                }),
                GFP_KERNEL,
            )
        };
        let at_once = next()?;

        account.when_settled(at_once.clone());
        at_once.settled.wait(SHORT)?;

        let result =
            rig.transport
                .as_arc_borrow()
                .call(&rig.lane, Some(&account), &[0; 24], 4, None, SHORT);
        let later = next()?;

        assert_eq!(errno(result), -110);
        account.when_settled(later.clone());
        assert_eq!(errno(later.settled.wait(SHORT)), -110);
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        later.settled.wait(SHORT)
    }

    #[test]
    fn memory_for_late_replies_has_a_limit() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let create = || {
            let undo = Undo {
                how: UndoHow::ByReply(destroy),
                envelope: envelope(),
                process: HostProcess::GUEST,
                route: None,
            };

            rig.transport.as_arc_borrow().call(
                &rig.lane,
                Some(&account),
                &[1; 24],
                MAX_REPLY,
                Some(undo),
                SHORT,
            )
        };
        // CAST: It is small.
        let others = account.keep(Account::MOST_KEPT as usize - MAX_REPLY)?;

        assert_eq!(errno(create()), -110);
        assert_eq!(errno(create()), -12);
        // With an answer there is room again.
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        rig.queue.drain();
        assert_eq!(errno(create()), -110);
        drop(others);
        rig.transport.close();
        account.settle(SHORT)
    }

    #[test]
    fn late_reply_is_undone() -> Result {
        let rig = Rig::new()?;
        let create = || {
            rig.transport.as_arc_borrow().call(
                &rig.lane,
                None,
                &[1; 24],
                4,
                Some(Undo {
                    how: UndoHow::ByReply(destroy),
                    envelope: envelope(),
                    process: HostProcess::GUEST,
                    route: None,
                }),
                SHORT,
            )
        };

        assert_eq!(errno(create()), -110);
        rig.host.then(Answer::reply(&[0; 8])?)?;
        rig.host
            .complete(rig.host.id(0)?, &[6, 7, 8, 9, 0, 0, 0, 0]);
        rig.queue.drain();
        assert_eq!(rig.host.sent_count(), 2);
        assert_eq!(rig.host.message(1)?.as_slice(), &[6, 7, 8, 9]);

        // Nothing was made, or the reply makes no sense: nothing is sent.
        for reply in [&[0u8; 8][..], &[1u8; 3][..]] {
            let before = rig.host.sent_count();

            assert_eq!(errno(create()), -110);
            rig.host.complete(rig.host.id(before)?, reply);
            rig.queue.drain();
            assert_eq!(rig.host.sent_count(), before + 1);
        }
        Ok(())
    }

    #[test]
    fn late_reply_to_a_plain_request() -> Result {
        let rig = Rig::new()?;

        assert_eq!(errno(call(&rig, &[0; 24], 4, SHORT)), -110);
        rig.host.complete(rig.host.id(0)?, &[1; 8]);
        rig.queue.drain();
        assert_eq!(rig.host.sent_count(), 1);
        Ok(())
    }

    #[pin_data]
    struct Results {
        #[pin]
        errnos: Mutex<KVec<i32>>,
        #[pin]
        done: Waiter,
    }

    /// Lets `count` threads wait for a reply on `lane`; the result tells how they fared.
    fn wait_on(rig: &Rig, lane: &Arc<Lane>, count: usize) -> Result<Arc<Results>> {
        let before = rig.host.sent_count();
        let results = Arc::pin_init(
            pin_init!(Results {
                errnos <- new_mutex!(KVec::new(), "Results::errnos"),
                done <- Waiter::new(),
            }),
            GFP_KERNEL,
        )?;

        for _ in 0..count {
            let transport = rig.transport.clone();
            let lane = lane.clone();
            let results: Arc<Results> = results.clone();

            rig.queue.try_spawn(GFP_KERNEL, move || {
                let result = transport
                    .as_arc_borrow()
                    .call(&lane, None, &[0; 24], 4, None, LONG);
                let mut errnos = results.errnos.lock();

                let _ = errnos.push(errno(result), GFP_KERNEL);
                if errnos.len() == count {
                    results.done.fire();
                }
            })?;
        }
        for _ in 0..1000 {
            if rig.host.sent_count() == before + count {
                return Ok(results);
            }
            fsleep(Delta::from_millis(5));
        }
        Err(ETIMEDOUT)
    }

    #[test]
    fn close_wakes_everybody() -> Result {
        let rig = Rig::new()?;
        let results = wait_on(&rig, &rig.lane, 8)?;

        rig.transport.close();
        results.done.wait(LONG)?;
        assert_eq!(results.errnos.lock().as_slice(), &[-19; 8]);

        // It stays closed.
        assert_eq!(errno(call(&rig, &[0; 24], 4, LONG)), -19);
        assert_eq!(rig.host.sent_count(), 8);
        Ok(())
    }

    #[test]
    fn closing_a_lane_wakes_only_those_on_it() -> Result {
        let rig = Rig::new()?;
        let lane = Lane::new()?;
        let stay = wait_on(&rig, &rig.lane, 3)?;
        let go = wait_on(&rig, &lane, 3)?;

        rig.transport.close_lane(&lane);
        go.done.wait(LONG)?;
        assert_eq!(go.errnos.lock().as_slice(), &[-19; 3]);
        assert!(stay.errnos.lock().is_empty());

        // It stays closed, the other one open; late replies find nobody.
        let late = rig
            .transport
            .as_arc_borrow()
            .call(&lane, None, &[0; 24], 4, None, LONG);

        assert_eq!(errno(late), -19);
        for index in 0..6 {
            rig.host.complete(rig.host.id(index)?, &[0; 8]);
        }
        stay.done.wait(LONG)?;
        assert_eq!(stay.errnos.lock().as_slice(), &[0; 3]);
        Ok(())
    }
}
