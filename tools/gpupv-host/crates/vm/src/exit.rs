// SPDX-License-Identifier: GPL-2.0
//! Decoding why a virtual CPU left the guest.

use kvm_bindings::{
    kvm_hyperv_exit, kvm_run, KVM_EXIT_HYPERV_HCALL, KVM_EXIT_HYPERV_SYNIC,
    KVM_INTERNAL_ERROR_DELIVERY_EV,
};

/// The guest wrote one of its synthetic interrupt controller's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynicExit {
    /// The register it wrote.
    pub msr: u32,
    /// SCONTROL after the write.
    pub control: u64,
    /// SIEFP after the write.
    pub event_page: u64,
    /// SIMP after the write.
    pub message_page: u64,
}

/// The guest made a hypercall that the kernel does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HypercallExit {
    /// The control word.
    pub input: u64,
    /// The two parameters: addresses, or values of a fast call.
    pub parameters: [u64; 2],
}

/// Who gives the exits of a Hyper-V guest their meaning. Called on the threads of virtual CPUs.
pub trait Hypervisor: Send + Sync {
    /// A synthetic interrupt controller changed.
    fn synic(&self, vcpu: u32, exit: SynicExit);

    /// A hypercall; returns its result word.
    fn hypercall(&self, vcpu: u32, exit: HypercallExit) -> u64;

    /// Whether a write of a model specific register, which KVM was told to leave to user space, is
    /// without effect. Otherwise it is a fault.
    fn ignores_write(&self, msr: u32) -> bool;

    /// The registers that hold the parameters of a crash.
    fn crash_registers(&self) -> [u32; 5];
}

/// What KVM left in the Hyper-V part of the run structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HypervExit {
    Synic(SynicExit),
    Hypercall(HypercallExit),
    Unknown(u32),
}

/// Reads the Hyper-V part of `run`. To be called after an exit with that reason.
pub(crate) fn hyperv(run: &kvm_run) -> HypervExit {
    // SAFETY: `hyperv` is plain data whose bytes are all initialised, because the kernel handed the
    // whole page out zeroed; with this exit reason it is the member that the kernel filled.
    let exit: kvm_hyperv_exit = unsafe { run.__bindgen_anon_1.hyperv };
    match exit.type_ {
        KVM_EXIT_HYPERV_SYNIC => {
            // SAFETY: plain data, and the type says that this member is the valid one.
            let synic = unsafe { exit.u.synic };
            HypervExit::Synic(SynicExit {
                msr: synic.msr,
                control: synic.control,
                event_page: synic.evt_page,
                message_page: synic.msg_page,
            })
        }
        KVM_EXIT_HYPERV_HCALL => {
            // SAFETY: as above.
            let call = unsafe { exit.u.hcall };
            HypervExit::Hypercall(HypercallExit {
                input: call.input,
                parameters: call.params,
            })
        }
        other => HypervExit::Unknown(other),
    }
}

/// KVM gave up on the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InternalError {
    /// The guest left for memory without RAM while an event was delivered to it, it seems.
    pub(crate) during_delivery: bool,
    /// The whole error in words.
    pub(crate) description: String,
}

/// Reads an internal error of KVM. To be called after an exit with that reason.
pub(crate) fn internal_error(run: &kvm_run) -> InternalError {
    // SAFETY: `internal` is plain data whose bytes are all initialised, because the kernel handed the
    // whole page out zeroed; with this exit reason it is the member that the kernel filled.
    let internal = unsafe { run.__bindgen_anon_1.internal };
    let count = (internal.ndata as usize).min(internal.data.len());
    let data: Vec<_> = internal.data[..count]
        .iter()
        .map(|word| format!("{word:#x}"))
        .collect();
    InternalError {
        during_delivery: internal.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV,
        description: format!(
            "internal error {} of KVM, data [{}]",
            internal.suberror,
            data.join(", ")
        ),
    }
}

