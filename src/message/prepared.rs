// SPDX-License-Identifier: GPL-2.0

//! Commands for which all memory was found, so that nothing but the host can be in their way.

use super::Command;
use crate::{
    linux::{
        channel::{
            Channel,
            Session, //
        },
        errno::ebadmsg,
        trace,
        wait::WaitMode, //
    },
    transport::{
        Message,
        PreparedRequest, //
    },
    wire::InterfaceVersion, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// A command that only needs to be sent.
pub(crate) struct Prepared<'a, M: Command, C: Channel + 'static = Arc<Session>> {
    pub(super) command: M,
    pub(super) message: Message,
    pub(super) request: PreparedRequest<'a, C>,
    pub(super) sender: u32,
    pub(super) version: InterfaceVersion,
}

impl<M: Command, C: Channel + 'static> Prepared<'_, M, C> {
    /// Sends it and waits for the reply.
    ///
    /// # Errors
    ///
    /// Those of [`PreparedRequest::send`], and what the command makes of the reply. `EINVAL` if that is empty,
    /// see [`Command::ECHO`].
    pub(crate) fn send(self, mode: WaitMode) -> Result<M::Reply> {
        let Self {
            command,
            message,
            request,
            sender,
            version,
        } = self;
        let number = M::OPCODE.number();

        trace::send(
            number,
            sender,
            // CAST: A message is smaller than that.
            message.bytes().len() as u32,
            request.channel().relid(),
        );
        let result = request
            .send(message.bytes(), mode)
            .map_err(|error| match error == ebadmsg() {
                true if M::ECHO => EOVERFLOW,
                true => EINVAL,
                false => error,
            })
            .and_then(|reply| command.parse(version, reply));

        trace::reply(
            number,
            sender,
            result.as_ref().err().map_or(0, |error| error.to_errno()),
        );
        result
    }
}
