// SPDX-License-Identifier: GPL-2.0
//! What an object takes with it when it goes.

use super::shared::Shared;
use crate::handles::Handle;
use crate::payload::{Payload, Removed};

impl Shared {
    /// Frees what objects of `process` held that are out of its table already. Children come before
    /// their parents.
    pub(crate) fn release(&mut self, process: Handle, removed: Vec<Removed>) {
        for (handle, object) in removed {
            match object.payload {
                Payload::Device(_) => log::debug!("device {handle} of process {process} is gone"),
            }
        }
    }
}
