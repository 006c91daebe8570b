// SPDX-License-Identifier: GPL-2.0

//! Commands whose memory is allocated, so that only the host or a timeout can make them fail.

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

/// A command that is ready to be sent.
pub(crate) struct Prepared<'a, M: Command, C: Channel + 'static = Arc<Session>> {
    pub(super) command: M,
    pub(super) message: Message,
    pub(super) request: PreparedRequest<'a, C>,
    pub(super) sender: u32,
    pub(super) version: InterfaceVersion,
}

impl<M: Command, C: Channel + 'static> Prepared<'_, M, C> {
    /// Sends the command and waits for the reply.
    ///
    /// # Errors
    ///
    /// Those of [`PreparedRequest::send`] and [`Command::parse`]. `EINVAL` if the reply is empty,
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
            // CAST: The length is at most `MAX_MESSAGE`.
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
