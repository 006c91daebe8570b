// SPDX-License-Identifier: GPL-2.0

//! The guest side of GPU paravirtualisation on Hyper-V: `/dev/dxg`.
//!
//! A user program calls D3DKMT functions as ioctls. What they name is looked up in objects this
//! driver keeps per process, and what they ask for travels as a message over a VMBus channel to
//! the host, which owns the GPU.
//!
//! # Glossary
//!
//! - *Host*: the other side; Windows, or something that behaves like it.
//! - *vGPU*: a GPU the host shares with this virtual machine. It is a PCI function, which says
//!   what it is, and a VMBus channel, which carries its messages.
//! - *Global channel*: one more channel for messages that concern no vGPU in particular.
//! - *Adapter*: what users call a vGPU; named by a *LUID*.
//! - *Process*: a thread group that has opened `/dev/dxg`.
//! - *Handle*: a number of 32 bits that stands for an object of a process.
//!
//! # Rooms
//!
//! `bus` and `ioctl` call `objects`, which call `message`, `transport` and `linux`, in this order
//! and never back. `wire`, `uapi` and `counter` are words that all may use.

#![crate_name = "dxgkrnl"]
#![deny(unsafe_code)]

mod bus;
mod counter;
mod id_table;
mod ioctl;
#[allow(unsafe_code)]
mod linux;
mod message;
mod objects;
#[cfg(CONFIG_DXGKRNL_KUNIT_TEST)]
mod random;
mod registry;
mod transport;
mod uapi;
mod wire;

use crate::{
    linux::{
        global::Installed,
        misc,
        queue::OwnedQueue,
        vmbus, //
    },
    objects::object_stats::ObjectStats,
    registry::{
        Registry,
        REGISTRY, //
    },
};
use kernel::{
    debugfs,
    driver,
    pci,
    prelude::*,
    sync::Arc,
    InPlaceModule,
    ModuleMetadata, //
};

module! {
    type: DxgkrnlModule,
    name: "dxgkrnl",
    authors: ["The dxgkrnl developers"],
    description: "Virtual GPU of Hyper-V (GPU-PV)",
    license: "GPL",
    params: {
        sync_file_limit: u32 {
            default: 600,
            description: "Seconds after which a sync file that was not signalled is, with an error; 0: never",
        },
    },
}

/// Waits, when the module goes, until the host was told of what ended just before: as long as it
/// answers. What it does not hear of ends with the channels.
struct FlushOnDrop {
    registry: Arc<Registry>,
    /// How long the host may be silent meanwhile, in milliseconds.
    silence: u32,
    /// Whether adapters that were being started are among what has ended.
    of_starts: bool,
}

impl Drop for FlushOnDrop {
    fn drop(&mut self) {
        if self.of_starts {
            self.registry.flush_starts(self.silence);
        }
        self.registry.flush_teardown(self.silence);
    }
}

/// Waits, when the module goes, until no work item is left that could run its text. The channels are
/// closed by then, so none waits for the host.
struct Drain(Arc<Registry>);

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.driver_data().drain();
    }
}

type VmbusDriver = driver::Registration<vmbus::Adapter<bus::vmbus::ChannelDevice>>;
type PciDriver = driver::Registration<pci::Adapter<bus::pci::Function>>;

/// Loading does not wait for the host: adapters are started by work items, for which those wait who
/// have opened the node.
///
/// Fields are dropped in the order of their declaration, and made in the opposite one but for the
/// node: what ended processes have to say goes first, and functions next, so that the host is told
/// while the channels are still there; then the channels; then the node, which nobody has open any
/// more, or we would not be here; then what is still queued; and the registry last. A host that says
/// nothing is waited for less than a second in all.
#[pin_data]
struct DxgkrnlModule {
    _flush_processes: FlushOnDrop,
    #[pin]
    _pci: PciDriver,
    _flush_adapters: FlushOnDrop,
    /// Only where there is a VMBus. Elsewhere the node exists, and opening it fails.
    _vmbus: Option<Pin<KBox<VmbusDriver>>>,
    #[pin]
    _misc: misc::Registration<bus::misc::OpenFile>,
    /// How many objects there are.
    #[pin]
    _object_stats: debugfs::File<Arc<ObjectStats>>,
    /// What adapters there are.
    #[pin]
    _adapters: debugfs::File<Arc<Registry>>,
    /// What the host has not answered.
    #[pin]
    _requests: debugfs::File<Arc<Registry>>,
    /// What memory of programs the host has.
    #[pin]
    _lent: debugfs::File<Arc<Registry>>,
    _debugfs: debugfs::Dir,
    _drain: Drain,
    _registry: Installed<Registry>,
}

impl InPlaceModule for DxgkrnlModule {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let name = <Self as ModuleMetadata>::NAME;

        try_pin_init!(Self {
            _registry: {
                let queue = Arc::new(OwnedQueue::new(name)?, GFP_KERNEL)?;
                let teardown = Arc::new(OwnedQueue::new(c"dxgkrnl_teardown")?, GFP_KERNEL)?;

                REGISTRY.install(Registry::new(queue, teardown)?)?
            },
            _drain: Drain(REGISTRY.get().ok_or(ENODEV)?),
            _debugfs: debugfs::Dir::new(name),
            _object_stats <- {
                let object_stats = REGISTRY.get().ok_or(ENODEV)?.driver_data().object_stats.clone();

                _debugfs.read_callback_file(c"objects", object_stats, &ObjectStats::show)
            },
            _adapters <- {
                let registry = REGISTRY.get().ok_or(ENODEV)?;

                _debugfs.read_callback_file(c"adapters", registry, &Registry::show_adapters)
            },
            _requests <- {
                let registry = REGISTRY.get().ok_or(ENODEV)?;

                _debugfs.read_callback_file(c"requests", registry, &Registry::show_requests)
            },
            _lent <- {
                let registry = REGISTRY.get().ok_or(ENODEV)?;

                _debugfs.read_callback_file(c"lent", registry, &Registry::show_lent)
            },
            _vmbus: if vmbus::exists() {
                Some(KBox::try_pin_init(VmbusDriver::new(name, module), GFP_KERNEL)?)
            } else {
                pr_debug!("no VMBus here, and so no vGPU\n");
                None
            },
            _flush_adapters: FlushOnDrop {
                registry: _drain.0.clone(),
                silence: 400,
                of_starts: true,
            },
            _pci <- PciDriver::new(name, module),
            _flush_processes: FlushOnDrop {
                registry: _drain.0.clone(),
                silence: 400,
                of_starts: false,
            },
            // Last: what comes after could fail, and somebody may have it open by then.
            _misc <- misc::Registration::register(bus::misc::NAME, bus::misc::MODE, module),
        })
    }
}
