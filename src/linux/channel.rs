// SPDX-License-Identifier: GPL-2.0

//! VMBus channels: two rings, packets with transaction ids, and a callback for what comes in.
//!
//! An [`Offer`] stands for a device as long as somebody is interested, a [`Session`] for one time
//! its channel is open. Closing may happen at any moment, from several sides at once (the user of
//! the session, or the device going away), and is the end of the session: from then on it answers
//! `ENODEV` and calls nobody back.
//!
//! Locks: `Offer::life` serialises opening and closing, which wait for the VMBus core.
//! `Session::open` is held shared for the time of one ring write and exclusively to end writing;
//! nothing else happens under it. `Gpadls::state` is held while the host is given memory or takes
//! its hands off it, and while the channel is closed. Order: `Offer::life`, then one of the others.
//!
//! C header: `include/linux/hyperv.h`

mod gpadl;
mod packets;
mod session;

pub(crate) use self::{
    gpadl::Gpadl,
    session::Session, //
};

use super::{
    bindings,
    guid::Guid,
    mmio::MmioRange,
    queue::OwnedQueue,
    wait::WaitMode, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    error::to_result,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    }, //
};

/// How the rings of a session are made.
pub(crate) struct Rings {
    /// Bytes of each ring, including its control page.
    pub(crate) bytes: u32,
    /// Largest packet that is received, descriptor included.
    pub(crate) max_packet: u32,
}

/// A packet from the host, in memory the host can no longer change.
pub(crate) struct Packet<'a> {
    /// Its type, see `enum vmbus_packet_type`.
    pub(crate) kind: u16,
    /// For a completion: the id of the request.
    pub(crate) transaction: u64,
    /// What follows the descriptor, padded to a multiple of 8 bytes.
    pub(crate) payload: &'a [u8],
}

impl Packet<'_> {
    /// The type of a packet that the other side sends on its own.
    pub(crate) const INBAND: u16 = bindings::vmbus_packet_type_VM_PKT_DATA_INBAND as u16;
    /// The type of an answer to a request.
    pub(crate) const COMPLETION: u16 = bindings::vmbus_packet_type_VM_PKT_COMP as u16;
}

/// Who gets what comes in on a channel.
pub(crate) trait Receiver: Send + Sync {
    /// A packet arrived. Called in softirq context; must not sleep.
    fn packet(&self, packet: &Packet<'_>);

    /// Nothing more will be sent: called before the rings go away.
    fn closed(&self);

    /// The host has written what is no packet, and nothing is read from the channel of `offer` any
    /// more. The receiver sees to it that the session is closed. Called once, by a worker.
    fn broken(&self, offer: &Arc<Offer>);
}

/// A way to the host. [`Session`] is the real one.
pub(crate) trait Channel: Send + Sync {
    /// Puts a packet into the ring; sleeps while there is no room, and gives up when there is and
    /// the packet is not `wanted` any more. With a `transaction` the packet asks for a completion,
    /// without one it does not.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the channel is closed or the packet not wanted, `ERESTARTSYS` or `ETIMEDOUT` if
    /// the wait ended first, and what the VMBus core may say. After any other error than `ENODEV`
    /// nothing was sent.
    fn send(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        mode: WaitMode,
        wanted: &dyn Fn() -> bool,
    ) -> Result;

    /// Waits until no packet is being put into the ring that was asked about before.
    fn settle(&self);

    /// Returns its number on the bus (`child_relid` of its offer), for those who watch messages.
    fn relid(&self) -> u32;

    /// Ends the session. When this returns, the receiver is not called any more.
    fn close(&self);
}

/// A VMBus device offered to a driver.
///
/// # Invariants
///
/// `device` and `channel` are valid as long as `life` says that the offer is not retired.
#[pin_data]
pub(crate) struct Offer {
    device: NonNull<bindings::hv_device>,
    channel: NonNull<bindings::vmbus_channel>,
    class: Guid,
    instance: Guid,
    mmio_megabytes: u16,
    /// Another one after the machine has slept.
    relid: Atomic<u32>,
    #[pin]
    life: Mutex<Life>,
}

#[derive(Default)]
struct Life {
    retired: bool,
    /// It may not be opened, until the machine wakes up if it sleeps.
    withdrawn: bool,
    session: Option<Arc<Session>>,
}

// SAFETY: The VMBus functions called may be called from any thread; the pointers are only used as
// the locks allow.
unsafe impl Send for Offer {}
// SAFETY: As above.
unsafe impl Sync for Offer {}

impl Offer {
    /// Makes the offer for a device that is being bound.
    ///
    /// # Safety
    ///
    /// `device` must stay valid until [`Self::retire`] has returned.
    pub(super) unsafe fn new(device: *mut bindings::hv_device) -> Result<Arc<Self>> {
        let device = NonNull::new(device).ok_or(EINVAL)?;
        // SAFETY: The device is valid by the contract of this function. Its channel and its
        // GUIDs do not change while it exists.
        let (channel, class, instance) = unsafe {
            let raw = device.as_ptr();

            (
                NonNull::new((*raw).channel).ok_or(EINVAL)?,
                Guid::from_bytes((*raw).dev_type.b),
                Guid::from_bytes((*raw).dev_instance.b),
            )
        };
        // SAFETY: The channel lives as long as the device. The offer message does not change.
        let (mmio_megabytes, relid) = unsafe {
            let message = &raw const (*channel.as_ptr()).offermsg;

            (
                (&raw const (*message).offer.mmio_megabytes).read_unaligned(),
                (&raw const (*message).child_relid).read_unaligned(),
            )
        };

        // INVARIANT: The offer is not retired, and the caller keeps the device until it is.
        Arc::pin_init(
            pin_init!(Self {
                device,
                channel,
                class,
                instance,
                mmio_megabytes,
                relid: Atomic::new(relid),
                life <- new_mutex!(Life::default(), "Offer::life"),
            }),
            GFP_KERNEL,
        )
    }

