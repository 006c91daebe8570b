// SPDX-License-Identifier: GPL-2.0
//! Running nested: an emulated machine that has what this one lacks, with this program inside.
//!
//! QEMU's emulation of an AMD CPU includes the extensions for virtual machines, so a kernel in there
//! has a KVM that can serve Hyper-V guests. Its initial file system is built here and holds nothing
//! but this program, the modules of KVM, and the guest's files. Three serial lines lead out: the outer
//! kernel's console, the guest's console, and the [`link`] with the program inside.

mod archive;
pub(crate) mod init;
mod link;
mod modules;
mod qemu;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use vm::boot::kernel_elf;

use crate::config::GuestConfig;
use crate::event_loop::{Run, Streams};
use crate::gpus::GpuPlan;
use archive::Archive;

/// What the emulated machine boots.
pub(crate) struct OuterMachine<'a> {
    pub(crate) kernel: &'a Path,
    pub(crate) modules: &'a Path,
}

/// Names in the initial file system of the emulated machine.
mod name {
    pub(super) const CONFIG: &str = "config.json";
    pub(super) const KERNEL: &str = "kernel";
    pub(super) const INITRD: &str = "initrd";
    pub(super) const MODULES: &str = "modules";
}

/// Starts the emulated machine and the guest in it.
///
/// # Errors
///
/// A sentence that says what is missing.
pub(crate) fn start(
    outer: &OuterMachine<'_>,
    config: &GuestConfig,
    kernel: &[u8],
    initrd: Option<&[u8]>,
    streams: Streams,
) -> Result<Box<dyn Run>, String> {
    // Inside, there are no libraries, and the failure would be hard to understand.
    if !cfg!(target_feature = "crt-static") {
        return Err(
            "this program is not linked statically, so it cannot run nested; build it with \
                    RUSTFLAGS='-C target-feature=+crt-static'"
                .into(),
        );
    }
    // A mistake on the command line is found before anything is started.
    GpuPlan::new(config)?;
    let begin = Instant::now();
    // Everything is unpacked out here, because in there it would take many times as long.
    let kernel = kernel_elf(kernel).map_err(|error| error.to_string())?;
    let outer_kernel = fs::read(outer.kernel).map_err(|error| {
        format!(
            "cannot read the outer kernel {}: {error}",
            outer.kernel.display()
        )
    })?;
    let outer_kernel =
        kernel_elf(&outer_kernel).map_err(|error| format!("the outer kernel: {error}"))?;
    let modules = modules::read(outer.modules)?;
    let image = archive(config, &kernel, initrd, &modules)
        .map_err(|error| format!("cannot build the outer file system: {error}"))?;
    log::debug!(
        "the outer file system of {} MiB is ready after {:.1} s",
        image.len() >> 20,
        begin.elapsed().as_secs_f64()
    );
    let machine = qemu::Machine {
        kernel: &outer_kernel,
        initrd: &image,
        cpus: config.cpus,
        guest_memory: config.memory,
        io_space: u64::from(config.io_space_mib) << 20,
    };
    Ok(Box::new(machine.start(streams)?))
}

fn archive(
    config: &GuestConfig,
    kernel: &[u8],
    initrd: Option<&[u8]>,
    modules: &[modules::Module],
) -> std::io::Result<Vec<u8>> {
    let mut archive = Archive::new(Vec::new());
    for directory in ["dev", "proc", "sys", name::MODULES] {
        archive.directory(directory)?;
    }
    // Before /dev is mounted, a program without these two cannot even start.
    archive.character_device("dev/console", 5, 1)?;
    archive.character_device("dev/null", 1, 3)?;
    archive.file("init", 0o755, &fs::read("/proc/self/exe")?)?;
    archive.file(name::CONFIG, 0o644, &serde_json::to_vec(config)?)?;
    for (index, module) in modules.iter().enumerate() {
        archive.file(
            &format!("{}/{index:03}-{}", name::MODULES, module.name),
            0o644,
            &module.image,
        )?;
    }
    archive.file(name::KERNEL, 0o644, kernel)?;
    if let Some(initrd) = initrd {
        archive.file(name::INITRD, 0o644, initrd)?;
    }
    let mut image = archive.finish()?;
    image.flush()?;
    Ok(image)
}
