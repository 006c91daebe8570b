// SPDX-License-Identifier: GPL-2.0

//! A request for which there is room before anybody knows whether it will be sent: who destroys
//! something finds the memory for the message first.

use super::{
    request::Request,
    ReplyBuffer,
    Transport,
    MAX_MESSAGE, //
};
use crate::linux::{
    channel::Channel,
    waiter::Patience, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// A request that was not sent yet, and can be without any more memory.
pub(crate) struct Seat<'a, C: Channel + 'static> {
    pub(super) transport: ArcBorrow<'a, Transport<C>>,
    pub(super) request: Arc<Request>,
    /// Where the reply is expected; `None` once the request was sent.
    pub(super) id: Option<u64>,
}

impl<C: Channel> Seat<'_, C> {
    /// Sends `message` and waits for the reply, as [`Transport::call`] does.
    ///
    /// # Errors
    ///
    /// As for [`Transport::call`].
    pub(crate) fn send(mut self, message: &[u8], patience: Patience) -> Result<ReplyBuffer> {
        if message.len() > MAX_MESSAGE {
            return Err(EINVAL);
        }
        self.transport.channel.send(message, self.id, patience)?;
        self.id = None;
        self.request.wait(patience)
    }
}

impl<C: Channel> Drop for Seat<'_, C> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.transport.inbox.withdraw(id);
        }
    }
}
