// SPDX-License-Identifier: GPL-2.0
//! A partition: the virtual machine seen from VMBus.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;

use kvm_ioctls::{VcpuFd, VmFd};
use vm::exit::{HypercallExit, Hypervisor, SynicExit};
use vm::kvm::Vm;
use vm_memory::GuestMemoryMmap;
use vmm_sys_util::eventfd::EventFd;

use crate::hypercall::{self, Call, Status};
use crate::synic::{Retry, Synic};
use crate::traits::{MessagePort, Partition};
use crate::{cpuid, ioctl, lazy_eoi, msr, setup, Error, Result};

/// A partition of one virtual machine.
///
/// Lock order: a processor's SynIC, then the state of `Retry`. The others are leaves.
pub struct HypervPartition {
    vm: Arc<VmFd>,
    memory: GuestMemoryMmap,
    processors: Vec<Processor>,
    retry: Arc<Retry>,
    port: OnceLock<Arc<dyn MessagePort>>,
    /// Connections whose signals the kernel completes.
    bound: Mutex<BTreeSet<u32>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How the guest acknowledges interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndOfInterrupt {
    /// In memory where that is enough, as on Hyper-V.
    Lazy,
    /// Always by a register, which leaves the guest.
    Eager,
}

struct Processor {
    synic: Mutex<Synic>,
    line: EventFd,
}

impl Processor {
    fn synic(&self) -> MutexGuard<'_, Synic> {
        self.synic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn interrupt(&self) {
        if let Err(error) = self.line.write(1) {
            log::error!("cannot interrupt the guest: {error}");
        }
    }
}

impl HypervPartition {
    /// Makes a partition of `vm`, whose virtual CPUs are `vcpus`, and routes its interrupts, which
    /// end the way `end` says.
    ///
    /// # Errors
    ///
    /// [`Error`] says what KVM refused.
    pub fn new(vm: &Vm, vcpus: &[VcpuFd], end: EndOfInterrupt) -> Result<Arc<Self>> {
        if end == EndOfInterrupt::Eager {
            lazy_eoi::withhold(vm.fd())?;
        }
        let count = u32::try_from(vcpus.len())
            .map_err(|_| Error::Unsupported("that many virtual CPUs".into()))?;
        let supported = ioctl::supported_leaves(vm.kvm())
            .map_err(Error::io("cannot list KVM's Hyper-V features"))?;
        let leaves = cpuid::leaves(count, &supported)?;
        for (index, vcpu) in (0..count).zip(vcpus) {
            setup::vcpu(
                vm.kvm(),
                vcpu,
                index,
                &vm.cpuid().for_vcpu(index, count, &leaves),
            )?;
        }
        // Only now: KVM looks at the processors' interrupt controllers when it loads the table, and
        // passes over those that are not active.
        let routes: Vec<_> = (0..count).map(setup::vmbus_route).collect();
        vm.route(&routes)?;

        let mut processors = Vec::new();
        let mut reports = Vec::new();
        for index in 0..count {
            let (line, report) = vm.acknowledged_line(setup::vmbus_gsi(index))?;
            processors.push(Processor {
                synic: Mutex::default(),
                line,
            });
            reports.push(report);
        }
        let retry =
            Retry::new(reports).map_err(Error::io("cannot watch for the end of messages"))?;
        let partition = Arc::new(Self {
            vm: vm.fd().clone(),
            memory: vm.memory().clone(),
            processors,
            retry: Arc::new(retry),
            port: OnceLock::new(),
            bound: Mutex::default(),
            thread: Mutex::default(),
        });
        partition.start()?;
        Ok(partition)
    }

    /// Starts the thread that delivers messages which found their slot occupied.
    fn start(self: &Arc<Self>) -> Result<()> {
        let retry = self.retry.clone();
        // Weak: the thread must not keep alive what ends it.
        let partition = Arc::downgrade(self);
        let thread = std::thread::Builder::new()
            .name("messages".into())
            .spawn(move || {
                retry.run(|vp| {
                    if let Some(partition) = partition.upgrade() {
                        partition.flush(vp);
                    }
                });
            })
            .map_err(Error::io("cannot start the message thread"))?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Says who takes the guest's messages. The first call counts.
    pub fn connect(&self, port: Arc<dyn MessagePort>) {
        if self.port.set(port).is_err() {
            log::error!("the partition has a message port already");
        }
    }

    /// Ends the message thread. To be called when the guest no longer runs.
    pub fn shut_down(&self) {
        self.retry.end();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("the message thread panicked");
        }
    }

