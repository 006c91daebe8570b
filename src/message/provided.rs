// SPDX-License-Identifier: GPL-2.0

//! Commands of callers that must not wait for memory.

use super::{
    encode_with,
    status_only,
    under_way::label_of,
    Command,
    Link,
    Sender,
    ASYNCHRONOUS, //
};
use crate::{
    linux::{
        channel::Channel,
        errno::ebadmsg,
        trace,
        wait::WaitMode, //
    },
    transport::{
        Message,
        Provision, //
    },
};
use kernel::prelude::*;

/// A command with a status reply, encoded as a message, with the memory to send it.
pub(crate) struct Provided {
    number: u32,
    message: Message,
    /// Memory for the reply; `None` if no reply is asked for.
    provision: Option<Provision>,
}

impl<C: Channel + 'static> Link<C> {
    /// Encodes `command` and allocates everything that is needed to send it on behalf of `sender`
    /// later. Without `answered` no reply is asked for, as by a host in asynchronous mode.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; those of [`Command::fill`].
    pub(crate) fn provide<M: Command<Reply = isize>>(
        &self,
        sender: Sender<'_>,
        mut command: M,
        answered: bool,
    ) -> Result<Provided> {
        let bits = if answered { 0 } else { ASYNCHRONOUS };

        Ok(Provided {
            number: M::OPCODE.number(),
            message: encode_with(self.envelope, sender.process, bits, &mut command)?,
            provision: answered
                .then(|| {
                    let need = command.reply_len(self.envelope.version);

                    Provision::new(need, label_of::<M>(sender.process))
                })
                .transpose()?,
        })
    }

    /// Sends `provided`, which was made for this link and `sender`, and waits for the reply, if one
    /// was asked for. Does not allocate.
    ///
    /// # Errors
    ///
    /// Those of the host; `ENODEV` if the link is closed; `ERESTARTSYS` and `ETIMEDOUT` if the wait
    /// ended first.
    pub(crate) fn send_provided(
        &self,
        sender: Sender<'_>,
        provided: Provided,
        mode: WaitMode,
    ) -> Result<isize> {
        let Provided {
            number,
            message,
            provision,
        } = provided;
        let message = message.bytes();
        let process = sender.process.handle().raw();

        // CAST: The length is at most `MAX_MESSAGE`.
        trace::send(
            number,
            process,
            message.len() as u32,
            self.channel().relid(),
        );

        let Some(provision) = provision else {
            return self
                .transport
                .post(&self.endpoint, message, mode)
                .map(|()| 0);
        };
        let result = self
            .transport
            .as_arc_borrow()
            .call_provided(provision, &self.endpoint, sender.account, message, mode)
            .map_err(|error| if error == ebadmsg() { EINVAL } else { error })
            .and_then(|reply| status_only(&reply));

        trace::reply(
            number,
            process,
            result.as_ref().err().map_or(0, |error| error.to_errno()),
        );
        result
    }
}
