// SPDX-License-Identifier: GPL-2.0

//! Packets from the host: finds the request a completion belongs to, and drops invalid packets with
//! a rate-limited warning.

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

/// Largest number of requests in flight at a time. There is one per waiting thread, and one per
/// thread that was killed while the host has not replied.
const MAX_REQUESTS: usize = 1 << 16;

/// Number of table entries reserved for requests that must not allocate memory.
const RESERVED: usize = 16;

/// Sleep between two attempts to get a table entry.
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
const ROOM_SLICE: Delta = Delta::from_millis(5);

/// Receiver of the messages that the host sends unasked.
pub(crate) trait Listener: Send + Sync {
    /// Handles a notification. Called in softirq context; must not sleep.
    fn notified(&self, payload: &[u8]);
}

/// Callback for a channel that the host has broken; see [`Receiver::broken`].
pub(crate) type OnBroken = fn(&Arc<Offer>);

/// One adapter's part of the traffic on a channel, which can be closed separately.
pub(crate) struct Endpoint {
    /// Written under `Completions::requests`, and read under it before a request is admitted. Read
    /// again without the lock when the request is sent.
    closed: Atomic<bool>,
}

impl Endpoint {
    /// Makes an open endpoint.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let endpoint = Self {
            closed: Atomic::new(false),
        };

        Ok(Arc::new(endpoint, GFP_KERNEL)?)
    }

    /// Returns whether the endpoint is not closed.
    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Acquire)
    }
}

/// Command and process of a request, which identify it in debugfs.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    /// Number of the command.
    pub(crate) command: u32,
    /// Host handle of the process on whose behalf the request is sent.
    pub(crate) process: u32,
}

impl Label {
    /// The label of a message whose command is not known.
    pub(crate) const UNKNOWN: Self = Self {
        command: u32::MAX,
        process: 0,
    };
}

/// A request that the host has not answered, as shown in debugfs.
pub(crate) struct UnderWay {
    /// Command and process of the request.
    pub(crate) label: Label,
    /// Milliseconds since the request entered the table.
    pub(crate) age_ms: u32,
    endpoint: Arc<Endpoint>,
}

impl UnderWay {
    /// Returns whether the request was sent over `endpoint`.
    pub(crate) fn is_on(&self, endpoint: &Arc<Endpoint>) -> bool {
        Arc::ptr_eq(&self.endpoint, endpoint)
    }
}

/// Table entry of a request in flight, with the buffer for its reply.
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
    /// Makes a receiver that expects no completions. Without a `listener` notifications of the host
    /// are dropped. `on_broken` is called if the host breaks the channel.
    pub(crate) fn new(
        listener: Option<Arc<dyn Listener>>,
        on_broken: OnBroken,
    ) -> Result<Arc<Self>> {
        let mut table = Table::new();

        // Allocate the reserved entries, which are there for the lifetime of the table.
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

    /// Enters `request` into the table, so that its completion is expected from now on. Returns the
    /// transaction id.
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

    /// Enters `request` as [`Self::admit`] does, but without allocating: uses a reserved entry, or
    /// waits until an entry is free.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the channel or the endpoint is closed; `ERESTARTSYS` or `ETIMEDOUT` if the wait
    /// ended first.
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
            // Each reply frees an entry.
            fsleep(ROOM_SLICE);
        }
    }

    /// Returns whether the table has a free entry without growing, apart from the reserved ones.
    #[cfg(all(CONFIG_DXGKRNL_KUNIT_TEST, CONFIG_DXGKRNL_SYNC_FILE))]
    pub(super) fn has_room(&self) -> bool {
        matches!(self.requests.lock().table.spare_for(RESERVED), Ok(None))
    }

    /// Removes the entry of a request that was not sent.
    pub(super) fn withdraw(&self, id: u64) {
        drop(self.take(id));
    }

    /// Removes the entry `id`, if it exists.
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

    /// Returns the next request in flight, beginning with slot `from`; `None` if there is none.
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

    /// Frees the memory that the table does not need.
    fn shrink(&self) {
        loop {
            let spare = self.requests.lock().table.shrink();

            if spare.is_none() {
                return;
            }
        }
    }

    /// Frees the reply buffer of a request whose reply is not needed. The completion is still
    /// expected.
    pub(super) fn abandon(&self, id: u64) {
        let room = {
            let mut requests = self.requests.lock();

            requests
                .table
                .get_mut(id)
                .map(|entry| core::mem::replace(&mut entry.buffer, ReplyBuffer::EMPTY))
        };

        // Freed after the lock is released.
        drop(room);
    }

    /// Returns whether the channel is not closed.
    pub(super) fn is_open(&self) -> bool {
        !self.requests.lock().closed
    }

    /// Refuses further requests of `endpoint`.
    pub(super) fn close_endpoint(&self, endpoint: &Endpoint) {
        let _requests = self.requests.lock();

        endpoint.closed.store(true, Release);
    }

    /// Wakes all waiters of `endpoint`, which is closed. Their requests stay on their accounts: the
    /// host may still read them until the channel is closed.
    pub(super) fn end_endpoint(&self, endpoint: &Endpoint) {
        let mut from = 0;

        loop {
            // One at a time, so that waiters are woken without the lock.
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

    /// Ends all requests in flight with `ENODEV`. The caller has made sure that no new ones are
    /// admitted.
    fn end(&self) {
        let mut from = 0;

        loop {
            // One at a time, so that the data of a request is dropped without the lock.
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
            endpoint: _endpoint,
            account,
            request,
            mut buffer,
            ..
        }) = self.take(id)
        else {
            pr_warn_limited!("host completed an unknown transaction {:#x}\n", id);
            return;
        };

        // The entry was removed from the table, so the buffer is filled without a lock.
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
        // No more completions will arrive.
        self.closed();
        (self.on_broken)(offer);
    }
}
