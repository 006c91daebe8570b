// SPDX-License-Identifier: GPL-2.0
//! The threads of the virtual CPUs: enter the guest, answer why it came back, until the machine stops.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use kvm_bindings::{kvm_msr_entry, Msrs, KVM_SYSTEM_EVENT_CRASH};
use kvm_ioctls::{VcpuExit, VcpuFd};
use vmm_sys_util::signal::{register_signal_handler, Killable, SIGRTMIN};

use crate::bus::Bus;
use crate::exit::{self, HypervExit, Hypervisor};
use crate::stop::{Stop, StopReason};
use crate::{Error, Result};

/// What the virtual CPUs of a machine share.
#[derive(Clone)]
pub struct Environment {
    /// The I/O ports.
    pub ports: Arc<Bus>,
    /// The registers in memory.
    pub mmio: Arc<Bus>,
    /// The meaning of Hyper-V exits.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// The machine's end.
    pub stop: Arc<Stop>,
}

/// The running virtual CPUs.
pub struct Threads {
    handles: Vec<JoinHandle<()>>,
}

/// How long to wait for a thread before it is signalled again.
const KICK_INTERVAL: Duration = Duration::from_millis(2);

/// The signal that makes a virtual CPU leave the guest.
fn kick_signal() -> i32 {
    SIGRTMIN()
}

