// SPDX-License-Identifier: GPL-2.0
//! What processes share, with each other and with the host.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::ShareCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn share_command(
        &mut self,
        _command: ShareCommand,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
