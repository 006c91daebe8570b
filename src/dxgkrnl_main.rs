// SPDX-License-Identifier: GPL-2.0

//! The guest side of GPU paravirtualisation on Hyper-V: `/dev/dxg`.
//!
//! A user program calls D3DKMT functions as ioctls. The driver looks up their handles in the
//! objects that it keeps per process, and forwards each request as a message over a VMBus channel
//! to the host, which owns the GPU.
//!
//! # Glossary
//!
//! - *Host*: the other end of the VMBus channels; Windows, or an implementation that behaves like
//!   it.
//! - *vGPU*: a GPU that the host shares with this virtual machine. It consists of a PCI function,
//!   which identifies it, and a VMBus channel, which carries its messages.
//! - *Global channel*: one more channel, for messages that concern no vGPU in particular.
//! - *Adapter*: the name of a vGPU in the user interface; identified by a *LUID*.
//! - *Process*: a thread group that has opened `/dev/dxg`.
//! - *Handle*: a 32-bit number that identifies an object of a process.
//!
//! # Layers
//!
//! `bus` calls `ioctl`, `ioctl` calls `registry`, and so on over `objects`, `message` and `transport`
//! to `linux`: in this order and never back. `uapi`, `wire`, `id_table` and `counter` are used by
//! all layers.

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

/// Waits, on module unload, until the host was told of the teardown done just before, as long as
/// the host replies. The host destroys the rest with the channels.
struct FlushOnDrop {
    registry: Arc<Registry>,
    /// The time after which a host that does not reply is given up, in milliseconds.
    silence: u32,
    /// Whether to wait for the starts of adapters that are still running, too.
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

/// Waits, on module unload, until no work item is left that could run module code. The channels are
/// closed by then, so no item waits for the host.
struct Drain(Arc<Registry>);

impl Drop for Drain {
    fn drop(&mut self) {
        self.0.driver_data().drain();
    }
}

type VmbusDriver = driver::Registration<vmbus::Adapter<bus::vmbus::ChannelDevice>>;
type PciDriver = driver::Registration<pci::Adapter<bus::pci::Function>>;

/// The loaded module. Loading does not wait for the host: work items start the adapters, and
/// requests on `/dev/dxg` wait for them.
///
/// Fields are dropped in the order of their declaration, and created in the opposite order, except
/// the device node. First the teardown of ended processes is flushed and the PCI functions are
/// removed, so that the host is told while the channels still exist; then the channels are closed;
/// then the device node is removed, which is not open, as an open file keeps the module loaded;
/// then the work queues are drained; and the registry is dropped last. A host that does not reply
/// delays the unload by less than a second in total.
#[pin_data]
struct DxgkrnlModule {
    _flush_processes: FlushOnDrop,
    #[pin]
    _pci: PciDriver,
    _flush_adapters: FlushOnDrop,
    /// The VMBus driver, if there is a VMBus. Otherwise the node exists, and opening it fails.
    _vmbus: Option<Pin<KBox<VmbusDriver>>>,
    #[pin]
    _misc: misc::Registration<bus::misc::OpenFile>,
    /// The debugfs file `objects`: the number of objects of each kind.
    #[pin]
    _object_stats: debugfs::File<Arc<ObjectStats>>,
    /// The debugfs file `adapters`: the adapters and their states.
    #[pin]
    _adapters: debugfs::File<Arc<Registry>>,
    /// The debugfs file `requests`: the requests that the host has not replied to.
    #[pin]
    _requests: debugfs::File<Arc<Registry>>,
    /// The debugfs file `lent`: the memory of programs that is lent to the host.
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
            // Last, as the node may be open when a later step fails.
            _misc <- misc::Registration::register(bus::misc::NAME, bus::misc::MODE, module),
        })
    }
}
