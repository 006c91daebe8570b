// SPDX-License-Identifier: GPL-2.0

//! Requests in flight on a channel.
//!
//! [`PreparedRequest::send`] sends a request and waits for its completion. Each request is an object of
//! its own, shared by the thread that waits and by the table of transactions; the reply buffer
//! belongs to the table entry until the reply is complete, then to the request. Nothing that the
//! channel callback touches lies on a waiter's stack, and no lock is held while anybody waits.
//!
//! Several adapters may share a channel. Each has a [`Endpoint`] of its own, which can be closed
//! without the others noticing.
//!
//! A waiter that is killed, or whose time is up, leaves the request behind. If the reply then
//! says that the host made an object, a work item destroys it, however late that is.
//!
//! Locks: `Completions::requests` and `Request::outcome`, both taken in the channel callback, never
//! together.

mod account;
mod buffer;
#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
pub(crate) mod mock;
mod prepared_request;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
mod provision;
mod receive;
mod request;
#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
mod tests;

pub(crate) use self::{
    account::{
        Account,
        Entry as AccountEntry,
        Settled, //
    },
    buffer::{
        Message,
        ReplyBuffer, //
    },
    prepared_request::PreparedRequest,
    receive::{
        Completions,
        Endpoint,
        Label,
        Listener,
        OnBroken,
        UnderWay, //
    },
    request::{
        CreateInfo,
        Undo,
        UndoFn,
        UndoHow,
        UndoTarget, //
    },
};

#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) use self::provision::Provision;
use self::request::{
    Late,
    Request,
    UndoTransport, //
};
use crate::linux::{
    channel::{
        Channel,
        Offer,
        Rings,
        Session, //
    },
    queue::OwnedQueue,
    wait::{
        wait_for_memory,
        WaitMode, //
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
pub(crate) const TEARDOWN_TIMEOUT: WaitMode = WaitMode::Timeout(10_000);

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
    completions: Arc<Completions>,
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
        let completions = Completions::new(listener, on_broken)?;
        let channel = offer.open(&RINGS, completions.clone(), work)?;

        // A failed allocation must not leave the channel open behind our back.
        Self::new(channel.clone(), completions, teardown).inspect_err(|_| channel.close())
    }
}

impl<C: Channel + 'static> Transport<C> {
    /// Makes a transport over an open channel whose receiver is `completions`. What was made by requests
    /// that nobody waits for any more is destroyed on `queue`.
    pub(crate) fn new(
        channel: C,
        completions: Arc<Completions>,
        queue: Arc<OwnedQueue>,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(
            Self {
                channel,
                completions,
                queue,
            },
            GFP_KERNEL,
        )?)
    }

    /// Finds all the memory that a request needs, which is to be sent over `endpoint` later and has a
    /// reply of at least `need` bytes, of which exactly `need` are returned. If `endpoint` is closed
    /// meanwhile the wait ends. As long as the host may still be busy with the request it stands on
    /// `account`. `label` says what it is about.
    ///
    /// `undo` makes, from a reply that comes too late, the message that destroys what the request
    /// has created.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: the reply would be larger than the protocol allows.
    /// - `ENOMEM`: out of memory.
    /// - `ENODEV`: the channel or the endpoint is closed, or the account has departed.
    pub(crate) fn prepare<'a>(
        self: ArcBorrow<'a, Self>,
        endpoint: &Arc<Endpoint>,
        account: Option<&Arc<Account>>,
        need: usize,
        undo: Option<Undo>,
        label: Label,
    ) -> Result<PreparedRequest<'a, C>> {
        if need > MAX_REPLY {
            return Err(EINVAL);
        }

        let late = undo
            .map(|mut undo| {
                Ok::<_, Error>(Late {
                    target: undo.target.take().unwrap_or_else(|| self.target(endpoint)),
                    undo,
                    queue: self.queue.clone(),
                    _kept: account.map(|account| account.keep(need)).transpose()?,
                })
            })
            .transpose()?;
        let request = Request::new(late)?;
        let buffer = ReplyBuffer::new(need)?;
        let id =
            self.completions
                .admit(endpoint.clone(), account, request.clone(), buffer, label)?;

        Ok(PreparedRequest {
            transport: self,
            endpoint: endpoint.clone(),
            request,
            id: Some(id),
        })
    }

    /// The way over this transport, on `endpoint`.
    pub(crate) fn target(self: ArcBorrow<'_, Self>, endpoint: &Arc<Endpoint>) -> UndoTarget {
        UndoTarget {
            transport: Arc::<Self>::from(self),
            endpoint: endpoint.clone(),
        }
    }

    /// Sends `message`, to which there is no reply. What the host thinks of it is not known.
    ///
    /// # Errors
    ///
    /// `EINVAL`, `ENODEV`, `ERESTARTSYS`, `ETIMEDOUT` as for [`PreparedRequest::send`].
    pub(crate) fn post(&self, endpoint: &Endpoint, message: &[u8], mode: WaitMode) -> Result {
        if message.len() > MAX_MESSAGE {
            return Err(EINVAL);
        }
        self.channel
            .send(message, None, mode, &|| endpoint.is_open())
    }

    /// Closes one endpoint: everybody who waits on it gets `ENODEV`, and so does every later call.
    /// Nothing is sent on it when this has returned.
    pub(crate) fn close_endpoint(&self, endpoint: &Endpoint) {
        self.completions.close_endpoint(endpoint);
        self.channel.settle();
        self.completions.end_lane(endpoint);
    }

    /// Shows all requests that the host has not answered.
    pub(crate) fn each_under_way(
        &self,
        mut show: impl FnMut(&UnderWay) -> fmt::Result,
    ) -> fmt::Result {
        let mut from = 0;

        while let Some(request) = self.completions.look(&mut from) {
            show(&request)?;
        }
        Ok(())
    }

    /// Whether neither the channel nor `endpoint` is closed.
    pub(crate) fn is_open(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_open() && self.completions.is_open()
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

impl<C: Channel + 'static> UndoTransport for Transport<C> {
    fn send_undo(self: Arc<Self>, endpoint: &Arc<Endpoint>, message: &[u8], label: Label) {
        let this = self.as_arc_borrow();
        let send = || {
            this.prepare(endpoint, None, 0, None, label)?
                .send(message, WaitMode::Unbounded)
        };

        // Nobody is left to be told, but the host must be.
        while send().is_err_and(|error| error == ENOMEM && this.is_open(endpoint)) {
            let _ = wait_for_memory(WaitMode::Unbounded);
        }
    }
}
