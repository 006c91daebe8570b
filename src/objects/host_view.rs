// SPDX-License-Identifier: GPL-2.0

//! Memory of the host that a user program sees, until the host may use it for something else: when
//! what it belongs to is destroyed, or when adapter or global channel are lost.

use super::{
    adapter::Adapter,
    claims::{
        Claim,
        Party, //
    },
    dependents::{
        Dependences,
        Dependent, //
    },
    process::Process,
    shared::SharedSyncObject,
    shared_resource::SharedResource, //
};
use crate::{
    amount::Share,
    linux::{
        ratelimit::pr_warn_limited,
        user_mapping::{
            Access,
            Caching,
            UserMapping, //
        },
    },
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    }, //
};

/// In whose name a program sees memory of the host.
pub(crate) enum Viewer {
    /// Something that it has alone.
    Alone,
    /// A shared fence.
    Fence(Arc<SharedSyncObject>),
    /// An allocation of a shared resource, which all processors see in the same way.
    Allocation(Arc<SharedResource>, Caching),
}

impl Party for Viewer {
    fn shares_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fence(one), Self::Fence(other)) => Arc::ptr_eq(one, other),
            (Self::Allocation(one, caching), Self::Allocation(other, other_caching)) => {
                Arc::ptr_eq(one, other) && caching == other_caching
            }
            _ => false,
        }
    }
}

/// A mapping, and the right to it, which ends with it.
#[pin_data]
struct Shown {
    mapping: UserMapping,
    #[pin]
    claim: Mutex<Option<Claim<Viewer>>>,
}

impl Shown {
    fn revoke(&self) {
        self.mapping.revoke();

        let claim = self.claim.lock().take();

        drop(claim);
    }
}

impl Dependent for Shown {
    fn cut_off(&self) {
        self.revoke();
    }
}

/// Memory of the host in the address space of a user program, until this is dropped.
pub(crate) struct HostView {
    shown: Arc<Shown>,
    _counted: Share,
    _dependences: Dependences,
}

impl HostView {
    /// Shows the user program of `process`, which is the current one, `size` bytes that the host
    /// has at `address` for something on `adapter`: what `viewer` says.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also unless those are whole pages of the window that nobody else sees: so looks
    /// the answer of a host that has nothing to show. `ENODEV` if the global channel is lost.
    pub(crate) fn show(
        process: &Process,
        adapter: &Adapter,
        address: u64,
        size: u64,
        access: Access,
        caching: Caching,
        viewer: Viewer,
    ) -> Result<Self> {
        let window = process.io_window();
        let claim = window.claim(address, size, viewer).map_err(|error| {
            if error == EBUSY {
                pr_warn_limited!("host shows memory that it shows to somebody else\n");
            }
            ENOMEM
        })?;
        let counted = process.count_mapped(size)?;
        let mapping = window.map(address, size, access, caching)?;
        let shown = Arc::pin_init(
            pin_init!(Shown {
                mapping,
                claim <- new_mutex!(Some(claim), "Shown::claim"),
            }),
            GFP_KERNEL_ACCOUNT,
        )?;
        // If the adapter was lost meanwhile, the pages are taken away at once.
        let dependences = process
            .depend_on(adapter, shown.clone())
            .map_err(|_| ENOMEM)?;

        Ok(Self {
            shown,
            _counted: counted,
            _dependences: dependences,
        })
    }

    /// Where the user program sees it.
    pub(crate) fn address(&self) -> u64 {
        self.shown.mapping.address()
    }

    /// Takes it away from the user program.
    pub(crate) fn revoke(&self) {
        self.shown.revoke();
    }
}
