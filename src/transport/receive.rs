// SPDX-License-Identifier: GPL-2.0

//! Packets from the host: finds the request a completion belongs to, and drops what makes no
//! sense with a warning that cannot flood the log.

use super::{
    account::Entry,
    request::Request,
    Account,
    ReplyBuffer, //
};
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use crate::linux::wait::{
    Deadline,
    WaitMode, //
};
use crate::{
    id_table::{
        Spare,
        Step,
        Table, //
    },
    linux::{
        channel::{
            Offer,
            Packet,
            Receiver, //
        },
        coarse_time::CoarseInstant,
        irq_lock::{
            new_irq_lock,
            IrqLock, //
        },
        ratelimit::pr_warn_limited, //
    },
};
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
use kernel::time::{
    delay::fsleep,
    Delta, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc, //
    }, //
};

/// Most requests in flight at a time. There is one per waiting thread, and those whose thread was
/// killed while the host owes the reply.
const MAX_REQUESTS: usize = 1 << 16;

/// How many places are left to requests for which no memory may be allocated any more.
const RESERVED: usize = 16;

/// How long to sleep before looking for a place again.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
const ROOM_SLICE: Delta = Delta::from_millis(5);

/// Who is told what the host says on its own.
pub(crate) trait Listener: Send + Sync {
    /// A notification came. Called in softirq context; must not sleep.
    fn notified(&self, payload: &[u8]);
}

/// What is to be done when the host has broken a channel; see [`Receiver::broken`].
pub(crate) type OnBroken = fn(&Arc<Offer>);

/// Those messages on a channel that stand and fall together: the ones of one adapter.
pub(crate) struct Endpoint {
    /// Changed under `Completions::requests`, and read there before a request is admitted. Read again
    /// when it is sent.
    closed: Atomic<bool>,
}

impl Endpoint {
    /// An open endpoint.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let endpoint = Self {
            closed: Atomic::new(false),
        };

        Ok(Arc::new(endpoint, GFP_KERNEL)?)
    }

    /// Whether it is not closed.
    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Acquire)
    }
}

/// What a request is about, for who looks at what is under way.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    /// The number of the command.
    pub(crate) command: u32,
    /// In whose name it is sent.
    pub(crate) process: u32,
}

impl Label {
    /// Nothing that has a number.
    pub(crate) const UNKNOWN: Self = Self {
        command: u32::MAX,
        process: 0,
    };
}

/// What is known about a request that the host has not answered.
pub(crate) struct UnderWay {
    /// What it is about.
    pub(crate) label: Label,
    /// Milliseconds since there was a place for it.
    pub(crate) age_ms: u32,
    endpoint: Arc<Endpoint>,
}

impl UnderWay {
    /// Whether it is one of those of `endpoint`.
    pub(crate) fn is_on(&self, endpoint: &Arc<Endpoint>) -> bool {
        Arc::ptr_eq(&self.endpoint, endpoint)
    }
}

/// A request in flight, and the room for its reply.
struct InFlight {
    label: Label,
    since: CoarseInstant,
    endpoint: Arc<Endpoint>,
    account: Option<Entry>,
    request: Arc<Request>,
    buffer: ReplyBuffer,
}

struct Requests {
    closed: bool,
    table: Table<InFlight, MAX_REQUESTS>,
}

/// The receiving end of a transport.
#[pin_data]
pub(crate) struct Completions {
    listener: Option<Arc<dyn Listener>>,
    on_broken: OnBroken,
    #[pin]
    requests: IrqLock<Requests>,
}

impl Completions {
    /// An completions that expects no completions. Without a `listener` the host may not say anything
    /// on its own. `on_broken` is called if the host breaks the channel.
    pub(crate) fn new(
        listener: Option<Arc<dyn Listener>>,
        on_broken: OnBroken,
    ) -> Result<Arc<Self>> {
        let mut table = Table::new();

        // The reserved places are there from the start.
        if let Some(slots) = table.spare_for(RESERVED)? {
            drop(table.grow(Spare::new(slots)?));
        }
        Arc::pin_init(
            pin_init!(Self {
                listener,
                on_broken,
                requests <- new_irq_lock!(
                    Requests { closed: false, table },
                    c"Completions::requests"
                ),
            }),
            GFP_KERNEL,
        )
    }

    /// Expects a completion for `request` from now on. Returns the id to send.
    pub(super) fn admit(
        &self,
        endpoint: Arc<Endpoint>,
        account: Option<&Arc<Account>>,
        request: Arc<Request>,
        buffer: ReplyBuffer,
        label: Label,
    ) -> Result<u64> {
        let mut entry = InFlight {
            label,
            since: CoarseInstant::now(),
            endpoint,
            account: account.map(|account| account.try_enter()).transpose()?,
            request,
            buffer,
        };

        loop {
            let mut requests = self.requests.lock();

            if requests.closed || !entry.endpoint.is_open() {
                return Err(ENODEV);
            }
            match requests.table.spare_for(RESERVED)? {
                None => match requests.table.insert(entry) {
                    Ok(id) => return Ok(id),
                    Err(back) => entry = back,
                },
                Some(slots) => {
                    drop(requests);

                    let spare = Spare::new(slots)?;
                    let rest = self.requests.lock().table.grow(spare);

                    drop(rest);
                }
            }
        }
    }

