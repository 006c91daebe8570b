// SPDX-License-Identifier: GPL-2.0

//! The state of a request that its waiter and the channel callback share.

use super::{
    account::Entry,
    Endpoint,
    Label,
    Message,
    ReplyBuffer, //
};
use crate::{
    counter::Charge,
    linux::{
        irq_lock::{
            new_irq_lock,
            IrqLock, //
        },
        queue::OwnedQueue,
        wait::{
            wait_for_memory,
            Completion,
            WaitMode, //
        },
    },
    wire::{
        Envelope,
        Handle,
        HostProcess, //
    }, //
};
use kernel::{
    impl_has_work,
    new_work,
    prelude::*,
    sync::Arc,
    workqueue::{
        Work,
        WorkItem, //
    }, //
};

/// Makes the message that destroys an object, from the reply to the request that created it. `None`
/// if nothing was created.
pub(crate) type UndoFn =
    fn(reply: &[u8], envelope: Envelope, process: HostProcess) -> Result<Option<Message>>;

/// Data about the created objects that the reply does not contain.
#[derive(Clone, Copy)]
pub(crate) struct CreateInfo {
    /// Device the objects belong to.
    pub(crate) device: Handle,
    /// Number of created allocations; 0 if a resource was created with them.
    pub(crate) allocations: usize,
}

/// Like [`UndoFn`], for replies that do not contain all that is needed.
pub(crate) type UndoCreateFn = fn(
    reply: &[u8],
    info: CreateInfo,
    envelope: Envelope,
    process: HostProcess,
) -> Result<Option<Message>>;

/// How the message is made that destroys what a request has created.
#[derive(Clone, Copy)]
pub(crate) enum UndoHow {
    /// From the reply alone.
    ByReply(UndoFn),
    /// From the reply and from data of the request.
    WithCreateInfo(UndoCreateFn, CreateInfo),
}

/// How to undo a request, and the data its message is made with.
pub(crate) struct Undo {
    /// Makes the message.
    pub(crate) how: UndoHow,
    /// Returns the label of the message, which identifies it in debugfs.
    pub(crate) label: fn(message: &[u8]) -> Label,
    /// Envelope of the message.
    pub(crate) envelope: Envelope,
    /// Process on whose behalf the message is sent.
    pub(crate) process: HostProcess,
    /// Where the message is sent; `None` for the transport and endpoint of the request.
    pub(crate) target: Option<UndoTarget>,
}

impl Undo {
    fn message(&self, reply: &[u8]) -> Result<Option<Message>> {
        match self.how {
            UndoHow::ByReply(make) => make(reply, self.envelope, self.process),
            UndoHow::WithCreateInfo(make, info) => make(reply, info, self.envelope, self.process),
        }
    }
}

/// A transport that can send undo messages.
pub(crate) trait UndoTransport: Send + Sync {
    /// Sends the message and waits for the reply, until the endpoint or the channel is closed.
    fn send_undo(self: Arc<Self>, endpoint: &Arc<Endpoint>, message: &[u8], label: Label);
}

/// The transport and the endpoint for an undo message.
#[derive(Clone)]
pub(crate) struct UndoTarget {
    pub(super) transport: Arc<dyn UndoTransport>,
    pub(super) endpoint: Arc<Endpoint>,
}

/// Data that is needed when the reply to a creating request arrives too late.
pub(super) struct Late {
    pub(super) undo: Undo,
    pub(super) target: UndoTarget,
    pub(super) queue: Arc<OwnedQueue>,
    /// Accounts for the reply buffer, which is kept until the reply has arrived.
    pub(super) _kept: Option<Charge>,
}

enum Outcome {
    /// The request is in flight and waited for.
    Pending,
    /// The reply has arrived, or it is known that none will.
    Done(Result<ReplyBuffer>),
    /// The wait was ended with this error, but the host has not replied.
    Cut(Error),
    /// The waiter has taken the outcome, or has left.
    Gone,
    /// The reply arrived after the waiter had left, and the work item handles it. The request stays
    /// on its account until that is done.
    TooLate(ReplyBuffer, Option<Entry>),
}

/// A request.
#[pin_data]
pub(super) struct Request {
    #[pin]
    outcome: IrqLock<Outcome>,
    #[pin]
    done: Completion,
    late: Option<Late>,
    #[pin]
    work: Work<Request>,
}

impl_has_work! {
    impl HasWork<Self> for Request { self.work }
}

impl Request {
    /// Makes a request without an outcome.
    pub(super) fn new(late: Option<Late>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                outcome <- new_irq_lock!(Outcome::Pending, c"Request::outcome"),
                done <- Completion::new(),
                late,
                work <- new_work!("Request::work"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Returns whether a reply is useless once the waiter has left.
    pub(super) fn is_plain(&self) -> bool {
        self.late.is_none()
    }

    /// Ends the request with a reply or an error. Called once, by the code that removed the entry
    /// from the table; in softirq context if that is the channel callback.
    pub(super) fn finish(self: Arc<Self>, result: Result<ReplyBuffer>, account: Option<Entry>) {
        let mut outcome = self.outcome.lock();

        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Done(result);
            drop(outcome);
            self.done.complete_all();
            return;
        }
        // A waiter that was cut off has got its error already, and takes no reply.
        if let (Ok(reply), Some(late)) = (result, &self.late) {
            *outcome = Outcome::TooLate(reply, account);
            drop(outcome);
            // This is the only time the work item is enqueued, as a request finishes once.
            let _ = late.queue.enqueue(self.clone());
        }
    }

    /// Ends the wait with `error`, although the host may still reply. A late reply is left to the
    /// work item.
    pub(super) fn cut(&self, error: Error) {
        let mut outcome = self.outcome.lock();

        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Cut(error);
            drop(outcome);
            self.done.complete_all();
        }
    }

    /// Waits for the outcome. If the wait ends first, a late reply is left to the work item.
    pub(super) fn wait(&self, mode: WaitMode) -> Result<ReplyBuffer> {
        let waited = self.done.wait(mode);
        let outcome = {
            let mut outcome = self.outcome.lock();

            // The wait was cut off and the reply arrived since: the work item handles it.
            if matches!(*outcome, Outcome::TooLate(..)) {
                return Err(ENODEV);
            }
            core::mem::replace(&mut *outcome, Outcome::Gone)
        };

        // A reply that has arrived counts even if the wait ended with an error.
        match outcome {
            Outcome::Done(result) => result,
            Outcome::Cut(error) => Err(error),
            _ => Err(waited.err().unwrap_or(EIO)),
        }
    }
}

impl WorkItem for Request {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let outcome = core::mem::replace(&mut *this.outcome.lock(), Outcome::Gone);
        let (Outcome::TooLate(reply, account), Some(late)) = (outcome, &this.late) else {
            return;
        };

        // The host destroys the object with the process.
        if account
            .as_ref()
            .is_some_and(|entry| entry.account().is_closed())
        {
            return;
        }
        let message = loop {
            match late.undo.message(reply.bytes()) {
                // Objects of the host must not be leaked for lack of memory: retry.
                Err(error) if error == ENOMEM => {
                    let _ = wait_for_memory(WaitMode::Unbounded);
                }
                message => break message,
            }
        };

        if let Ok(Some(message)) = message {
            late.target.transport.clone().send_undo(
                &late.target.endpoint,
                message.bytes(),
                (late.undo.label)(message.bytes()),
            );
        }
    }
}