    /// What kind of device it is.
    pub(crate) fn class(&self) -> Guid {
        self.class
    }

    /// Which device of its kind it is.
    pub(crate) fn instance(&self) -> Guid {
        self.instance
    }

    /// How much address space the host wants for it, in MiB.
    pub(crate) fn mmio_megabytes(&self) -> u16 {
        self.mmio_megabytes
    }

    /// Whether the host has taken the device away, so that nothing reaches it any more.
    pub(crate) fn is_rescinded(&self) -> bool {
        let life = self.life.lock();

        // SAFETY: If the offer is not retired the channel is valid, as `life` is locked. The core
        // sets the flag once, without a lock, hence the volatile read.
        life.retired || unsafe { (&raw const (*self.channel.as_ptr()).rescind).read_volatile() }
    }

    /// Opens the channel. What must not be done in softirq context is done on `queue`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the device is gone, `EBUSY` if the channel is open already.
    pub(crate) fn open(
        self: &Arc<Self>,
        rings: &Rings,
        receiver: Arc<dyn Receiver>,
        queue: Arc<OwnedQueue>,
    ) -> Result<Arc<Session>> {
        let mut life = self.life.lock();

        if life.retired || life.withdrawn {
            return Err(ENODEV);
        }
        if life.session.is_some() {
            return Err(EBUSY);
        }

        let session = Session::new(self.clone(), receiver, queue)?;

        // The lock is held while the core talks to the host: closing must not overtake opening.
        // The core gives up when the host rescinds the channel.
        //
        // SAFETY:
        // - The offer is not retired and `life` is locked, so the channel is valid.
        // - It is not open, so nobody else uses `max_pkt_size`.
        // - The callback's context is the session, which is kept until `vmbus_close()` has
        //   returned: here if opening fails, else by `life.session`.
        let ret = unsafe {
            let raw = self.channel.as_ptr();

            (*raw).max_pkt_size = rings.max_packet;
            bindings::vmbus_open(
                raw,
                rings.bytes,
                rings.bytes,
                ptr::null_mut(),
                0,
                Some(Session::on_event),
                Session::context(&session),
            )
        };

        if ret != 0 {
            // The core has taken the callback already, and keeps it when opening fails: the host may
            // still signal the channel. This takes it back and waits for it, and does nothing else.
            //
            // SAFETY: As above, the channel is valid. It is not open.
            unsafe { bindings::vmbus_close(self.channel.as_ptr()) };
            return to_result(ret).and(Err(EINVAL));
        }
        // INVARIANT: The channel is open, and stays so until `shut`.
        session.begin();
        life.session = Some(session.clone());
        Ok(session)
    }

    /// Reserves addresses for memory of the host, anywhere the bus allows.
    pub(crate) fn allocate_mmio(&self, size: u64, align: u64) -> Result<MmioRange> {
        let life = self.life.lock();

        if life.retired {
            return Err(ENODEV);
        }

        let mut resource = ptr::null_mut();

        // SAFETY: The offer is not retired and `life` is locked, so the device is valid;
        // `resource` is a local variable.
        to_result(unsafe {
            bindings::vmbus_allocate_mmio(
                &mut resource,
                self.device.as_ptr(),
                0,
                u64::MAX,
                size,
                align,
                false,
            )
        })?;
        // SAFETY: On success `resource` points at the reservation, which is now ours.
        Ok(unsafe { MmioRange::from_reserved((*resource).start, size) })
    }

    /// The device is about to go away: lets nobody open the channel any more. What is open stays so.
    pub(crate) fn withdraw(&self) {
        self.life.lock().withdrawn = true;
    }

    /// The device is going away: closes what is open and answers `ENODEV` from now on.
    pub(super) fn retire(&self) {
        let mut life = self.life.lock();

        life.retired = true;
        if let Some(session) = life.session.take() {
            self.shut(&session);
        }
    }

    /// The device is about to be without power: closes what is open, and lets nobody open it.
    pub(super) fn suspend(&self) {
        let mut life = self.life.lock();

        life.withdrawn = true;
        if let Some(session) = life.session.take() {
            self.shut(&session);
        }
    }

    /// The device is there again.
    pub(super) fn resume(&self) {
        let mut life = self.life.lock();

        if life.retired {
            return;
        }
        // SAFETY: The offer is not retired and `life` is locked, so the channel is valid. The core
        // changes the offer message only before it calls us.
        let relid = unsafe {
            let message = &raw const (*self.channel.as_ptr()).offermsg;

            (&raw const (*message).child_relid).read_unaligned()
        };

        self.relid.store(relid, Relaxed);
        life.withdrawn = false;
    }

    /// Ends `session`. The caller holds `life`, and has taken the session out of it.
    fn shut(&self, session: &Session) {
        session.end();

        let channel = self.channel.as_ptr();
        // After this the callback does not run any more. Memory is taken back afterwards, when the
        // host does not work for us any more.
        let close = || {
            // SAFETY: The caller holds `life` and found an open session, so the channel is valid
            // and open. No send is under way and none will begin: they look at `Session::open`
            // first.
            unsafe { bindings::vmbus_close(channel) }
        };

        // SAFETY: The channel is valid as long as the caller holds `life`; it is the session's.
        unsafe { session.gpadls.end(channel, close) };
    }
}
