// SPDX-License-Identifier: GPL-2.0

//! A request whose memory is allocated before it is decided whether it will be sent: code that
//! destroys objects allocates the message first.

use super::{
    request::Request,
    Endpoint,
    ReplyBuffer,
    Transport,
    MAX_MESSAGE, //
};
use crate::linux::{
    channel::Channel,
    wait::WaitMode, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

/// A request that was not sent yet. Sending it needs no more memory.
pub(crate) struct PreparedRequest<'a, C: Channel + 'static> {
    pub(super) transport: ArcBorrow<'a, Transport<C>>,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) request: Arc<Request>,
    /// Transaction id of the entry in the table; `None` once the request was sent.
    pub(super) id: Option<u64>,
}

impl<C: Channel> PreparedRequest<'_, C> {
    /// Returns the channel over which the request will be sent.
    pub(crate) fn channel(&self) -> &C {
        &self.transport.channel
    }

    /// Sends `message` and waits for the reply.
    ///
    /// # Errors
    ///
    /// - `EINVAL`: the message is larger than the protocol allows.
    /// - `ENODEV`: the channel or the endpoint is closed, or was closed during the wait.
    /// - `EOVERFLOW`: the reply was too short.
    /// - `EBADMSG`: the reply was empty.
    /// - `ERESTARTSYS`: a fatal signal arrived.
    /// - `ETIMEDOUT`: the timeout has expired.
    /// - Errors of [`Channel::send`].
    pub(crate) fn send(mut self, message: &[u8], mode: WaitMode) -> Result<ReplyBuffer> {
        if message.len() > MAX_MESSAGE {
            return Err(EINVAL);
        }

        let wanted = || self.endpoint.is_open();

        self.transport
            .channel
            .send(message, self.id, mode, &wanted)?;

        let id = self.id.take();
        let result = self.request.wait(mode);

        // After a killed wait, free the reply buffer if a late reply would not be used.
        if let (Err(_), Some(id), true) = (&result, id, self.request.is_plain()) {
            self.transport.completions.abandon(id);
        }
        result
    }
}

impl<C: Channel> Drop for PreparedRequest<'_, C> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.transport.completions.withdraw(id);
        }
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_prepared_request)]
mod tests {
    use super::*;
    use crate::transport::{
        mock::{
            Answer,
            Rig,
            LONG, //
        },
        Account,
        Label, //
    };

    const SHORT: WaitMode = WaitMode::Timeout(20);

    fn errno<T>(result: Result<T>) -> i32 {
        result.map_or_else(|error| error.to_errno(), |_| 0)
    }

    #[test]
    fn what_was_not_sent_is_not_expected() -> Result {
        let rig = Rig::new()?;
        let account = Account::new()?;
        let request = rig.transport.as_arc_borrow().prepare(
            &rig.endpoint,
            Some(&account),
            4,
            None,
            Label::UNKNOWN,
        )?;

        assert_eq!(errno(account.settle(SHORT)), -110);
        drop(request);
        account.settle(SHORT)?;
        assert_eq!(rig.host.sent_count(), 0);
        Ok(())
    }

    #[test]
    fn nothing_is_sent_on_a_closed_endpoint() -> Result {
        let rig = Rig::new()?;
        let other = Endpoint::new()?;
        let transport = rig.transport.as_arc_borrow();
        let request = transport.prepare(&rig.endpoint, None, 4, None, Label::UNKNOWN)?;
        let request_on_other = transport.prepare(&other, None, 4, None, Label::UNKNOWN)?;

        rig.transport.close_endpoint(&rig.endpoint);
        assert_eq!(errno(request.send(&[0; 24], LONG)), -19);
        assert_eq!(errno(transport.post(&rig.endpoint, &[0; 24], LONG)), -19);
        assert_eq!(rig.host.sent_count(), 0);

        rig.host.then(Answer::reply(&[0; 8])?)?;
        request_on_other.send(&[0; 24], LONG)?;
        transport.post(&other, &[0; 24], LONG)?;
        assert_eq!(rig.host.sent_count(), 2);
        Ok(())
    }
}
