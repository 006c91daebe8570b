// SPDX-License-Identifier: GPL-2.0
//! The connection and its channels as a state machine: a message or command in, actions out.
//!
//! No I/O, no clock, no threads: whoever drives [`Control`] carries the [`Action`]s out, in order.
//! Every request of the guest that has an answer gets exactly one, also when it fails, because the
//! guest waits for most of them without limit.

mod action;
mod channels;
mod faults;
mod gpadls;

use std::collections::BTreeMap;

pub use action::{Action, DeviceId, OpenRequest};
pub use faults::Faults;

use crate::device::{Closed, Offer};
use crate::gpadl::PageList;
use crate::proto::{
    connection, decode, version, AllOffersDelivered, ChannelMessage, DecodeError, InitiateContact,
    OfferChannel, Request, UnloadResponse, VersionResponse, RELID_MAX, VMBUS_SINT,
};
use channels::{Channel, ChannelState};
use gpadls::GpadlTable;

/// What the state machine has to know about the machine around it.
pub struct ControlOptions {
    /// The newest version to accept.
    pub max_version: u32,
    /// How many virtual processors there are.
    pub vp_count: u32,
    /// How many pages of RAM there are: no GPADL can be longer.
    pub ram_pages: u64,
    /// Whether a page is RAM.
    pub is_ram: Box<dyn Fn(u64) -> bool + Send>,
}

/// A guest that is connected.
struct Connection {
    version: u32,
    /// It asked for the offers.
    offers_requested: bool,
}

/// A device, offered or not.
struct DeviceRecord {
    offer: Offer,
    /// The channel it has, if it has one.
    relid: Option<u32>,
    /// Whether it should be offered (again) when it can.
    wanted: bool,
}

/// The state machine.
pub struct Control {
    options: ControlOptions,
    connection: Option<Connection>,
    /// The virtual processor that gets our messages.
    message_vp: u32,
    devices: BTreeMap<DeviceId, DeviceRecord>,
    channels: BTreeMap<u32, Channel>,
    gpadls: GpadlTable,
    faults: Faults,
    /// What the step in progress has decided so far.
    actions: Vec<Action>,
}

impl Control {
    /// A state machine without guest and without devices.
    pub fn new(options: ControlOptions) -> Self {
        Self {
            options,
            connection: None,
            message_vp: 0,
            devices: BTreeMap::new(),
            channels: BTreeMap::new(),
            gpadls: GpadlTable::default(),
            faults: Faults::default(),
            actions: Vec::new(),
        }
    }

    /// What the guest did wrong so far.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Notes something that the guest did wrong elsewhere, for example in a ring.
    pub fn fault(&mut self, text: String) {
        self.faults.violation(text);
    }

    /// How many channels are open.
    pub fn open_channels(&self) -> usize {
        let open = |channel: &&Channel| channel.state == ChannelState::Open;
        self.channels.values().filter(open).count()
    }

    /// How many GPADLs the guest has not taken back.
    pub fn gpadl_count(&self) -> usize {
        self.gpadls.len()
    }

    /// How many GPADLs the guest has lent to a device and not taken back: those that came while the
    /// channel was open, as rings never do. What belongs to a channel that we took back does not count;
    /// it ends with the channel.
    pub fn lent_gpadl_count(&self) -> usize {
        let rescinded = |relid: u32| {
            let channel = self.channels.get(&relid);
            channel.is_none_or(|channel| channel.state == ChannelState::Rescinded)
        };
        let lent = self.gpadls.lent();
        lent.filter(|&relid| !rescinded(relid)).count()
    }

    /// Handles a message of the guest.
    #[must_use]
    pub fn message(&mut self, payload: &[u8]) -> Vec<Action> {
        match decode(payload) {
            Ok(Request::InitiateContact(message)) => self.initiate_contact(&message),
            Ok(Request::Unload) => self.unload(),
            Ok(request) if self.connection.is_none() => self
                .faults
                .violation(format!("message before a connection: {request:?}")),
            Ok(request) => self.connected(request),
            Err(DecodeError::Unknown(number)) => self.faults.unknown(number),
            Err(error) => self.faults.violation(error.to_string()),
        }
        std::mem::take(&mut self.actions)
    }

    /// Adds a device, and offers it if the guest has already asked for the offers.
    #[must_use]
    pub fn add(&mut self, id: DeviceId, offer: Offer) -> Vec<Action> {
        let record = DeviceRecord {
            offer,
            relid: None,
            wanted: true,
        };
        self.devices.insert(id, record);
        self.offer_now(id);
        std::mem::take(&mut self.actions)
    }

    /// Offers a device again that was rescinded; at once, or when the guest has released the old
    /// channel.
    #[must_use]
    pub fn offer_again(&mut self, id: DeviceId) -> Vec<Action> {
        if let Some(record) = self.devices.get_mut(&id) {
            record.wanted = true;
            self.offer_now(id);
        }
        std::mem::take(&mut self.actions)
    }

    /// Takes the offer of a device back.
    #[must_use]
    pub fn rescind(&mut self, id: DeviceId, why: Closed) -> Vec<Action> {
        if let Some(record) = self.devices.get_mut(&id) {
            record.wanted = false;
            if let Some(relid) = record.relid {
                self.rescind_channel(relid, why);
            }
        }
        std::mem::take(&mut self.actions)
    }

    /// Reports how an [`Action::Open`] went.
    #[must_use]
    pub fn opened(&mut self, relid: u32, ok: bool) -> Vec<Action> {
        self.open_finished(relid, ok);
        std::mem::take(&mut self.actions)
    }

