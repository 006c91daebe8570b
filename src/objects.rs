// SPDX-License-Identifier: GPL-2.0

//! What users and the host have handles for, and how long it lives.
//!
//! # Lock order
//!
//! Outer locks first. Nothing is held while the host is waited for, except the first one, as said
//! there.
//!
//! 1. `Registry::negotiation`: held for accesses to configuration space, as only one function may
//!    negotiate the version.
//! 2. `Registry::inner`: adapters and channels.
//! 3. `Registry::processes`: who has `/dev/dxg` open.
//! 4. `Process::adapters`: adapter handles and bindings.
//! 5. `Adapter::state` (spinlock): alive or not.
//! 6. `Offer::life`, `Session::open`: see `linux::channel`. Not taken under 1 to 5.
//! 7. `Inbox::requests`, `Request::outcome` (spinlocks, interrupts off): never together.
//!
//! User memory is not touched under any of them.

pub(crate) mod adapter;
pub(crate) mod handle_table;
pub(crate) mod host;
#[cfg_attr(
    not(CONFIG_DXGKRNL_KUNIT_TEST),
    expect(dead_code, reason = "devices will be the first objects the host makes")
)]
pub(crate) mod host_table;
pub(crate) mod process;
