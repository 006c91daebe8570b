// SPDX-License-Identifier: GPL-2.0

//! A channel for tests that acts as the host: it answers a request while it is being sent, or
//! leaves the answer to the test.

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

/// A timeout that expires only if a test fails.
pub(crate) const LONG: WaitMode = WaitMode::Timeout(60_000);

/// Returns the envelope of messages to a vGPU of a host of `version`.
pub(crate) fn envelope(version: u32) -> Envelope {
    Envelope {
        version: InterfaceVersion::for_host(version),
        vgpu: Luid { a: 5, b: 6 },
    }
}

/// The host's reaction to the next request.
pub(crate) enum Answer {
    /// Completes the request with these bytes.
    Reply(KVVec<u8>),
    /// Completes the request with these bytes, and reports to the sender that sending failed.
    ReplyAndFail(KVVec<u8>, Error),
    /// Reports to the sender that sending failed.
    Fail(Error),
    /// Does not complete the request.
    Silence,
}

impl Answer {
    /// Makes a reaction that completes the request with a copy of `bytes`.
    pub(crate) fn reply(bytes: &[u8]) -> Result<Self> {
        let mut copy = KVVec::new();

        copy.extend_from_slice(bytes, GFP_KERNEL)?;
        Ok(Self::Reply(copy))
    }
}

/// A request that the host has received.
pub(crate) struct Sent {
    /// Transaction id, 0 if no reply is wanted.
    pub(crate) id: u64,
    /// The message.
    pub(crate) message: KVVec<u8>,
}

/// The simulated host.
#[pin_data]
pub(crate) struct MockHost {
    completions: Arc<Completions>,
    #[pin]
    answers: Mutex<KVec<Answer>>,
    #[pin]
    sent: Mutex<KVec<Sent>>,
}

/// The channel to a [`MockHost`].
pub(crate) type Mock = Arc<MockHost>;

impl MockHost {
    /// Adds the reaction to the next request that has none yet.
    pub(crate) fn then(&self, answer: Answer) -> Result {
        Ok(self.answers.lock().push(answer, GFP_KERNEL)?)
    }

    /// Delivers a completion.
    pub(crate) fn complete(&self, transaction: u64, payload: &[u8]) {
        self.completions.packet(&Packet {
            kind: Packet::COMPLETION,
            transaction,
            payload,
        });
    }

    /// Returns the number of requests received.
    pub(crate) fn sent_count(&self) -> usize {
        self.sent.lock().len()
    }

    /// Returns the transaction id of a received request.
    pub(crate) fn id(&self, index: usize) -> Result<u64> {
        Ok(self.sent.lock().get(index).ok_or(EIO)?.id)
    }

    /// Returns a copy of a received request.
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

/// A transport with a [`MockHost`] at its other end.
pub(crate) struct Rig {
    /// The host.
    pub(crate) host: Mock,
    /// The transport under test.
    pub(crate) transport: Arc<Transport<Mock>>,
    /// An endpoint of the transport.
    pub(crate) endpoint: Arc<Endpoint>,
    /// Queue of the work items that handle late replies.
    pub(crate) queue: Arc<OwnedQueue>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Ends all waits for replies that never come, and drains the queue, so that no work item
        // drops the last reference to it.
        self.transport.close();
        self.queue.drain();
    }
}

impl Rig {
    /// Makes a transport to a host that answers nothing until it is told to.
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

    /// Makes a link over the transport.
    pub(crate) fn link(&self, envelope: Envelope) -> Result<Link<Mock>> {
        Link::new(self.transport.clone(), envelope)
    }
}

impl<C: Channel + 'static> Transport<C> {
    /// Sends `message` and waits for a reply of `need` bytes, as `PreparedRequest::send` does.
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