    fn processor(&self, vp: u32) -> Option<&Processor> {
        self.processors.get(vp as usize)
    }

    fn flush(&self, vp: u32) {
        if let Some(processor) = self.processor(vp) {
            self.flush_locked(vp, processor, &mut processor.synic());
        }
    }

    fn flush_locked(&self, vp: u32, processor: &Processor, synic: &mut Synic) {
        if let Some(pause) = synic.flush(&self.memory, || processor.interrupt()) {
            self.retry.arm(vp, pause);
        }
    }

    fn post(&self, connection: u32, payload: &[u8]) -> Status {
        match self.port.get() {
            Some(port) => port.message(connection, payload).into(),
            None => Status::InvalidConnection,
        }
    }

    /// A signal that the kernel did not complete: nobody listens, or its flag number is not 0.
    fn signal(&self, connection: u32, flag: u16) -> Status {
        let known = self
            .bound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&connection);
        log::debug!("the guest signals connection {connection:#x}, flag {flag}");
        if known {
            Status::InvalidPort
        } else {
            Status::InvalidConnection
        }
    }
}

impl Drop for HypervPartition {
    fn drop(&mut self) {
        self.retry.end();
    }
}

impl Partition for HypervPartition {
    fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    fn post_message(&self, vp: u32, payload: &[u8]) {
        let Some(processor) = self.processor(vp) else {
            log::warn!("a message for processor {vp}, which does not exist");
            return;
        };
        let mut synic = processor.synic();
        synic.post(payload);
        self.flush_locked(vp, processor, &mut synic);
    }

    fn clear_messages(&self) {
        for processor in &self.processors {
            processor.synic().clear();
        }
    }

    fn is_backed_up(&self) -> bool {
        let mut processors = self.processors.iter();
        processors.any(|processor| processor.synic().is_backed_up())
    }

    fn signal_event(&self, vp: u32, flag: u32) {
        let Some(processor) = self.processor(vp) else {
            log::warn!("an event for processor {vp}, which does not exist");
            return;
        };
        if processor.synic().raise(&self.memory, flag) {
            processor.interrupt();
        }
    }

    fn bind_event(&self, connection: u32) -> io::Result<EventFd> {
        let event = EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)?;
        ioctl::assign_event(&self.vm, connection, &event)?;
        self.bound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(connection);
        Ok(event)
    }

    fn unbind_event(&self, connection: u32, fd: &EventFd) -> io::Result<()> {
        ioctl::deassign_event(&self.vm, connection, fd)?;
        self.bound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&connection);
        Ok(())
    }

    fn vp_count(&self) -> u32 {
        // CAST: made from a u32 in `new`.
        self.processors.len() as u32
    }
}

impl Hypervisor for HypervPartition {
    fn synic(&self, vcpu: u32, exit: SynicExit) {
        let Some(processor) = self.processor(vcpu) else {
            return;
        };
        let mut synic = processor.synic();
        if synic.program(&self.memory, exit) {
            processor.interrupt();
        }
        self.flush_locked(vcpu, processor, &mut synic);
    }

    fn hypercall(&self, _vcpu: u32, exit: HypercallExit) -> u64 {
        let status = match hypercall::decode(&self.memory, exit.input, exit.parameters) {
            Ok(Call::PostMessage {
                connection,
                payload,
            }) => self.post(connection, &payload),
            Ok(Call::SignalEvent { connection, flag }) => self.signal(connection, flag),
            Err(status) => {
                log::debug!("hypercall {:#x} refused: {status:?}", exit.input);
                status
            }
        };
        status as u64
    }

    fn ignores_write(&self, msr: u32) -> bool {
        // See `lazy_eoi`.
        msr == msr::VP_ASSIST_PAGE
    }

    fn crash_registers(&self) -> [u32; 5] {
        msr::CRASH_PARAMETERS
    }
}
