// SPDX-License-Identifier: GPL-2.0

//! Submissions by who must not wait for memory.

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
    /// Makes everything that is needed to submit `command` in the name of `sender` later, without
    /// any more memory.
    pub(crate) fn provide<M: Submission>(
        &self,
        sender: Sender<'_>,
        command: M,
    ) -> Result<Provided> {
        self.link
            .provide(sender, command, !self.over_global_channel)
    }

    /// Submits what was provided, as [`Self::submit`] does, and waits as long as `mode` allows.
    pub(crate) fn submit_provided(
        &self,
        sender: Sender<'_>,
        provided: Provided,
        mode: WaitMode,
    ) -> Result<isize> {
        self.link.send_provided(sender, provided, mode)
    }
}
