// SPDX-License-Identifier: GPL-2.0
//! Contexts.

use super::super::call::{Call, Reply};
use super::super::shared::Shared;
use crate::command::ContextCommand;
use crate::status::NtStatus;

impl Shared {
    pub(in crate::host) fn context_command(
        &mut self,
        _command: ContextCommand,
        _position: usize,
        _call: &Call<'_>,
    ) -> Reply {
        Err(NtStatus::NOT_SUPPORTED.into())
    }
}
