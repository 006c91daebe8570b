// SPDX-License-Identifier: GPL-2.0
//! The guest's control messages.

use vmbus::proto::*;
use zerocopy::{FromBytes, IntoBytes};

pub fn contact(version: u32, vp: u32) -> Vec<u8> {
    let mut message = InitiateContact::blank();
    message.version = version.into();
    message.target_vp = vp.into();
    if version >= version::V5_0 {
        message.sint = 2;
    } else {
        // The interrupt page, whose bytes must not be taken for sint and vtl.
        message.sint = 0;
        message.vtl = 0x70;
    }
    message.as_bytes().to_vec()
}

pub fn request_offers() -> Vec<u8> {
    RequestOffers::blank().as_bytes().to_vec()
}

pub fn unload() -> Vec<u8> {
    Unload::blank().as_bytes().to_vec()
}

pub fn open(relid: u32, open_id: u32, gpadl: u32, downstream: u32, vp: u32) -> Vec<u8> {
    let mut message = OpenChannel::blank();
    message.relid = relid.into();
    message.open_id = open_id.into();
    message.ring_gpadl = gpadl.into();
    message.downstream_page_offset = downstream.into();
    message.target_vp = vp.into();
    message.as_bytes().to_vec()
}

pub fn close(relid: u32) -> Vec<u8> {
    let mut message = CloseChannel::blank();
    message.relid = relid.into();
    message.as_bytes().to_vec()
}

pub fn released(relid: u32) -> Vec<u8> {
    let mut message = RelidReleased::blank();
    message.relid = relid.into();
    message.as_bytes().to_vec()
}

pub fn modify(relid: u32, vp: u32) -> Vec<u8> {
    let mut message = ModifyChannel::blank();
    message.relid = relid.into();
    message.target_vp = vp.into();
    message.as_bytes().to_vec()
}

pub fn teardown(relid: u32, gpadl: u32) -> Vec<u8> {
    let mut message = GpadlTeardown::blank();
    message.relid = relid.into();
    message.gpadl = gpadl.into();
    message.as_bytes().to_vec()
}

/// The messages of a GPADL: one header, and bodies as needed, cut as Linux does.
pub fn gpadl(relid: u32, gpadl: u32, pfns: &[u64]) -> Vec<Vec<u8>> {
    let mut header = GpadlHeader::blank();
    header.relid = relid.into();
    header.gpadl = gpadl.into();
    header.range_count = 1.into();
    header.range_buflen = ((8 + 8 * pfns.len()) as u16).into();
    header.byte_count = (pfns.len() as u32 * 4096).into();
    let with = |head: &[u8], pfns: &[u64]| {
        let tail = pfns.iter().flat_map(|pfn| pfn.to_le_bytes());
        head.iter().copied().chain(tail).collect::<Vec<u8>>()
    };
    let (first, rest) = pfns.split_at(pfns.len().min(26));
    let mut messages = vec![with(header.as_bytes(), first)];
    for chunk in rest.chunks(28) {
        let mut body = GpadlBody::blank();
        body.gpadl = gpadl.into();
        messages.push(with(body.as_bytes(), chunk));
    }
    messages
}

/// A message of the host, as far as the tests care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Version { supported: bool, number: u32 },
    Offer(Box<Offered>),
    AllOffered,
    Rescind(u32),
    Opened { relid: u32, open_id: u32, ok: bool },
    Created { relid: u32, gpadl: u32, ok: bool },
    TornDown(u32),
    Modified { relid: u32, ok: bool },
    Unloaded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub class: [u8; 16],
    pub instance: [u8; 16],
    pub relid: u32,
    pub mmio: u16,
}

fn fixed<M: FromBytes>(payload: &[u8]) -> M {
    M::read_from_bytes(payload).unwrap()
}

pub fn decode_answer(payload: &[u8]) -> Answer {
    let header: Header = Header::read_from_prefix(payload).unwrap().0;
    match MessageType::try_from(header.kind.get()).unwrap() {
        MessageType::VersionResponse => {
            let message: VersionResponse = fixed(payload);
            assert_eq!(message.connection_state, 0);
            Answer::Version {
                supported: message.version_supported == 1,
                number: message.connection_id_or_version.get(),
            }
        }
        MessageType::OfferChannel => {
            let message: OfferChannel = fixed(payload);
            let relid = message.relid.get();
            assert_eq!(message.connection_id.get(), 0x2000 + relid);
            assert_eq!(message.dedicated_interrupt.get(), 1);
            assert_eq!((message.monitor_allocated, message.flags.get()), (0, 0));
            assert_eq!(message.sub_channel_index.get(), 0);
            Answer::Offer(Box::new(Offered {
                class: message.class_guid,
                instance: message.instance_guid,
                relid,
                mmio: message.mmio_megabytes.get(),
            }))
        }
        MessageType::AllOffersDelivered => Answer::AllOffered,
        MessageType::RescindChannelOffer => {
            Answer::Rescind(fixed::<RescindChannelOffer>(payload).relid.get())
        }
        MessageType::OpenChannelResult => {
            let message: OpenChannelResult = fixed(payload);
            Answer::Opened {
                relid: message.relid.get(),
                open_id: message.open_id.get(),
                ok: message.status.get() == 0,
            }
        }
        MessageType::GpadlCreated => {
            let message: GpadlCreated = fixed(payload);
            Answer::Created {
                relid: message.relid.get(),
                gpadl: message.gpadl.get(),
                ok: message.status.get() == 0,
            }
        }
        MessageType::GpadlTorndown => Answer::TornDown(fixed::<GpadlTorndown>(payload).gpadl.get()),
        MessageType::ModifyChannelResponse => {
            let message: ModifyChannelResponse = fixed(payload);
            Answer::Modified {
                relid: message.relid.get(),
                ok: message.status.get() == 0,
            }
        }
        MessageType::UnloadResponse => Answer::Unloaded,
        other => panic!("{other:?} is no message for the guest"),
    }
}
