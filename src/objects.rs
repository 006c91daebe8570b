// SPDX-License-Identifier: GPL-2.0

//! The objects that user programs and the host have handles for, and their lifetimes.
//!
//! # Lock order
//!
//! Outer locks first. No lock is held while the driver waits for the host, except where this list
//! says so.
//!
//! 0. `OpenFile::filling`: no lock is taken below it.
//! 1. `Registry::negotiation`: held for accesses to configuration space, as only one function may
//!    negotiate the version.
//! 2. `Registry::inner`: adapters and channels.
//! 3. `Registry::processes`: the processes that have `/dev/dxg` open.
//! 4. `Process::adapters`: adapter handles and bindings.
//! 5. `Process::objects`: all other handles, and the parent of each.
//! 6. `SharedResource::contents`, `Exports::state`: the contents of a shared object, and its NT
//!    handle. Never together.
//! 7. `Adapter::state` (spinlock): whether the adapter is active.
//! 8. `LockState::state`: held while the address space of the program changes. 1 to 7 are not taken
//!    below it.
//! 9. `DeferredUnpin::kept`, `Lease::state`, `Startup::changed`, `Start::job`,
//!    `FenceImport::signal` and `FenceImport::destroy`: no lock is taken below them, except
//!    `SysmemRecord::waits` (spinlock) below the first.
//! 10. `Offer::life`, then `Session::open` or `Gpadls::state`: see `linux::channel`. The first and
//!     the last are held while the VMBus core talks to the host. Not taken under 1 to 9.
//! 11. `Completions::requests`, `Request::outcome`, `Account::next`, `LockedIdTable::table`
//!     (spinlocks, interrupts off): never together.
//!
//! A [`live_ref`] is not a lock: a thread that holds a guard may wait for the host, and may take
//! any lock it needs. A thread that drains one holds no lock.
//!
//! User memory is not accessed under any of these locks.

pub(crate) mod adapter;
pub(crate) mod allocation;
pub(crate) mod context;
pub(crate) mod deferred_unpin;
pub(crate) mod device;
pub(crate) mod driver_data;
pub(crate) mod execution_state;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod fence_files;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod fence_import;
pub(crate) mod fence_page;
pub(crate) mod guest_event;
pub(crate) mod handle_table;
pub(crate) mod host;
pub(crate) mod host_events;
pub(crate) mod hw_queue;
pub(crate) mod io_mapping;
pub(crate) mod io_window;
pub(crate) mod live_ref;
pub(crate) mod lock_state;
mod locked_id_table;
pub(crate) mod notifier_list;
pub(crate) mod object;
pub(crate) mod object_stats;
pub(crate) mod object_table;
pub(crate) mod paging_queue;
pub(crate) mod pin_counter;
pub(crate) mod process;
pub(crate) mod resource;
pub(crate) mod shared;
pub(crate) mod shared_resource;
#[cfg(CONFIG_DXGKRNL_SYNC_FILE)]
pub(crate) mod sync_file;
pub(crate) mod sync_object;
mod sysmem_record;
pub(crate) mod waits;