    /// Does the same without allocating: takes a place that is reserved, or waits until there is one.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the channel or the endpoint is closed; `ERESTARTSYS` or `ETIMEDOUT` if the wait ended
    /// first.
    #[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
    pub(super) fn admit_provided(
        &self,
        endpoint: &Arc<Endpoint>,
        account: Option<&Arc<Account>>,
        request: Arc<Request>,
        buffer: ReplyBuffer,
        label: Label,
        mode: WaitMode,
    ) -> Result<u64> {
        let deadline = Deadline::new(mode);
        let mut entry = InFlight {
            label,
            since: CoarseInstant::now(),
            endpoint: endpoint.clone(),
            account: account.map(|account| account.try_enter()).transpose()?,
            request,
            buffer,
        };

        loop {
            let mut requests = self.requests.lock();

            if requests.closed || !endpoint.is_open() {
                return Err(ENODEV);
            }

            let result = requests.table.insert(entry);

            drop(requests);
            match result {
                Ok(id) => return Ok(id),
                Err(back) => entry = back,
            }
            deadline.rest()?;
            // Each answer makes room.
            fsleep(ROOM_SLICE);
        }
    }

    /// Whether a request finds a place without more memory for the table.
    #[cfg(all(CONFIG_DXGKRNL_KUNIT_TEST, CONFIG_DXGKRNL_SYNC_FILE))]
    pub(super) fn has_room(&self) -> bool {
        matches!(self.requests.lock().table.spare_for(RESERVED), Ok(None))
    }

    /// Expects it no more: nothing was sent.
    pub(super) fn withdraw(&self, id: u64) {
        drop(self.take(id));
    }

    /// Takes a request out, if there is one with this id.
    fn take(&self, id: u64) -> Option<InFlight> {
        let mut requests = self.requests.lock();
        let entry = requests.table.remove(id);
        let spare = requests.table.shrink();

        drop(requests);
        if spare.is_some() {
            drop(spare);
            self.shrink();
        }
        entry
    }

    /// Returns the next request in flight, beginning with slot `from`. `None` if there is none.
    pub(super) fn look(&self, from: &mut usize) -> Option<UnderWay> {
        loop {
            let step = self.requests.lock().table.look(from, |entry| {
                (entry.label, entry.since, entry.endpoint.clone())
            });

            match step {
                Step::Found((label, since, endpoint)) => {
                    return Some(UnderWay {
                        label,
                        age_ms: since.elapsed_ms(),
                        endpoint,
                    });
                }
                Step::More => {}
                Step::End => return None,
            }
        }
    }

    /// Frees the memory of the table that is not needed any more.
    fn shrink(&self) {
        loop {
            let spare = self.requests.lock().table.shrink();

            if spare.is_none() {
                return;
            }
        }
    }

    /// Gives the room for the reply back: nobody waits for it any more, or needs it. The completion
    /// itself is still expected.
    pub(super) fn abandon(&self, id: u64) {
        let room = {
            let mut requests = self.requests.lock();

            requests
                .table
                .get_mut(id)
                .map(|entry| core::mem::replace(&mut entry.buffer, ReplyBuffer::EMPTY))
        };

        // Not under the lock.
        drop(room);
    }

    /// Whether the channel is not closed.
    pub(super) fn is_open(&self) -> bool {
        !self.requests.lock().closed
    }

    /// Admits no more requests of `endpoint`.
    pub(super) fn close_endpoint(&self, endpoint: &Endpoint) {
        let _requests = self.requests.lock();

        endpoint.closed.store(true, Release);
    }

    /// Wakes those who wait on `endpoint`, which is closed. Their requests stay on their accounts: the
    /// host may still read them, until the channel is closed.
    pub(super) fn end_lane(&self, endpoint: &Endpoint) {
        let mut from = 0;

        loop {
            // One by one: nobody is woken under the lock.
            let step = self.requests.lock().table.look(&mut from, |entry| {
                core::ptr::eq(&*entry.endpoint, endpoint).then(|| entry.request.clone())
            });

            match step {
                Step::Found(Some(request)) => request.cut(ENODEV),
                Step::Found(None) | Step::More => {}
                Step::End => return,
            }
        }
    }

    /// Ends all requests in flight with `ENODEV`. No new ones may be admitted meanwhile.
    fn end(&self) {
        let mut from = 0;

        loop {
            // One by one: what a request owns must not be dropped under the lock.
            let step = self.requests.lock().table.pop(&mut from, |_| true);

            match step {
                Step::Found(InFlight { request, .. }) => request.finish(Err(ENODEV), None),
                Step::More => {}
                Step::End => return self.shrink(),
            }
        }
    }

    fn complete(&self, id: u64, payload: &[u8]) {
        let Some(InFlight {
            endpoint: _lane,
            account,
            request,
            mut buffer,
            ..
        }) = self.take(id)
        else {
            pr_warn_limited!("host completed an unknown transaction {:#x}\n", id);
            return;
        };

        // The buffer is ours alone now, so no lock is needed to fill it.
        let result = buffer.fill(payload).map(|()| buffer);

        request.finish(result, account);
    }
}

impl Receiver for Completions {
    fn packet(&self, packet: &Packet<'_>) {
        match packet.kind {
            Packet::COMPLETION => self.complete(packet.transaction, packet.payload),
            Packet::INBAND => match &self.listener {
                Some(listener) => listener.notified(packet.payload),
                None => pr_warn_limited!("host notification on a channel for replies\n"),
            },
            kind => pr_warn_limited!("packet of unexpected type {}\n", kind),
        }
    }

    fn closed(&self) {
        self.requests.lock().closed = true;
        self.end();
    }

    fn broken(&self, offer: &Arc<Offer>) {
        // Nobody is answered any more.
        self.closed();
        (self.on_broken)(offer);
    }
}
