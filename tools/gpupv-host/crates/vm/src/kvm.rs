// SPDX-License-Identifier: GPL-2.0
//! The machine as KVM sees it: RAM slots, interrupt chip, virtual CPUs, interrupt routing.
//!
//! The order of the calls matters and is the order of the functions here: [`Vm::new`],
//! [`Vm::create_vcpus`], set-up of each virtual CPU, [`Vm::route`], then interrupt lines.

use std::io;
use std::sync::Arc;

use kvm_bindings::{
    kvm_irq_routing, kvm_irq_routing_entry, kvm_irq_routing_irqchip, kvm_userspace_memory_region,
    KvmIrqRouting, KVM_IRQCHIP_IOAPIC, KVM_IRQ_ROUTING_IRQCHIP, KVM_MAX_CPUID_ENTRIES,
};
use kvm_ioctls::{Cap, Kvm, VcpuFd, VmFd};
use vm_memory::{GuestMemory as _, GuestMemoryMmap, GuestMemoryRegion as _};
use vmm_sys_util::eventfd::EventFd;

use crate::cpuid::CpuidTable;
use crate::memory::Layout;
use crate::window::Window;
use crate::{Error, Result};

/// Pins of the IOAPIC, which are the first interrupts.
pub const IOAPIC_PINS: u32 = 24;

/// Three pages that KVM needs on Intel CPUs, in the reserved range below 4 GiB.
const TSS_ADDRESS: usize = 0xFFFB_D000;
const IDENTITY_MAP_ADDRESS: u64 = 0xFFFB_C000;

/// Memory slots of the VMBus window. RAM has the ones before.
const FIRST_WINDOW_SLOT: u32 = 8;

/// A virtual machine.
pub struct Vm {
    kvm: Kvm,
    fd: Arc<VmFd>,
    memory: GuestMemoryMmap,
    layout: Layout,
    cpuid: CpuidTable,
}

impl Vm {
    /// Creates a machine with `ram` bytes of RAM and a VMBus window of `window` bytes.
    ///
    /// # Errors
    ///
    /// [`Error`] says what KVM or the host refused.
    pub fn new(kvm: Kvm, ram: u64, window: u64) -> Result<Self> {
        let supported = kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(Error::kvm("list the supported CPUID"))?;
        let deadline = kvm.check_extension(Cap::TscDeadlineTimer);
        let cpuid = CpuidTable::new(supported.as_slice(), deadline);
        let layout = Layout::new(ram, window, cpuid.address_bits())?;

        let fd = Arc::new(kvm.create_vm().map_err(Error::kvm("create a machine"))?);
        fd.set_tss_address(TSS_ADDRESS)
            .map_err(Error::kvm("set the TSS address"))?;
        fd.set_identity_map_address(IDENTITY_MAP_ADDRESS)
            .map_err(Error::kvm("set the identity map address"))?;
        // The full chip, not a split one: only it reports the end of a SynIC message.
        fd.create_irq_chip()
            .map_err(Error::kvm("create the interrupt chip"))?;

        let memory = layout.allocate()?;
        for (slot, region) in (0u32..).zip(memory.iter()) {
            let region = kvm_userspace_memory_region {
                slot,
                flags: 0,
                guest_phys_addr: region.start_addr().0,
                memory_size: region.len(),
                userspace_addr: region.as_ptr() as u64,
            };
            // SAFETY: the region is memory that `memory` owns, of exactly this size; `Vm` keeps
            // `memory` until after `fd`, so KVM never touches it after it is gone. The slots are
            // distinct and the regions do not overlap.
            unsafe { fd.set_user_memory_region(region) }.map_err(Error::kvm("add RAM"))?;
        }
        Ok(Self {
            kvm,
            fd,
            memory,
            layout,
            cpuid,
        })
    }

    /// KVM itself.
    pub fn kvm(&self) -> &Kvm {
        &self.kvm
    }

    /// The machine's file, for calls that are not made here.
    pub fn fd(&self) -> &Arc<VmFd> {
        &self.fd
    }

    /// The guest's RAM.
    pub fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    /// Where everything lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The CPUID to start from.
    pub fn cpuid(&self) -> &CpuidTable {
        &self.cpuid
    }

    /// The VMBus window. To be called once: each caller gets the same slots.
    pub fn window(&self) -> Window {
        let slots = u32::try_from(self.kvm.get_nr_memslots()).unwrap_or(u32::MAX);
        Window::new(
            self.fd.clone(),
            self.layout.window(),
            FIRST_WINDOW_SLOT..slots,
        )
    }

    /// Creates all virtual CPUs, in ascending order, so that KVM's numbers are ours.
    ///
    /// # Errors
    ///
    /// [`Error::Kvm`] when KVM refuses one.
    pub fn create_vcpus(&self, count: u32) -> Result<Vec<VcpuFd>> {
        (0..u64::from(count))
            .map(|id| {
                self.fd
                    .create_vcpu(id)
                    .map_err(Error::kvm("create a virtual CPU"))
            })
            .collect()
    }

    /// Sets the interrupt routing: the IOAPIC's pins and `others`.
    ///
    /// # Errors
    ///
    /// [`Error::Kvm`] when KVM refuses.
    pub fn route(&self, others: &[kvm_irq_routing_entry]) -> Result<()> {
        let mut entries: Vec<_> = (0..IOAPIC_PINS).map(ioapic_pin).collect();
        entries.extend_from_slice(others);
        let routing = KvmIrqRouting::from_entries(&entries).map_err(|_| Error::Kvm {
            what: "hold that many interrupts",
            source: kvm_ioctls::Error::new(libc::ENOSPC),
        })?;
        debug_assert_eq!(routing.as_fam_struct_ref().nr as usize, entries.len());
        self.fd
            .set_gsi_routing(&routing)
            .map_err(Error::kvm("route interrupts"))
    }

    /// An interrupt line: writing 1 to the eventfd raises `gsi`.
    ///
    /// # Errors
    ///
    /// [`Error`] when KVM or the operating system refuses.
    pub fn interrupt_line(&self, gsi: u32) -> Result<EventFd> {
        let line = event()?;
        self.fd
            .register_irqfd(&line, gsi)
            .map_err(Error::kvm("add an interrupt line"))?;
        Ok(line)
    }

    /// An interrupt line and the eventfd that counts its acknowledgements.
    ///
    /// # Errors
    ///
    /// [`Error`] when KVM or the operating system refuses.
    pub fn acknowledged_line(&self, gsi: u32) -> Result<(EventFd, EventFd)> {
        let (line, acknowledged) = (event()?, event()?);
        self.fd
            .register_irqfd_with_resample(&line, &acknowledged, gsi)
            .map_err(Error::kvm("add an interrupt line with acknowledgement"))?;
        Ok((line, acknowledged))
    }
}

fn event() -> Result<EventFd> {
    EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC).map_err(|error: io::Error| Error::Io {
        what: "cannot create an event",
        source: error,
    })
}

fn ioapic_pin(pin: u32) -> kvm_irq_routing_entry {
    let mut entry = kvm_irq_routing_entry {
        gsi: pin,
        type_: KVM_IRQ_ROUTING_IRQCHIP,
        ..Default::default()
    };
    entry.u.irqchip = kvm_irq_routing_irqchip {
        irqchip: KVM_IRQCHIP_IOAPIC,
        pin,
    };
    entry
}

/// The header of the routing table is what KVM reads the count from.
const _: () = assert!(std::mem::size_of::<kvm_irq_routing>() == 8);
