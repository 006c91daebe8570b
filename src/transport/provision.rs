// SPDX-License-Identifier: GPL-2.0

//! Requests of callers that must not wait for memory, because reclaim may depend on the completion
//! of the request.

use super::{
    request::Request,
    Account,
    Endpoint,
    Label,
    PreparedRequest,
    ReplyBuffer,
    Transport, //
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

/// The memory for one request. Unlike a [`PreparedRequest`] it belongs to no channel yet, and has
/// no entry in a table of transactions.
pub(crate) struct Provision {
    request: Arc<Request>,
    reply: ReplyBuffer,
    label: Label,
}

impl Provision {
    /// Allocates the memory for a request that needs a reply of `need` bytes. `label` identifies it
    /// in debugfs.
    ///
    /// # Errors
    ///
    /// `EINVAL` if that is more than the protocol allows, `ENOMEM`.
    pub(crate) fn new(need: usize, label: Label) -> Result<Self> {
        Ok(Self {
            request: Request::new(None)?,
            reply: ReplyBuffer::new(need)?,
            label,
        })
    }
}

impl<C: Channel + 'static> Transport<C> {
    /// Sends `message` and waits for the reply, as [`PreparedRequest::send`] does, but uses the
    /// memory of `provision` only.
    ///
    /// # Errors
    ///
    /// Those of [`PreparedRequest::send`]; `ENODEV` also if the account has departed.
    pub(crate) fn call_provided(
        self: ArcBorrow<'_, Self>,
        provision: Provision,
        endpoint: &Arc<Endpoint>,
        account: Option<&Arc<Account>>,
        message: &[u8],
        mode: WaitMode,
    ) -> Result<ReplyBuffer> {
        let Provision {
            request,
            reply,
            label,
        } = provision;
        let id = self.completions.admit_provided(
            endpoint,
            account,
            request.clone(),
            reply,
            label,
            mode,
        )?;

        PreparedRequest {
            transport: self,
            endpoint: endpoint.clone(),
            request,
            id: Some(id),
        }
        .send(message, mode)
    }
}

#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
#[kunit_tests(dxgkrnl_provision)]
mod tests {
    use super::*;
    use crate::transport::mock::{
        Answer,
        Rig,
        LONG, //
    };

    const SHORT: WaitMode = WaitMode::Timeout(20);

    #[test]
    fn there_is_a_place_when_others_have_none() -> Result {
        let rig = Rig::new()?;
        let transport = rig.transport.as_arc_borrow();
        let mut seats = KVVec::new();
        let provisions = [(); 17].map(|()| Provision::new(4, Label::UNKNOWN));

        // Fill the table up to the point where it would have to grow; none of these requests is
        // sent.
        while rig.transport.completions.has_room() {
            let request = transport.prepare(&rig.endpoint, None, 4, None, Label::UNKNOWN)?;

            seats.push(request, GFP_KERNEL)?;
        }
        for (index, provision) in provisions.into_iter().enumerate() {
            let result = transport.call_provided(provision?, &rig.endpoint, None, &[0; 24], SHORT);

            // No request is answered, so each keeps its table entry.
            assert!(result.is_err_and(|error| error == ETIMEDOUT));
            assert_eq!(rig.host.sent_count(), (index + 1).min(16));
        }
        // A reply frees an entry.
        rig.host.complete(rig.host.id(0)?, &[0; 8]);
        rig.host.then(Answer::reply(&[7; 8])?)?;

        let reply = transport.call_provided(
            Provision::new(4, Label::UNKNOWN)?,
            &rig.endpoint,
            None,
            &[0; 24],
            LONG,
        )?;

        assert_eq!(reply.bytes(), &[7; 4]);
        Ok(())
    }

    #[test]
    fn closed_endpoint_is_noticed() -> Result {
        let rig = Rig::new()?;
        let transport = rig.transport.as_arc_borrow();
        let provision = Provision::new(4, Label::UNKNOWN)?;

        rig.transport.close_endpoint(&rig.endpoint);
        assert!(transport
            .call_provided(provision, &rig.endpoint, None, &[0; 24], LONG)
            .is_err_and(|error| error == ENODEV));
        assert_eq!(rig.host.sent_count(), 0);
        Ok(())
    }
}
