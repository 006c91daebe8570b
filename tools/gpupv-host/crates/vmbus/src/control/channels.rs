// SPDX-License-Identifier: GPL-2.0
//! The life of a channel: offered, opened, closed, rescinded, released.

use super::{Action, Control, DeviceId, OpenRequest};
use crate::device::Closed;
use crate::proto::ChannelMessage;
use crate::proto::{
    version, ModifyChannel, ModifyChannelResponse, OpenChannel, OpenChannelResult,
    RescindChannelOffer, PAGE_SIZE,
};

/// The status of whatever did not work. The guest only looks whether it is 0.
pub(super) const STATUS_UNSUCCESSFUL: u32 = 0xC000_0001;

/// Where a channel is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChannelState {
    /// The guest knows it; closed or not opened yet.
    Offered,
    /// The guest asked to open it and has no answer yet.
    Opening {
        /// To be echoed.
        open_id: u32,
    },
    /// Packets flow.
    Open,
    /// We took it back, the guest has not let go.
    Rescinded,
}

/// A channel that the guest knows.
pub(super) struct Channel {
    pub(super) device: DeviceId,
    pub(super) state: ChannelState,
    /// The memory of its rings, while it is opening or open.
    pub(super) ring_gpadl: u32,
}

impl Channel {
    pub(super) fn offered(device: DeviceId) -> Self {
        Self {
            device,
            state: ChannelState::Offered,
            ring_gpadl: 0,
        }
    }
}

impl Control {
    pub(super) fn open(&mut self, message: &OpenChannel) {
        let relid = message.relid.get();
        match self.open_request(message) {
            Ok(request) => {
                if let Some(channel) = self.channels.get_mut(&relid) {
                    channel.state = ChannelState::Opening {
                        open_id: message.open_id.get(),
                    };
                    channel.ring_gpadl = message.ring_gpadl.get();
                }
                self.actions.push(Action::Open(request));
            }
            Err(reason) => {
                // A guest whose open crossed our rescind has done nothing wrong.
                let rescinded = self
                    .channels
                    .get(&relid)
                    .is_some_and(|channel| channel.state == ChannelState::Rescinded);
                if !rescinded {
                    self.faults
                        .violation(format!("open of channel {relid} refused: {reason}"));
                }
                self.open_answer(relid, message.open_id.get(), STATUS_UNSUCCESSFUL);
            }
        }
    }

    /// Checks an open message.
    fn open_request(&self, message: &OpenChannel) -> Result<OpenRequest, String> {
        let (relid, gpadl) = (message.relid.get(), message.ring_gpadl.get());
        let vp = message.target_vp.get();
        let channel = self.channels.get(&relid).ok_or("unknown channel")?;
        if channel.state != ChannelState::Offered {
            return Err(format!("it is {:?}", channel.state));
        }
        if vp >= self.options.vp_count {
            return Err(format!("virtual processor {vp} does not exist"));
        }
        let pages = self
            .ring_pages(relid, gpadl)
            .ok_or_else(|| format!("no GPADL {gpadl:#x}"))?;
        if pages.byte_offset != 0 || u64::from(pages.byte_count) % PAGE_SIZE != 0 {
            return Err("the rings are not whole pages".to_owned());
        }
        let total = pages.pfns.len() as u64;
        let downstream = u64::from(message.downstream_page_offset.get());
        // Each ring needs a control page and at least a page of data.
        if downstream < 2 || downstream + 2 > total {
            return Err(format!("second ring at page {downstream} of {total}"));
        }
        Ok(OpenRequest {
            device: channel.device,
            relid,
            vp,
            pages,
            downstream: downstream * PAGE_SIZE,
        })
    }

    pub(super) fn open_finished(&mut self, relid: u32, ok: bool) {
        let Some(channel) = self.channels.get_mut(&relid) else {
            return;
        };
        let ChannelState::Opening { open_id } = channel.state else {
            return;
        };
        if ok {
            channel.state = ChannelState::Open;
            self.open_answer(relid, open_id, 0);
            self.actions.push(Action::Start { relid });
        } else {
            channel.state = ChannelState::Offered;
            self.open_answer(relid, open_id, STATUS_UNSUCCESSFUL);
        }
    }

    fn open_answer(&mut self, relid: u32, open_id: u32, status: u32) {
        let mut answer = OpenChannelResult::blank();
        answer.relid = relid.into();
        answer.open_id = open_id.into();
        answer.status = status.into();
        self.post(&answer);
    }

    pub(super) fn close(&mut self, relid: u32) {
        match self.channels.get_mut(&relid) {
            Some(channel) if channel.state == ChannelState::Open => {
                channel.state = ChannelState::Offered;
                let why = Closed::ByGuest;
                self.actions.push(Action::Close { relid, why });
            }
            // The guest closes what we rescinded: expected.
            Some(channel) if channel.state == ChannelState::Rescinded => {}
            _ => self
                .faults
                .violation(format!("close of channel {relid}, which is not open")),
        }
    }

    pub(super) fn modify(&mut self, message: &ModifyChannel) {
        let (relid, vp) = (message.relid.get(), message.target_vp.get());
        let state = self.channels.get(&relid).map(|channel| channel.state);
        let exists = vp < self.options.vp_count;
        let status = if state == Some(ChannelState::Open) && exists {
            self.actions.push(Action::Retarget { relid, vp });
            0
        } else {
            // A guest whose request crossed our rescind has done nothing wrong.
            if state != Some(ChannelState::Rescinded) || !exists {
                self.faults.violation(format!(
                    "channel {relid} cannot be moved to virtual processor {vp}"
                ));
            }
            STATUS_UNSUCCESSFUL
        };
        let answered = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.version >= version::V5_3);
        if answered {
            let mut answer = ModifyChannelResponse::blank();
            answer.relid = message.relid;
            answer.status = status.into();
            self.post(&answer);
        }
    }

    pub(super) fn rescind_channel(&mut self, relid: u32, why: Closed) {
        let Some(channel) = self.channels.get_mut(&relid) else {
            return;
        };
        if channel.state == ChannelState::Rescinded {
            return;
        }
        let before = std::mem::replace(&mut channel.state, ChannelState::Rescinded);
        match before {
            ChannelState::Open => self.actions.push(Action::Close { relid, why }),
            ChannelState::Opening { open_id } => {
                self.open_answer(relid, open_id, STATUS_UNSUCCESSFUL);
            }
            ChannelState::Offered | ChannelState::Rescinded => {}
        }
        let mut message = RescindChannelOffer::blank();
        message.relid = relid.into();
        self.post(&message);
    }

    pub(super) fn relid_released(&mut self, relid: u32) {
        let rescinded = self
            .channels
            .get(&relid)
            .filter(|channel| channel.state == ChannelState::Rescinded);
        let Some(channel) = rescinded else {
            return self
                .faults
                .violation(format!("release of channel {relid}, which is in use"));
        };
        let device = channel.device;
        for gpadl in self.gpadls.remove_channel(relid) {
            self.actions.push(Action::GpadlGone { device, gpadl });
        }
        self.channels.remove(&relid);
        self.actions.push(Action::Unbind { relid });
        if let Some(record) = self.devices.get_mut(&device) {
            record.relid = None;
        }
        self.offer_now(device);
    }
}
