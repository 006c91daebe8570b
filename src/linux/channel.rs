// SPDX-License-Identifier: GPL-2.0

//! VMBus channels: two rings, packets with transaction ids, and a callback for incoming packets.
//!
//! An [`Offer`] represents a device that the host has offered, a [`Session`] its channel from
//! opening to closing. A session may be closed at any time, by several threads at once (its user,
//! or the removal of the device), and cannot be opened again: after that it fails with `ENODEV` and
//! calls no callback.
//!
//! Locks: `Offer::life` serialises opening and closing, which wait for the VMBus core.
//! `Session::open` is held shared during one ring write, and exclusively to end writing; no other
//! lock is taken under it. `Gpadls::state` is held while a GPADL is established or torn down, and
//! while the channel is closed. Order: `Offer::life`, then one of the others.
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

/// The parameters of the rings of a session.
pub(crate) struct Rings {
    /// The size of each ring in bytes, including its control page.
    pub(crate) bytes: u32,
    /// The size of the largest packet that is received, including its descriptor, in bytes.
    pub(crate) max_packet: u32,
}

/// A packet from the host, copied to memory that the host cannot change.
pub(crate) struct Packet<'a> {
    /// The type, see `enum vmbus_packet_type`.
    pub(crate) kind: u16,
    /// The id of the request, for a completion.
    pub(crate) transaction: u64,
    /// The data that follow the descriptor, padded to a multiple of 8 bytes.
    pub(crate) payload: &'a [u8],
}

impl Packet<'_> {
    /// The type of a packet that the host sends on its own.
    pub(crate) const INBAND: u16 = bindings::vmbus_packet_type_VM_PKT_DATA_INBAND as u16;
    /// The type of a reply to a request.
    pub(crate) const COMPLETION: u16 = bindings::vmbus_packet_type_VM_PKT_COMP as u16;
}

/// The receiver of the packets of a channel.
pub(crate) trait Receiver: Send + Sync {
    /// Handles a packet. Called in softirq context; must not sleep.
    fn packet(&self, packet: &Packet<'_>);

    /// Handles the end of the session: no more packets are sent. Called before the rings are freed.
    fn closed(&self);

    /// Handles an invalid packet of the host, after which the channel of `offer` is not read again.
    /// The receiver must close the session. Called once, by a worker.
    fn broken(&self, offer: &Arc<Offer>);
}

/// A channel to the host. [`Session`] implements it for VMBus.
pub(crate) trait Channel: Send + Sync {
    /// Writes a packet into the ring. Sleeps while there is no space, and gives up when there is
    /// space but the packet is no longer `wanted`. With a `transaction` the packet requests a
    /// completion.
    ///
    /// # Errors
    ///
    /// `ENODEV` if the channel is closed or the packet not wanted, `ERESTARTSYS` or `ETIMEDOUT` if
    /// the wait ended early, and the errors of the VMBus core. After any other error than `ENODEV`
    /// nothing was sent.
    fn send(
        &self,
        payload: &[u8],
        transaction: Option<u64>,
        mode: WaitMode,
        wanted: &dyn Fn() -> bool,
    ) -> Result;

    /// Waits until no packet is being written for which `wanted` was called before this call.
    fn settle(&self);

    /// Returns the number of the channel (`child_relid` of its offer), for trace points.
    fn relid(&self) -> u32;

    /// Ends the session. The receiver is not called after this has returned.
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
    /// The number of the channel (`child_relid`). It may change when the machine is suspended.
    relid: Atomic<u32>,
    #[pin]
    life: Mutex<Life>,
}

/// The lifecycle of an offer, protected by `Offer::life`.
#[derive(Default)]
struct Life {
    retired: bool,
    /// Whether the channel must not be opened, because the device is being removed or is suspended.
    withdrawn: bool,
    session: Option<Arc<Session>>,
}

// SAFETY: The VMBus functions that are called may be called from any thread; the pointers are only
// used as the locks allow.
unsafe impl Send for Offer {}
// SAFETY: As above.
unsafe impl Sync for Offer {}

impl Offer {
    /// Creates the offer for a device that is being bound.
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

    /// Returns the class of the device.
    pub(crate) fn class(&self) -> Guid {
        self.class
    }

    /// Returns the instance GUID, which identifies the device within its class.
    pub(crate) fn instance(&self) -> Guid {
        self.instance
    }

    /// Returns the size of the address space that the host wants for the device, in MiB.
    pub(crate) fn mmio_megabytes(&self) -> u16 {
        self.mmio_megabytes
    }

    /// Returns whether the host has rescinded the device, so that the host cannot be reached
    /// through it.
    pub(crate) fn is_rescinded(&self) -> bool {
        let life = self.life.lock();

        // SAFETY: If the offer is not retired the channel is valid, as `life` is locked. The core
        // sets the flag once, without a lock, hence the volatile read.
        life.retired || unsafe { (&raw const (*self.channel.as_ptr()).rescind).read_volatile() }
    }

    /// Opens the channel. Work that must not be done in softirq context is done on `queue`.
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

        // The lock is held while the core talks to the host: closing must not overtake opening. The
        // core gives up when the host rescinds the channel.
        //
        // SAFETY:
        // - The offer is not retired and `life` is locked, so the channel is valid.
        // - The channel is not open, so `max_pkt_size` is not used elsewhere.
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
            // The core has set the callback already, and keeps it when opening fails: the host may
            // still signal the channel. This clears it and waits for it, and does nothing else.
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
        // SAFETY: On success `resource` points at the reservation, which this function owns.
        Ok(unsafe { MmioRange::from_reserved((*resource).start, size) })
    }

    /// Prevents the channel from being opened, as the device is about to be removed. A session
    /// stays open.
    pub(crate) fn withdraw(&self) {
        self.life.lock().withdrawn = true;
    }

    /// Closes the session, and fails with `ENODEV` from now on, as the device is being removed.
    pub(super) fn retire(&self) {
        let mut life = self.life.lock();

        life.retired = true;
        if let Some(session) = life.session.take() {
            self.shut(&session);
        }
    }

    /// Closes the session, and prevents the channel from being opened, as the device is being
    /// suspended.
    pub(super) fn suspend(&self) {
        let mut life = self.life.lock();

        life.withdrawn = true;
        if let Some(session) = life.session.take() {
            self.shut(&session);
        }
    }

    /// Allows the channel to be opened again, as the device has been resumed.
    pub(super) fn resume(&self) {
        let mut life = self.life.lock();

        if life.retired {
            return;
        }
        // SAFETY: The offer is not retired and `life` is locked, so the channel is valid. The core
        // changes the offer message only before it calls the driver.
        let relid = unsafe {
            let message = &raw const (*self.channel.as_ptr()).offermsg;

            (&raw const (*message).child_relid).read_unaligned()
        };

        self.relid.store(relid, Relaxed);
        life.withdrawn = false;
    }

    /// Ends `session`. The caller holds `life`, and has removed the session from it.
    fn shut(&self, session: &Session) {
        session.end();

        let channel = self.channel.as_ptr();
        // After this the callback does not run. GPADLs are torn down afterwards, when the host no
        // longer processes requests of this channel.
        let close = || {
            // SAFETY: The caller holds `life` and found an open session, so the channel is valid
            // and open. No send is running and none will begin, as each checks `Session::open`
            // first.
            unsafe { bindings::vmbus_close(channel) }
        };

        // SAFETY: The channel is valid as long as the caller holds `life`; it is the session's.
        unsafe { session.gpadls.end(channel, close) };
    }
}
