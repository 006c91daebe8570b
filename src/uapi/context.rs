// SPDX-License-Identifier: GPL-2.0

//! Structures for contexts.

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
    /// In: device.
    pub(crate) device: Handle,
    /// In: ordinal of the engine.
    pub(crate) node_ordinal: u32,
    /// In: mask of the GPUs of a linked adapter.
    pub(crate) engine_affinity: u32,
    /// In: flags.
    pub(crate) flags: u32,
    /// Address of data of the vendor's driver, read and written.
    pub(crate) priv_drv_data: u64,
    /// In: size of `priv_drv_data` in bytes.
    pub(crate) priv_drv_data_size: u32,
    /// In: API the context is used for.
    pub(crate) client_hint: u32,
    /// Out: the new context.
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
    /// In: context to destroy.
    pub(crate) context: Handle,
}

same_layout!(DestroyContext, d3dkmt_destroycontext { context });
