// SPDX-License-Identifier: GPL-2.0

//! Structures for the scheduling priority of contexts.

use super::same_layout;
use crate::wire::Handle;
use kernel::prelude::*;
use zerocopy_derive::{
    Immutable,
    KnownLayout, //
};

/// Argument of {Set,Get}Context{,InProcess}SchedulingPriority.
#[repr(C)]
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
pub(crate) struct ContextPriority {
    /// In: context.
    pub(crate) context: Handle,
    /// In for the set requests, out for the get requests: the priority.
    pub(crate) priority: i32,
}

same_layout!(
    ContextPriority,
    d3dkmt_setcontextschedulingpriority { context, priority }
);
same_layout!(
    ContextPriority,
    d3dkmt_setcontextinprocessschedulingpriority { context, priority }
);
same_layout!(
    ContextPriority,
    d3dkmt_getcontextschedulingpriority { context, priority }
);
same_layout!(
    ContextPriority,
    d3dkmt_getcontextinprocessschedulingpriority { context, priority }
);
