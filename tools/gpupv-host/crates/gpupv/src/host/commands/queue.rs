// SPDX-License-Identifier: GPL-2.0
//! Hardware queues and paging queues.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::QueueCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn queue_command(
        &mut self,
        _command: QueueCommand,
        _position: usize,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
