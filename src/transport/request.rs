// SPDX-License-Identifier: GPL-2.0

//! One request: what its waiter and the channel callback share.

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

/// Makes, from the reply to a request that created something, the message that destroys it.
/// `None` if nothing was created.
pub(crate) type UndoFn =
    fn(reply: &[u8], envelope: Envelope, process: HostProcess) -> Result<Option<Message>>;

/// What the reply to a request does not say about what it created.
#[derive(Clone, Copy)]
pub(crate) struct CreateInfo {
    /// The device it is on.
    pub(crate) device: Handle,
    /// How many allocations were created, unless a resource was.
    pub(crate) allocations: usize,
}

/// As [`UndoFn`], for replies that do not say enough.
pub(crate) type UndoCreateFn = fn(
    reply: &[u8],
    info: CreateInfo,
    envelope: Envelope,
    process: HostProcess,
) -> Result<Option<Message>>;

/// How the message that destroys something is made.
#[derive(Clone, Copy)]
pub(crate) enum UndoHow {
    /// From the reply.
    ByReply(UndoFn),
    /// From the reply and what the request said.
    WithCreateInfo(UndoCreateFn, CreateInfo),
}

/// How to undo a request, and what its message was made with.
pub(crate) struct Undo {
    /// Makes the message.
    pub(crate) how: UndoHow,
    /// What it is about, for who looks at what is under way.
    pub(crate) label: fn(message: &[u8]) -> Label,
    /// How it is wrapped.
    pub(crate) envelope: Envelope,
    /// In whose name it is sent.
    pub(crate) process: HostProcess,
    /// Which way it goes, if not that of the request.
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

/// Where an undo message goes: a transport.
pub(crate) trait UndoTransport: Send + Sync {
    /// Sends the message and waits for the answer, until the endpoint or the channel is closed.
    fn send_undo(self: Arc<Self>, endpoint: &Arc<Endpoint>, message: &[u8], label: Label);
}

/// Which way an undo message goes.
#[derive(Clone)]
pub(crate) struct UndoTarget {
    pub(super) transport: Arc<dyn UndoTransport>,
    pub(super) endpoint: Arc<Endpoint>,
}

/// What is needed when the reply to a creating request comes too late.
pub(super) struct Late {
    pub(super) undo: Undo,
    pub(super) target: UndoTarget,
    pub(super) queue: Arc<OwnedQueue>,
    /// Counts the room for the reply, which stays until that has come.
    pub(super) _kept: Option<Charge>,
}

enum Outcome {
    /// Neither side is done.
    Pending,
    /// The reply is there, or it is known that none will come.
    Done(Result<ReplyBuffer>),
    /// The waiter need not wait any longer, but the host has not answered.
    Cut(Error),
    /// The waiter took the outcome, or left.
    Gone,
    /// The waiter had left when the reply came; the work item looks after it. Until that is done
    /// the request stays on its account.
    TooLate(ReplyBuffer, Option<Entry>),
}

/// One request.
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
    /// A request that was not answered yet.
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

    /// Whether the reply is of no use when nobody waits for it any more.
    pub(super) fn is_plain(&self) -> bool {
        self.late.is_none()
    }

    /// Ends the request with a reply or an error. Called once, by whoever took it out of the
    /// table; in softirq context if that is the channel callback.
    pub(super) fn finish(self: Arc<Self>, result: Result<ReplyBuffer>, account: Option<Entry>) {
        let mut outcome = self.outcome.lock();

        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Done(result);
            drop(outcome);
            self.done.complete_all();
            return;
        }
        // Who was cut off has been told, and takes no reply any more.
        if let (Ok(reply), Some(late)) = (result, &self.late) {
            *outcome = Outcome::TooLate(reply, account);
            drop(outcome);
            // The work item was never enqueued before: requests finish once.
            let _ = late.queue.enqueue(self.clone());
        }
    }

    /// Tells the waiter `error`, although the host may still answer: the request is on its own then.
    pub(super) fn cut(&self, error: Error) {
        let mut outcome = self.outcome.lock();

        if matches!(*outcome, Outcome::Pending) {
            *outcome = Outcome::Cut(error);
            drop(outcome);
            self.done.complete_all();
        }
    }

    /// Waits for the end. If the wait ends first the request is on its own.
    pub(super) fn wait(&self, mode: WaitMode) -> Result<ReplyBuffer> {
        let waited = self.done.wait(mode);
        let outcome = {
            let mut outcome = self.outcome.lock();

            // It was cut off, and answered since then: that is for the work item.
            if matches!(*outcome, Outcome::TooLate(..)) {
                return Err(ENODEV);
            }
            core::mem::replace(&mut *outcome, Outcome::Gone)
        };

        // A reply that came in the last moment is as good as any.
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

        // What was made has gone with the process.
        if account
            .as_ref()
            .is_some_and(|entry| entry.account().is_closed())
        {
            return;
        }
        let message = loop {
            match late.undo.message(reply.bytes()) {
                // What the host has made is not forgotten for want of memory.
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
