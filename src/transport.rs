// SPDX-License-Identifier: GPL-2.0

//! Requests in flight on a VMBus channel.
//!
//! [`PreparedRequest::send`] sends a request and waits for its completion. Each request is an
//! object of its own, shared by the waiting thread and the table of transactions. The table entry
//! owns the reply buffer until the reply is complete, then the request does. Nothing that the
//! channel callback accesses is on the stack of a waiter, and no lock is held during a wait.
//!
//! Several adapters may share a channel. Each has an [`Endpoint`], which can be closed without
//! affecting the others.
//!
//! A waiter that is killed, or whose timeout expires, leaves the request in flight. If the reply
//! then says that the host created an object, a work item destroys the object, however late the
//! reply is.
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

/// Largest request in bytes, extended header included.
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;

/// Largest reply in bytes. With the header of its packet it must not exceed the largest packet that
/// is received: a larger packet would be dropped, and the request would never complete.
// CAST: `usize` has at least 32 bits.
pub(crate) const MAX_REPLY: usize = RINGS.max_packet as usize - PACKET_HEADER;

/// Size of the packet header before the payload, in bytes.
const PACKET_HEADER: usize = 16;

/// How long to wait for the host during teardown. If the timeout expires the channel is closed,
/// which ends the objects on the host as well.
pub(crate) const TEARDOWN_TIMEOUT: WaitMode = WaitMode::Timeout(10_000);

/// Rings of the channels of vGPUs and of the global channel.
const RINGS: Rings = Rings {
    bytes: 256 * 1024,
    max_packet: 128 * 1024,
};

/// The transport over a VMBus channel.
pub(crate) type HostTransport = Transport<Arc<Session>>;

/// A channel, and the requests in flight on it.
#[pin_data]
pub(crate) struct Transport<C: Channel> {
    channel: C,
    completions: Arc<Completions>,
    queue: Arc<OwnedQueue>,
}

impl HostTransport {
    /// Opens the channel of `offer`. Without a `listener` the host may only send replies. If the
    /// host breaks the channel, `on_broken` is called on the first of `queues`. The second one runs
    /// the work items that destroy objects created by requests which are not waited for any longer.
    pub(crate) fn open(
        offer: &Arc<Offer>,
        listener: Option<Arc<dyn Listener>>,
        on_broken: OnBroken,
        queues: [Arc<OwnedQueue>; 2],
    ) -> Result<Arc<Self>> {
        let [work, teardown] = queues;
        let completions = Completions::new(listener, on_broken)?;
        let channel = offer.open(&RINGS, completions.clone(), work)?;

        // A failed allocation must not leave the channel open.
        Self::new(channel.clone(), completions, teardown).inspect_err(|_| channel.close())
    }
}

impl<C: Channel + 'static> Transport<C> {
    /// Makes a transport over an open channel whose receiver is `completions`. `queue` runs the
    /// work items that destroy objects created by requests which are not waited for any longer.
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

    /// Allocates everything that is needed to send a request over `endpoint` later. Its reply must
    /// have at least `need` bytes, of which exactly `need` are returned. If `endpoint` is closed in
    /// the meantime, the wait for the reply ends. The request is counted on `account` as long as
    /// the host may still process it. `label` identifies it in debugfs.
    ///
    /// `undo` makes, from a reply that arrives too late, the message that destroys what the request
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

    /// Returns the target for undo messages over this transport, on `endpoint`.
    pub(crate) fn target(self: ArcBorrow<'_, Self>, endpoint: &Arc<Endpoint>) -> UndoTarget {
        UndoTarget {
            transport: Arc::<Self>::from(self),
            endpoint: endpoint.clone(),
        }
    }

    /// Sends `message` without asking for a reply, so that the host's result is not known.
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

    /// Closes an endpoint: all its waiters get `ENODEV`, as does every later call. No packet is
    /// sent on the endpoint after this has returned.
    pub(crate) fn close_endpoint(&self, endpoint: &Endpoint) {
        self.completions.close_endpoint(endpoint);
        self.channel.settle();
        self.completions.end_endpoint(endpoint);
    }

    /// Calls `show` for each request that the host has not answered.
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

    /// Returns whether neither the channel nor `endpoint` is closed.
    pub(crate) fn is_open(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_open() && self.completions.is_open()
    }

    /// Returns the channel.
    pub(crate) fn channel(&self) -> &C {
        &self.channel
    }

    /// Closes the channel: all waiters get `ENODEV`, as does every later call.
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

        // No caller would handle an error, but the host must be told: retry.
        while send().is_err_and(|error| error == ENOMEM && this.is_open(endpoint)) {
            let _ = wait_for_memory(WaitMode::Unbounded);
        }
    }
}
