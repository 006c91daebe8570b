// SPDX-License-Identifier: GPL-2.0

//! Submissions whose memory is allocated in advance.

use super::Active;
use crate::{
    linux::wait::WaitMode,
    message::{
        provided::Provided,
        Sender,
        Submission, //
    },
};
use kernel::prelude::*;

impl Active {
    /// Allocates everything that is needed to submit `command` on behalf of `sender` later, so that
    /// the submission cannot fail for lack of memory.
    pub(crate) fn provide<M: Submission>(
        &self,
        sender: Sender<'_>,
        command: M,
    ) -> Result<Provided> {
        self.link
            .provide(sender, command, !self.over_global_channel)
    }

    /// Submits what [`Self::provide`] returned, as [`Self::submit`] does, and waits as long as
    /// `mode` allows.
    pub(crate) fn submit_provided(
        &self,
        sender: Sender<'_>,
        provided: Provided,
        mode: WaitMode,
    ) -> Result<isize> {
        self.link.send_provided(sender, provided, mode)
    }
}
