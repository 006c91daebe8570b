// SPDX-License-Identifier: GPL-2.0
//! The GPADLs of a connection, and the messages that make and end them.

use std::collections::btree_map::Entry;
use std::collections::BTreeMap;

use super::channels::STATUS_UNSUCCESSFUL;
use super::{Action, ChannelState, Control};
use crate::device::Closed;
use crate::gpadl::{Assembly, PageList};
use crate::proto::{
    ChannelMessage, GpadlBody, GpadlCreated, GpadlHeader, GpadlTeardown, GpadlTorndown,
};

/// All GPADLs, complete and in the making.
#[derive(Default)]
pub(super) struct GpadlTable {
    /// By channel and number.
    complete: BTreeMap<(u32, u32), PageList>,
    /// By number alone, since the bodies name no channel; the value starts with the channel.
    partial: BTreeMap<u32, (u32, Assembly)>,
}

impl GpadlTable {
    pub(super) fn len(&self) -> usize {
        self.complete.len() + self.partial.len()
    }

    pub(super) fn get(&self, relid: u32, gpadl: u32) -> Option<&PageList> {
        self.complete.get(&(relid, gpadl))
    }

    /// Forgets everything; returns channel and number of the complete ones.
    pub(super) fn clear(&mut self) -> Vec<(u32, u32)> {
        self.partial.clear();
        std::mem::take(&mut self.complete).into_keys().collect()
    }

    /// Forgets what belongs to a channel; returns the numbers of the complete ones.
    pub(super) fn remove_channel(&mut self, relid: u32) -> Vec<u32> {
        self.partial.retain(|_, (owner, _)| *owner != relid);
        let range = (relid, 0)..=(relid, u32::MAX);
        let numbers: Vec<u32> = self.complete.range(range).map(|(&(_, n), _)| n).collect();
        for &gpadl in &numbers {
            self.complete.remove(&(relid, gpadl));
        }
        numbers
    }
}

impl Control {
    pub(super) fn gpadl_header(&mut self, message: &GpadlHeader, rest: &[u8]) {
        let (relid, gpadl) = (message.relid.get(), message.gpadl.get());
        let refused = if !self.channels.contains_key(&relid) {
            Some(format!("unknown channel {relid}"))
        } else if self.gpadls.get(relid, gpadl).is_some()
            || self.gpadls.partial.contains_key(&gpadl)
        {
            Some("the number is in use".to_owned())
        } else {
            match Assembly::start(message, rest, self.options.ram_pages) {
                Ok(assembly) => {
                    self.gpadls.partial.insert(gpadl, (relid, assembly));
                    None
                }
                Err(error) => Some(error.to_string()),
            }
        };
        match refused {
            None => self.gpadl_progress(gpadl),
            Some(reason) => self.gpadl_refused(relid, gpadl, &reason),
        }
    }

    pub(super) fn gpadl_body(&mut self, message: &GpadlBody, rest: &[u8]) {
        let gpadl = message.gpadl.get();
        match self.gpadls.partial.get_mut(&gpadl) {
            Some((_, assembly)) => {
                assembly.extend(rest);
                self.gpadl_progress(gpadl);
            }
            // Also the rest of a list whose header was refused and answered.
            None => self
                .faults
                .violation(format!("body of unknown GPADL {gpadl:#x}")),
        }
    }

    pub(super) fn gpadl_teardown(&mut self, message: &GpadlTeardown) {
        let (relid, gpadl) = (message.relid.get(), message.gpadl.get());
        if self.gpadls.complete.contains_key(&(relid, gpadl)) {
            self.close_if_ring(relid, gpadl);
            self.gpadls.complete.remove(&(relid, gpadl));
            if let Some(channel) = self.channels.get(&relid) {
                let device = channel.device;
                self.actions.push(Action::GpadlGone { device, gpadl });
            }
        } else if let Some((owner, _)) = self.gpadls.partial.remove(&gpadl) {
            // Its header is a request too.
            self.gpadl_refused(owner, gpadl, "torn down before it was complete");
        } else {
            self.faults.violation(format!(
                "teardown of unknown GPADL {gpadl:#x} of channel {relid}"
            ));
        }
        // Whatever happened: the guest waits for this without limit.
        let mut answer = GpadlTorndown::blank();
        answer.gpadl = message.gpadl;
        self.post(&answer);
    }

    /// Finishes a list if it is complete.
    fn gpadl_progress(&mut self, gpadl: u32) {
        let Entry::Occupied(entry) = self.gpadls.partial.entry(gpadl) else {
            return;
        };
        if !entry.get().1.is_complete() {
            return;
        }
        let (relid, assembly) = entry.remove();
        match assembly.finish(&self.options.is_ram) {
            Err(error) => self.gpadl_refused(relid, gpadl, &error.to_string()),
            Ok(pages) => {
                if let Some(channel) = self.channels.get(&relid) {
                    self.actions.push(Action::GpadlCreated {
                        device: channel.device,
                        gpadl,
                        pages: pages.clone(),
                    });
                }
                self.gpadls.complete.insert((relid, gpadl), pages);
                self.gpadl_answer(relid, gpadl, 0);
            }
        }
    }

    fn gpadl_refused(&mut self, relid: u32, gpadl: u32, reason: &str) {
        self.faults.violation(format!(
            "GPADL {gpadl:#x} of channel {relid} refused: {reason}"
        ));
        self.gpadl_answer(relid, gpadl, STATUS_UNSUCCESSFUL);
    }

    fn gpadl_answer(&mut self, relid: u32, gpadl: u32, status: u32) {
        let mut answer = GpadlCreated::blank();
        answer.relid = relid.into();
        answer.gpadl = gpadl.into();
        answer.status = status.into();
        self.post(&answer);
    }

    /// A guest that takes the rings away has to close the channel first. If it does not, we do.
    fn close_if_ring(&mut self, relid: u32, gpadl: u32) {
        let Some(channel) = self.channels.get_mut(&relid) else {
            return;
        };
        if channel.state == ChannelState::Open && channel.ring_gpadl == gpadl {
            channel.state = ChannelState::Offered;
            self.faults
                .violation(format!("rings of open channel {relid} torn down"));
            self.actions.push(Action::Close {
                relid,
                why: Closed::RingsTornDown,
            });
        }
    }
}