    /// Closes everything, because the virtual machine ends.
    #[must_use]
    pub fn shutdown(&mut self) -> Vec<Action> {
        self.release_everything(Closed::Shutdown);
        self.connection = None;
        std::mem::take(&mut self.actions)
    }

    /// A request that needs a connection.
    fn connected(&mut self, request: Request<'_>) {
        match request {
            Request::RequestOffers => self.request_offers(),
            Request::OpenChannel(message) => self.open(&message),
            Request::CloseChannel(message) => self.close(message.relid.get()),
            Request::GpadlHeader(message, rest) => self.gpadl_header(&message, rest),
            Request::GpadlBody(message, rest) => self.gpadl_body(&message, rest),
            Request::GpadlTeardown(message) => self.gpadl_teardown(&message),
            Request::RelidReleased(message) => self.relid_released(message.relid.get()),
            Request::ModifyChannel(message) => self.modify(&message),
            Request::SocketConnect => {}
            // `message` handles these two in every state.
            Request::InitiateContact(_) | Request::Unload => {}
        }
    }

    fn initiate_contact(&mut self, message: &InitiateContact) {
        // A second contact comes from a kernel that took over without unloading (kexec, crash
        // kernel). Nothing of the first one may survive.
        self.release_everything(Closed::Reset);
        self.connection = None;
        self.actions.push(Action::ClearMessages);

        let wanted = message.version.get();
        let vp = message.target_vp.get();
        let own_connection = wanted >= version::V5_0;
        let mut supported = wanted <= self.options.max_version
            && version::ACCEPTED.contains(&wanted)
            && vp < self.options.vp_count;
        if own_connection && (message.sint != VMBUS_SINT || message.vtl != 0) {
            supported = false;
        }
        self.message_vp = if vp < self.options.vp_count { vp } else { 0 };
        if supported {
            log::debug!("guest speaks VMBus {}.{}", wanted >> 16, wanted & 0xFFFF);
            self.connection = Some(Connection {
                version: wanted,
                offers_requested: false,
            });
        }
        let mut response = VersionResponse::blank();
        response.version_supported = supported.into();
        response.connection_id_or_version = if own_connection {
            connection::MESSAGE_5_0
        } else {
            wanted
        }
        .into();
        self.post(&response);
    }

    fn unload(&mut self) {
        self.release_everything(Closed::Reset);
        self.connection = None;
        self.actions.push(Action::ClearMessages);
        self.post(&UnloadResponse::blank());
    }

    fn request_offers(&mut self) {
        match &mut self.connection {
            Some(connection) if !connection.offers_requested => connection.offers_requested = true,
            _ => return self.faults.violation("offers requested twice".to_owned()),
        }
        // Always the same order, whatever the order in which the devices were made.
        let mut order: Vec<_> = self.devices.iter().collect();
        order.sort_by_key(|(_, device)| (device.offer.class, device.offer.instance));
        let order: Vec<_> = order.into_iter().map(|(&id, _)| id).collect();
        for id in order {
            self.offer_now(id);
        }
        self.post(&AllOffersDelivered::blank());
    }

    /// Offers a device if it is wanted, has no channel, and the guest has asked for offers.
    fn offer_now(&mut self, id: DeviceId) {
        let listening = self.connection.as_ref().is_some_and(|c| c.offers_requested);
        let Some(record) = self.devices.get_mut(&id) else {
            return;
        };
        if !listening || !record.wanted || record.relid.is_some() {
            return;
        }
        let Some(relid) = (1..=RELID_MAX).find(|relid| !self.channels.contains_key(relid)) else {
            log::warn!("no channel number left for {}", record.offer.instance);
            return;
        };
        record.relid = Some(relid);
        let mut message = OfferChannel::blank();
        message.class_guid = record.offer.class.to_bytes_le();
        message.instance_guid = record.offer.instance.to_bytes_le();
        message.mmio_megabytes = record.offer.mmio_megabytes.into();
        message.relid = relid.into();
        message.dedicated_interrupt = 1.into();
        message.connection_id = (connection::CHANNEL_BASE + relid).into();
        self.channels.insert(relid, Channel::offered(id));
        // The guest may signal as soon as it knows the channel.
        self.actions.push(Action::Bind { device: id, relid });
        self.post(&message);
    }

    /// Drops all channels and GPADLs, without telling the guest.
    fn release_everything(&mut self, why: Closed) {
        let channels = std::mem::take(&mut self.channels);
        for (&relid, channel) in &channels {
            if channel.state == ChannelState::Open {
                self.actions.push(Action::Close { relid, why });
            }
        }
        for (relid, gpadl) in self.gpadls.clear() {
            if let Some(channel) = channels.get(&relid) {
                let device = channel.device;
                self.actions.push(Action::GpadlGone { device, gpadl });
            }
        }
        for (relid, channel) in channels {
            self.actions.push(Action::Unbind { relid });
            if let Some(record) = self.devices.get_mut(&channel.device) {
                record.relid = None;
            }
        }
    }

    /// Queues a message for the guest.
    fn post<M: ChannelMessage>(&mut self, message: &M) {
        self.actions.push(Action::Post {
            vp: self.message_vp,
            payload: message.as_bytes().to_vec(),
        });
    }

    /// A complete GPADL, for a channel's rings.
    fn ring_pages(&self, relid: u32, gpadl: u32) -> Option<PageList> {
        self.gpadls.get(relid, gpadl).cloned()
    }
}
