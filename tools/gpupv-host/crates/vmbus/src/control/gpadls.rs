// SPDX-License-Identifier: GPL-2.0
//! The GPADLs of a connection, and the messages that make and end them.

use std::collections::BTreeMap;

use super::channels::STATUS_UNSUCCESSFUL;
use super::{Action, ChannelState, Control};
use crate::device::Closed;
use crate::gpadl::{Assembly, PageList};
use crate::proto::{
    ChannelMessage, GpadlBody, GpadlCreated, GpadlHeader, GpadlTeardown, GpadlTorndown,
};

/// How many GPADLs there may be, and how often the guest may lend each page on average: a guest cannot
/// fill our memory.
const COUNT_MAX: usize = 1 << 16;
const TIMES_LENT_MAX: u64 = 4;

/// A list that is complete.
struct Complete {
    pages: PageList,
    /// The channel was open when it came.
    lent: bool,
}

/// All GPADLs, complete and in the making.
#[derive(Default)]
pub(super) struct GpadlTable {
    /// By channel and number.
    complete: BTreeMap<(u32, u32), Complete>,
    /// By number alone, since the bodies name no channel; the value starts with the channel.
    partial: BTreeMap<u32, (u32, Assembly)>,
    /// The pages of all of them.
    pages: u64,
}

impl GpadlTable {
    pub(super) fn len(&self) -> usize {
        self.complete.len() + self.partial.len()
    }

    pub(super) fn get(&self, relid: u32, gpadl: u32) -> Option<&PageList> {
        Some(&self.complete.get(&(relid, gpadl))?.pages)
    }

    /// The channels of those that came while their channel was open, one for each.
    pub(super) fn lent(&self) -> impl Iterator<Item = u32> + '_ {
        let lent = self.complete.iter().filter(|(_, complete)| complete.lent);
        lent.map(|(&(relid, _), _)| relid)
    }

    /// Forgets everything; returns channel and number of the complete ones.
    pub(super) fn clear(&mut self) -> Vec<(u32, u32)> {
        let complete = std::mem::take(self).complete;
        complete.into_keys().collect()
    }

    /// Forgets what belongs to a channel; returns the numbers of the complete ones.
    pub(super) fn remove_channel(&mut self, relid: u32) -> Vec<u32> {
        let partial = self
            .partial
            .iter()
            .filter(|(_, (owner, _))| *owner == relid);
        let partial: Vec<u32> = partial.map(|(&number, _)| number).collect();
        for gpadl in partial {
            self.take_partial(gpadl);
        }
        let range = (relid, 0)..=(relid, u32::MAX);
        let numbers: Vec<u32> = self.complete.range(range).map(|(&(_, n), _)| n).collect();
        for &gpadl in &numbers {
            self.remove(relid, gpadl);
        }
        numbers
    }

    /// Begins a list, if there is room for it in a guest with so many pages.
    fn begin(&mut self, gpadl: u32, relid: u32, list: Assembly, ram: u64) -> Result<(), String> {
        let pages = self.pages.saturating_add(list.pages());
        if self.len() >= COUNT_MAX || pages > ram.saturating_mul(TIMES_LENT_MAX) {
            let count = self.len();
            return Err(format!("{pages} pages in {count} GPADLs and this one"));
        }
        self.pages = pages;
        self.partial.insert(gpadl, (relid, list));
        Ok(())
    }

    /// Takes a list out that is still arriving.
    fn take_partial(&mut self, gpadl: u32) -> Option<(u32, Assembly)> {
        let taken = self.partial.remove(&gpadl)?;
        self.pages -= taken.1.pages();
        Some(taken)
    }

    /// Adds a list that has arrived.
    fn insert(&mut self, relid: u32, gpadl: u32, pages: PageList, lent: bool) {
        self.pages += pages.pfns.len() as u64;
        let complete = Complete { pages, lent };
        self.complete.insert((relid, gpadl), complete);
    }

    /// Removes a list that has arrived. Returns whether it was there.
    fn remove(&mut self, relid: u32, gpadl: u32) -> bool {
        let removed = self.complete.remove(&(relid, gpadl));
        if let Some(removed) = &removed {
            self.pages -= removed.pages.pfns.len() as u64;
        }
        removed.is_some()
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
            let ram = self.options.ram_pages;
            match Assembly::start(message, rest, ram) {
                Ok(list) => self.gpadls.begin(gpadl, relid, list, ram).err(),
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
        if self.gpadls.remove(relid, gpadl) {
            self.close_if_ring(relid, gpadl);
            if let Some(channel) = self.channels.get(&relid) {
                let device = channel.device;
                self.actions.push(Action::GpadlGone { device, gpadl });
            }
        } else if let Some((owner, _)) = self.gpadls.take_partial(gpadl) {
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
        let list = self.gpadls.partial.get(&gpadl);
        if !list.is_some_and(|(_, list)| list.is_complete()) {
            return;
        }
        let Some((relid, assembly)) = self.gpadls.take_partial(gpadl) else {
            return;
        };
        match assembly.finish(&self.options.is_ram) {
            Err(error) => self.gpadl_refused(relid, gpadl, &error.to_string()),
            Ok(pages) => {
                let mut lent = false;
                if let Some(channel) = self.channels.get(&relid) {
                    lent = channel.state == ChannelState::Open;
                    self.actions.push(Action::GpadlCreated {
                        device: channel.device,
                        gpadl,
                        pages: pages.clone(),
                    });
                }
                self.gpadls.insert(relid, gpadl, pages, lent);
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
