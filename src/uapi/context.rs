// SPDX-License-Identifier: GPL-2.0

//! Structures about contexts.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of CreateContextVirtual.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct CreateContextVirtual {
    /// In: on which device.
    pub(crate) device: Handle,
    /// In: for which engine.
    pub(crate) node_ordinal: u32,
    /// In: on which of several physical adapters.
    pub(crate) engine_affinity: u32,
    /// In.
    pub(crate) flags: u32,
    /// In: where the data of the vendor's drivers is, before and after.
    pub(crate) priv_drv_data: u64,
    /// In: how much data.
    pub(crate) priv_drv_data_size: u32,
    /// In: what kind of program it is.
    pub(crate) client_hint: u32,
    /// Out.
    pub(crate) context: Handle,
    pad: u32,
}

same_layout!(
    CreateContextVirtual,
    d3dkmt_createcontextvirtual {
        device,
        node_ordinal,
        engine_affinity,
        flags,
        priv_drv_data,
        priv_drv_data_size,
        client_hint,
        context
    }
);

/// Argument of DestroyContext.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct DestroyContext {
    /// In: which context.
    pub(crate) context: Handle,
}

same_layout!(DestroyContext, d3dkmt_destroycontext { context });