/// Writes the result of a hypercall where KVM looks for it.
pub(crate) fn complete_hypercall(run: &mut kvm_run, result: u64) {
    run.__bindgen_anon_1.hyperv.u.hcall.result = result;
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use kvm_bindings::{
        kvm_hyperv_exit__bindgen_ty_1__bindgen_ty_1 as Synic,
        kvm_hyperv_exit__bindgen_ty_1__bindgen_ty_2 as Call,
    };

    use super::*;

    #[test]
    fn members_lie_where_the_specification_says() {
        let csv = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../Documentation/spec/hyperv-layout.csv"
        ))
        .unwrap();
        let union = offset_of!(kvm_hyperv_exit, u);
        for (name, field, offset) in [
            (
                "kvm_hyperv_exit_synic",
                "type",
                offset_of!(kvm_hyperv_exit, type_),
            ),
            (
                "kvm_hyperv_exit_synic",
                "msr",
                union + offset_of!(Synic, msr),
            ),
            (
                "kvm_hyperv_exit_synic",
                "control",
                union + offset_of!(Synic, control),
            ),
            (
                "kvm_hyperv_exit_synic",
                "evt_page",
                union + offset_of!(Synic, evt_page),
            ),
            (
                "kvm_hyperv_exit_synic",
                "msg_page",
                union + offset_of!(Synic, msg_page),
            ),
            (
                "kvm_hyperv_exit_hcall",
                "input",
                union + offset_of!(Call, input),
            ),
            (
                "kvm_hyperv_exit_hcall",
                "result",
                union + offset_of!(Call, result),
            ),
            (
                "kvm_hyperv_exit_hcall",
                "params[0]",
                union + offset_of!(Call, params),
            ),
        ] {
            let row = csv
                .lines()
                .map(|line| line.split(',').collect::<Vec<_>>())
                .find(|row| row[0] == name && row[2] == field)
                .unwrap_or_else(|| panic!("no row for {name}.{field}"));
            assert_eq!(row[3].parse::<usize>().unwrap(), offset, "{name}.{field}");
        }
    }

    #[test]
    fn internal_errors_show_only_the_data_there_is() {
        let mut run = kvm_run::default();
        run.__bindgen_anon_1.internal.suberror = 3;
        run.__bindgen_anon_1.internal.ndata = 2;
        let mut data = [0; 16];
        data[1] = 0x42;
        run.__bindgen_anon_1.internal.data = data;
        let error = internal_error(&run);
        assert_eq!(
            error.description,
            "internal error 3 of KVM, data [0x0, 0x42]"
        );
        assert!(error.during_delivery);
        run.__bindgen_anon_1.internal.suberror = 1;
        run.__bindgen_anon_1.internal.ndata = u32::MAX;
        let error = internal_error(&run);
        assert_eq!(error.description.matches(',').count(), 16);
        assert!(!error.during_delivery);
    }

    #[test]
    fn both_kinds_are_decoded_and_a_result_is_stored() {
        let mut run = kvm_run::default();
        run.__bindgen_anon_1.hyperv.type_ = KVM_EXIT_HYPERV_HCALL;
        run.__bindgen_anon_1.hyperv.u.hcall = Call {
            input: 0x5C,
            result: 0,
            params: [7, 8],
        };
        assert_eq!(
            hyperv(&run),
            HypervExit::Hypercall(HypercallExit {
                input: 0x5C,
                parameters: [7, 8]
            })
        );
        complete_hypercall(&mut run, 0x12);
        // SAFETY: the member was set above.
        assert_eq!(unsafe { run.__bindgen_anon_1.hyperv.u.hcall.result }, 0x12);

        run.__bindgen_anon_1.hyperv.type_ = KVM_EXIT_HYPERV_SYNIC;
        run.__bindgen_anon_1.hyperv.u.synic = Synic {
            msr: 0x4000_0083,
            control: 1,
            evt_page: 2,
            msg_page: 3,
            ..Default::default()
        };
        assert_eq!(
            hyperv(&run),
            HypervExit::Synic(SynicExit {
                msr: 0x4000_0083,
                control: 1,
                event_page: 2,
                message_page: 3
            })
        );

        run.__bindgen_anon_1.hyperv.type_ = 3;
        assert_eq!(hyperv(&run), HypervExit::Unknown(3));
    }
}