extern "C" fn on_kick(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

impl Threads {
    /// Starts all virtual CPUs.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when a thread cannot be started. The machine is stopped then.
    pub fn start(vcpus: Vec<VcpuFd>, environment: &Environment) -> Result<Self> {
        // The handler does nothing: the signal's work is to interrupt KVM_RUN.
        register_signal_handler(kick_signal(), on_kick).map_err(|error| Error::Io {
            what: "cannot register a signal handler",
            source: error.into(),
        })?;
        let mut threads = Self {
            handles: Vec::new(),
        };
        for (index, vcpu) in (0u32..).zip(vcpus) {
            let runner = Runner {
                vcpu,
                index,
                environment: environment.clone(),
                failed_deliveries: 0,
            };
            let spawned = std::thread::Builder::new()
                .name(format!("vcpu {index}"))
                .spawn(move || runner.run());
            match spawned {
                Ok(handle) => threads.handles.push(handle),
                Err(source) => {
                    environment.stop.request(StopReason::VcpuError {
                        vcpu: index,
                        message: "its thread could not be started".into(),
                    });
                    threads.join();
                    return Err(Error::Io {
                        what: "cannot start the thread of a virtual CPU",
                        source,
                    });
                }
            }
        }
        Ok(threads)
    }

    /// Waits until all virtual CPUs have left the guest for good. To be called once the machine has
    /// been stopped.
    pub fn join(self) {
        for handle in self.handles {
            // A signal that comes between the test of the stop flag and KVM_RUN is lost. Repeating
            // it until the thread is gone closes that gap.
            while !handle.is_finished() {
                // It fails only for a thread that has just ended.
                let _ = handle.kill(kick_signal());
                std::thread::sleep(KICK_INTERVAL);
            }
            if handle.join().is_err() {
                log::error!("the thread of a virtual CPU panicked");
            }
        }
    }
}

struct Runner {
    vcpu: VcpuFd,
    index: u32,
    environment: Environment,
    /// How often in a row KVM failed to deliver an event.
    failed_deliveries: u32,
}

/// How often in a row a failed delivery is tried again.
const DELIVERY_TRIES: u32 = 100;

/// What is left to do once the exit's data is no longer borrowed.
enum Then {
    Continue,
    Hyperv,
    Crash,
    TripleFault,
    InternalError,
    Fail(String),
}

impl Runner {
    fn run(mut self) {
        let stop = self.environment.stop.clone();
        // A panic on this thread must not leave a machine behind that runs without it.
        let guard = StopOnPanic(&stop, self.index);
        while !stop.is_requested() {
            let then = self.enter();
            if let Some(reason) = self.handle(then) {
                stop.request(reason);
            }
        }
        if stop.wait() == StopReason::TimedOut {
            // Where a guest hangs is the first thing one wants to know.
            log::info!("virtual CPU {} was at: {}", self.index, self.registers());
        }
        std::mem::forget(guard);
    }

    fn enter(&mut self) -> Then {
        let environment = &self.environment;
        match self.vcpu.run() {
            Ok(VcpuExit::IoIn(port, data)) => environment.ports.read(u64::from(port), data),
            Ok(VcpuExit::IoOut(port, data)) => environment.ports.write(u64::from(port), data),
            Ok(VcpuExit::MmioRead(address, data)) => environment.mmio.read(address, data),
            Ok(VcpuExit::MmioWrite(address, data)) => environment.mmio.write(address, data),
            Ok(VcpuExit::X86Wrmsr(exit)) => {
                *exit.error = u8::from(!environment.hypervisor.ignores_write(exit.index));
            }
            Ok(VcpuExit::Hyperv) => return Then::Hyperv,
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_CRASH, _)) => return Then::Crash,
            Ok(VcpuExit::Shutdown) => return Then::TripleFault,
            Ok(VcpuExit::Intr) => {}
            Ok(VcpuExit::FailEntry(reason, _)) => {
                return Then::Fail(format!(
                    "the CPU refuses to enter the guest, reason {reason:#x}"
                ));
            }
            Ok(VcpuExit::InternalError) => return Then::InternalError,
            Ok(VcpuExit::SystemEvent(kind, _)) => {
                return Then::Fail(format!("system event {kind}"))
            }
            Ok(other) => return Then::Fail(format!("unexpected exit {other:?}")),
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {}
            Err(error) => return Then::Fail(error.to_string()),
        }
        Then::Continue
    }

    fn handle(&mut self, then: Then) -> Option<StopReason> {
        if !matches!(then, Then::InternalError) {
            self.failed_deliveries = 0;
        }
        match then {
            Then::Continue => None,
            Then::Hyperv => self.hyperv(),
            Then::Crash => self.crash(),
            Then::TripleFault => Some(StopReason::TripleFault {
                vcpu: self.index,
                registers: self.registers(),
            }),
            Then::InternalError => self.internal_error(),
            Then::Fail(message) => Some(self.error(&message)),
        }
    }

    fn hyperv(&mut self) -> Option<StopReason> {
        let hypervisor = &self.environment.hypervisor;
        match exit::hyperv(self.vcpu.get_kvm_run()) {
            HypervExit::Synic(exit) => hypervisor.synic(self.index, exit),
            HypervExit::Hypercall(call) => {
                let result = hypervisor.hypercall(self.index, call);
                exit::complete_hypercall(self.vcpu.get_kvm_run(), result);
            }
            HypervExit::Unknown(kind) => {
                return Some(self.error(&format!("Hyper-V exit of type {kind}")))
            }
        }
        None
    }

    /// Emulated CPUs sometimes claim that an event was being delivered when the guest touched memory
    /// without RAM, though it was an ordinary access. KVM refuses to go on then, but keeps the event
    /// for the next entry, so it is enough to enter again. A guest that really has its stack where
    /// there is no RAM fails every time.
    fn internal_error(&mut self) -> Option<StopReason> {
        let error = exit::internal_error(self.vcpu.get_kvm_run());
        if error.during_delivery && self.failed_deliveries < DELIVERY_TRIES {
            self.failed_deliveries += 1;
            log::debug!(
                "virtual CPU {} is entered again: {}",
                self.index,
                error.description
            );
            return None;
        }
        Some(self.error(&error.description))
    }

    /// The guest wrote its crash control register: reads the parameters it left.
    fn crash(&self) -> Option<StopReason> {
        let entries = self
            .environment
            .hypervisor
            .crash_registers()
            .map(|index| kvm_msr_entry {
                index,
                ..Default::default()
            });
        let Ok(mut msrs) = Msrs::from_entries(&entries) else {
            return Some(self.error("too many crash registers"));
        };
        match self.vcpu.get_msrs(&mut msrs) {
            Ok(read) if read == entries.len() => {
                let mut parameters = [0; 5];
                for (parameter, entry) in parameters.iter_mut().zip(msrs.as_slice()) {
                    *parameter = entry.data;
                }
                self.environment.stop.crashed(parameters);
                None
            }
            _ => Some(self.error("the guest crashed, but its crash registers cannot be read")),
        }
    }

    fn error(&self, message: &str) -> StopReason {
        StopReason::VcpuError {
            vcpu: self.index,
            message: format!("{message}; {}", self.registers()),
        }
    }

    /// The registers that tell where the guest was.
    fn registers(&self) -> String {
        match (self.vcpu.get_regs(), self.vcpu.get_sregs()) {
            (Ok(regs), Ok(sregs)) => format!(
                "rip {:#x} rsp {:#x} rax {:#x} rflags {:#x} cr0 {:#x} cr2 {:#x} cr3 {:#x} cr4 {:#x} efer {:#x}",
                regs.rip, regs.rsp, regs.rax, regs.rflags, sregs.cr0, sregs.cr2, sregs.cr3, sregs.cr4, sregs.efer
            ),
            _ => "its registers cannot be read".into(),
        }
    }
}

struct StopOnPanic<'a>(&'a Stop, u32);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        self.0.request(StopReason::VcpuError {
            vcpu: self.1,
            message: "its thread panicked".into(),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_kick_interrupts_a_blocked_thread() {
        register_signal_handler(kick_signal(), on_kick).unwrap();
        let (sender, receiver) = channel();
        let handle = std::thread::spawn(move || {
            // Sleeping in poll without a file, as a stand-in for the guest.
            let mut none = [];
            // SAFETY: the array is valid for its length of zero.
            let result = unsafe { libc::poll(none.as_mut_ptr(), 0, -1) };
            sender
                .send((result, std::io::Error::last_os_error().raw_os_error()))
                .unwrap();
        });
        Threads {
            handles: vec![handle],
        }
        .join();
        assert_eq!(receiver.recv().unwrap(), (-1, Some(libc::EINTR)));
    }
}
