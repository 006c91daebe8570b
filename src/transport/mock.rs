// SPDX-License-Identifier: GPL-2.0

//! A channel for tests, which plays the host: it answers a request while it is being sent, or
//! keeps it for later.

use super::{
    Account,
    Completions,
    Endpoint,
    Label,
    ReplyBuffer,
    Transport,
    Undo, //
};
use crate::{
    linux::{
        channel::{
            Channel,
            Packet,
            Receiver, //
        },
        queue::OwnedQueue,
        wait::WaitMode, //
    },
    message::Link,
    wire::{
        Envelope,
        InterfaceVersion,
        Luid, //
    },
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    }, //
};

/// Longer than anything a test waits for that does happen.
pub(crate) const LONG: WaitMode = WaitMode::Timeout(60_000);

/// How messages to a vGPU of a host of `version` are wrapped.
pub(crate) fn envelope(version: u32) -> Envelope {
    Envelope {
        version: InterfaceVersion::for_host(version),
        vgpu: Luid { a: 5, b: 6 },
    }
}

/// What the host does with the next request.
pub(crate) enum Answer {
    /// Completes it with these bytes.
    Reply(KVVec<u8>),
    /// Completes it with these bytes, and yet the sender is told that sending failed.
    ReplyAndFail(KVVec<u8>, Error),
    /// Lets the sender believe that sending failed.
    Fail(Error),
    /// Says nothing.
    Silence,
}

impl Answer {
    /// Completes it with these bytes.
    pub(crate) fn reply(bytes: &[u8]) -> Result<Self> {
        let mut copy = KVVec::new();

        copy.extend_from_slice(bytes, GFP_KERNEL)?;
        Ok(Self::Reply(copy))
    }
}

/// A request the host has got.
pub(crate) struct Sent {
    /// Its transaction id, 0 if it wants no reply.
    pub(crate) id: u64,
    /// The message.
    pub(crate) message: KVVec<u8>,
}

/// The host.
#[pin_data]
pub(crate) struct MockHost {
    completions: Arc<Completions>,
    #[pin]
    answers: Mutex<KVec<Answer>>,
    #[pin]
    sent: Mutex<KVec<Sent>>,
}

/// The channel to it.
pub(crate) type Mock = Arc<MockHost>;

impl MockHost {
    /// What to do with the next request for which nothing was said yet.
    pub(crate) fn then(&self, answer: Answer) -> Result {
        Ok(self.answers.lock().push(answer, GFP_KERNEL)?)
    }

    /// Sends a completion.
    pub(crate) fn complete(&self, transaction: u64, payload: &[u8]) {
        self.completions.packet(&Packet {
            kind: Packet::COMPLETION,
            transaction,
            payload,
        });
    }

    /// How many requests came.
    pub(crate) fn sent_count(&self) -> usize {
        self.sent.lock().len()
    }

    /// The id of a request that came.
    pub(crate) fn id(&self, index: usize) -> Result<u64> {
        Ok(self.sent.lock().get(index).ok_or(EIO)?.id)
    }

    /// A copy of a request that came.
    pub(crate) fn message(&self, index: usize) -> Result<KVVec<u8>> {
        let sent = self.sent.lock();
        let mut copy = KVVec::new();

        copy.extend_from_slice(&sent.get(index).ok_or(EIO)?.message, GFP_KERNEL)?;
        Ok(copy)
    }
}

impl Channel for Mock {
    fn send(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        _mode: WaitMode,
        wanted: &dyn Fn() -> bool,
    ) -> Result {
        if !wanted() {
            return Err(ENODEV);
        }

        let mut message = KVVec::new();

        message.extend_from_slice(payload, GFP_KERNEL)?;

        let id = transaction.unwrap_or_default();
        let sent = Sent { id, message };

        self.sent.lock().push(sent, GFP_KERNEL)?;

        let answer = self.answers.lock().remove(0).unwrap_or(Answer::Silence);

        match answer {
            Answer::Reply(reply) => {
                self.complete(id, &reply);
                Ok(())
            }
            Answer::ReplyAndFail(reply, error) => {
                self.complete(id, &reply);
                Err(error)
            }
            Answer::Fail(error) => Err(error),
            Answer::Silence => Ok(()),
        }
    }

    fn relid(&self) -> u32 {
        0
    }

    fn settle(&self) {}

    fn close(&self) {
        self.completions.closed();
    }
}

/// All there is to a connection with a [`MockHost`].
pub(crate) struct Rig {
    /// The other side.
    pub(crate) host: Mock,
    /// Our side.
    pub(crate) transport: Arc<Transport<Mock>>,
    /// A endpoint.
    pub(crate) endpoint: Arc<Endpoint>,
    /// Where late replies are looked after.
    pub(crate) queue: Arc<OwnedQueue>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Nothing waits for an answer that never comes, and no work item is the last one to know the
        // queue.
        self.transport.close();
        self.queue.drain();
    }
}

impl Rig {
    /// A connection with a host that says nothing.
    pub(crate) fn new() -> Result<Self> {
        let completions = Completions::new(None, |_| {})?;
        let for_host = completions.clone();
        let queue = Arc::new(OwnedQueue::new(c"dxgkrnl_test")?, GFP_KERNEL)?;
        let host = Arc::pin_init(
            pin_init!(MockHost {
                completions: for_host,
                answers <- new_mutex!(KVec::new(), "MockHost::answers"),
                sent <- new_mutex!(KVec::new(), "MockHost::sent"),
            }),
            GFP_KERNEL,
        )?;
        let transport = Transport::new(host.clone(), completions, queue.clone())?;

        Ok(Self {
            host,
            transport,
            endpoint: Endpoint::new()?,
            queue,
        })
    }

    /// A link over it.
    pub(crate) fn link(&self, envelope: Envelope) -> Result<Link<Mock>> {
        Link::new(self.transport.clone(), envelope)
    }
}

impl<C: Channel + 'static> Transport<C> {
    /// Sends `message` and waits for a reply of `need` bytes, as a prepared request does.
    pub(crate) fn call(
        self: ArcBorrow<'_, Self>,
        endpoint: &Arc<Endpoint>,
        account: Option<&Arc<Account>>,
        message: &[u8],
        need: usize,
        undo: Option<Undo>,
        mode: WaitMode,
    ) -> Result<ReplyBuffer> {
        self.prepare(endpoint, account, need, undo, Label::UNKNOWN)?
            .send(message, mode)
    }
}
