// SPDX-License-Identifier: GPL-2.0
//! Placing kernel, initial file system, command line and start info by the PVH boot protocol.

use std::io::Cursor;

use linux_loader::configurator::pvh::PvhBootConfigurator;
use linux_loader::configurator::{BootConfigurator, BootParams};
use linux_loader::loader::elf::start_info::{
    hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info,
};
use linux_loader::loader::elf::{Elf, PvhBootCapability};
use linux_loader::loader::KernelLoader;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use crate::memory::{Layout, EXTENDED_START};
use crate::{Error, Result};

const START_INFO: u64 = 0x6000;
const MODULE_LIST: u64 = 0x6800;
const MEMORY_MAP: u64 = 0x7000;
const COMMAND_LINE: u64 = 0x2_0000;
/// What the kernel accepts, without the terminating zero.
const COMMAND_LINE_MAX: usize = 2047;

const START_INFO_MAGIC: u32 = 0x336E_C578;
const START_INFO_VERSION: u32 = 1;
const MEMORY_TYPE_RAM: u32 = 1;
const PAGE: u64 = 4096;

/// What to boot.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// An ELF image, see [`super::kernel_elf`].
    pub kernel: &'a [u8],
    /// The initial file system, if any.
    pub initrd: Option<&'a [u8]>,
    /// The kernel's command line.
    pub cmdline: &'a str,
    /// The address of the ACPI root pointer.
    pub rsdp: u64,
}

/// Where the first virtual CPU starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The kernel's entry point.
    pub entry: u64,
    /// The start info that the kernel is handed.
    pub start_info: u64,
}

/// Puts everything that `boot` names into guest memory.
///
/// # Errors
///
/// [`Error::Kernel`] when kernel or initial file system cannot be booted with this much memory.
pub fn load(memory: &GuestMemoryMmap, layout: &Layout, boot: Boot<'_>) -> Result<Entry> {
    let mut image = Cursor::new(boot.kernel);
    let loaded = Elf::load(memory, None, &mut image, Some(GuestAddress(EXTENDED_START)))
        .map_err(|error| Error::Kernel(format!("{error} (is there enough memory?)")))?;
    let PvhBootCapability::PvhEntryPresent(entry) = loaded.pvh_boot_cap else {
        return Err(Error::Kernel(
            "it has no PVH entry point; it must be built with CONFIG_PVH".into(),
        ));
    };

    let cmdline = boot.cmdline.as_bytes();
    if cmdline.len() > COMMAND_LINE_MAX || cmdline.contains(&0) {
        return Err(Error::Kernel(format!(
            "its command line is longer than {COMMAND_LINE_MAX} bytes"
        )));
    }
    write(
        memory,
        "the command line",
        &[cmdline, &[0]].concat(),
        COMMAND_LINE,
    )?;

    let modules = match boot.initrd {
        Some(initrd) => vec![place_initrd(memory, layout, initrd, loaded.kernel_end)?],
        None => Vec::new(),
    };
    write_start_info(memory, layout, boot.rsdp, &modules)?;
    Ok(Entry {
        entry: entry.0,
        start_info: START_INFO,
    })
}

/// Puts the initial file system at the end of low memory, out of the kernel's way.
fn place_initrd(
    memory: &GuestMemoryMmap,
    layout: &Layout,
    initrd: &[u8],
    kernel_end: u64,
) -> Result<hvm_modlist_entry> {
    let size = initrd.len() as u64;
    let address = layout
        .low_end()
        .checked_sub(size)
        .map(|address| address & !(PAGE - 1))
        .filter(|address| *address >= kernel_end)
        .ok_or_else(|| {
            Error::Kernel(format!(
                "its initial file system of {} MiB does not fit into memory beside it; give the guest more memory",
                size >> 20
            ))
        })?;
    write(memory, "the initial file system", initrd, address)?;
    Ok(hvm_modlist_entry {
        paddr: address,
        size,
        ..Default::default()
    })
}

fn write_start_info(
    memory: &GuestMemoryMmap,
    layout: &Layout,
    rsdp: u64,
    modules: &[hvm_modlist_entry],
) -> Result<()> {
    let map: Vec<_> = layout
        .usable_ranges()
        .into_iter()
        .map(|range| hvm_memmap_table_entry {
            addr: range.start,
            size: range.end - range.start,
            type_: MEMORY_TYPE_RAM,
            reserved: 0,
        })
        .collect();
    // CAST: a handful of entries each.
    let info = hvm_start_info {
        magic: START_INFO_MAGIC,
        version: START_INFO_VERSION,
        nr_modules: modules.len() as u32,
        modlist_paddr: if modules.is_empty() { 0 } else { MODULE_LIST },
        cmdline_paddr: COMMAND_LINE,
        rsdp_paddr: rsdp,
        memmap_paddr: MEMORY_MAP,
        memmap_entries: map.len() as u32,
        ..Default::default()
    };
    let mut params = BootParams::new::<hvm_start_info>(&info, GuestAddress(START_INFO));
    params.set_sections::<hvm_memmap_table_entry>(&map, GuestAddress(MEMORY_MAP));
    if !modules.is_empty() {
        params.set_modules::<hvm_modlist_entry>(modules, GuestAddress(MODULE_LIST));
    }
    PvhBootConfigurator::write_bootparams(&params, memory)
        .map_err(|error| Error::Kernel(format!("cannot write the start info: {error}")))
}

fn write(memory: &GuestMemoryMmap, what: &'static str, bytes: &[u8], address: u64) -> Result<()> {
    memory
        .write_slice(bytes, GuestAddress(address))
        .map_err(|source| Error::GuestWrite { what, source })
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    const MIB: u64 = 1 << 20;

    /// A kernel of one segment at 16 MiB with a PVH note that names `entry`.
    fn elf(entry: u32, with_note: bool) -> Vec<u8> {
        let mut file = vec![0u8; 0x1000];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"\x7FELF\x02\x01\x01");
        put(16, &[2, 0, 0x3E, 0, 1]);
        put(24, &(16 * MIB).to_le_bytes());
        put(32, &64u64.to_le_bytes());
        put(52, &[64, 0, 56, 0, if with_note { 2 } else { 1 }]);
        let mut header = |at: usize, kind: u32, offset: u64, address: u64, size: u64| {
            put(at, &kind.to_le_bytes());
            for (index, field) in [offset, address, address, size, size, 4]
                .into_iter()
                .enumerate()
            {
                put(at + 8 + index * 8, &field.to_le_bytes());
            }
        };
        header(64, 1, 0x800, 16 * MIB, 16);
        header(120, 4, 0x400, 0, 20);
        put(0x400, &[4, 0, 0, 0, 4, 0, 0, 0, 18, 0, 0, 0]);
        put(0x40C, b"Xen\0");
        put(0x410, &entry.to_le_bytes());
        put(0x800, b"the kernel's text");
        file
    }

    fn boot<'a>(kernel: &'a [u8], initrd: &'a [u8]) -> Boot<'a> {
        Boot {
            kernel,
            initrd: Some(initrd),
            cmdline: "console=ttyS0 quiet",
            rsdp: 0xE_0000,
        }
    }

    #[test]
    fn everything_lands_where_the_start_info_says() {
        let layout = Layout::new(64 * MIB, MIB, 40).unwrap();
        let memory = layout.allocate().unwrap();
        let entry = load(&memory, &layout, boot(&elf(0x123_4560, true), b"initrd")).unwrap();
        assert_eq!(entry.entry, 0x123_4560);

        let u64_at = |at: u64| memory.read_obj::<u64>(GuestAddress(at)).unwrap();
        let u32_at = |at: u64| memory.read_obj::<u32>(GuestAddress(at)).unwrap();
        let info = entry.start_info;
        assert_eq!(
            (u32_at(info), u32_at(info + 4), u32_at(info + 12)),
            (0x336E_C578, 1, 1)
        );
        assert_eq!(u64_at(info + 32), 0xE_0000);

        let mut text = [0u8; 20];
        memory
            .read_slice(&mut text, GuestAddress(u64_at(info + 24)))
            .unwrap();
        assert_eq!(&text, b"console=ttyS0 quiet\0");

        let modules = u64_at(info + 16);
        let mut initrd = [0u8; 6];
        assert_eq!(u64_at(modules + 8), 6);
        memory
            .read_slice(&mut initrd, GuestAddress(u64_at(modules)))
            .unwrap();
        assert_eq!(&initrd, b"initrd");

        let map = u64_at(info + 40);
        assert_eq!(u32_at(info + 48), 3);
        assert_eq!(
            (u64_at(map + 48), u64_at(map + 56), u32_at(map + 64)),
            (MIB, 63 * MIB, 1)
        );
    }

    #[test]
    fn kernels_without_entry_and_oversized_parts_are_refused() {
        let layout = Layout::new(64 * MIB, MIB, 40).unwrap();
        let memory = layout.allocate().unwrap();
        let fail = |boot: Boot<'_>| load(&memory, &layout, boot).unwrap_err().to_string();
        assert!(fail(boot(&elf(1, false), b"")).contains("CONFIG_PVH"));
        assert!(fail(boot(&elf(1, true), &vec![0; 60 << 20])).contains("more memory"));
        let long = "x".repeat(2048);
        let kernel = elf(1, true);
        assert!(fail(Boot {
            cmdline: &long,
            ..boot(&kernel, b"")
        })
        .contains("2047"));
    }

    #[test]
    fn structures_match_the_specification() {
        let csv = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../../Documentation/spec/hyperv-layout.csv"
        ))
        .unwrap();
        macro_rules! check {
            ($type:ty, $name:literal, $($field:ident as $spec:literal),+) => {{
                $(
                    let line = format!("{},{},{},{},", $name, size_of::<$type>(), $spec, offset_of!($type, $field));
                    assert!(csv.lines().any(|row| row.starts_with(&line)), "no row {line}");
                )+
                let rows = csv.lines().filter(|row| row.starts_with(concat!($name, ","))).count();
                assert_eq!(rows, [$($spec),+].len(), "fields of {}", $name);
            }};
        }
        check!(hvm_start_info, "hvm_start_info", magic as "magic", version as "version", flags as "flags",
            nr_modules as "nr_modules", modlist_paddr as "modlist_paddr", cmdline_paddr as "cmdline_paddr",
            rsdp_paddr as "rsdp_paddr", memmap_paddr as "memmap_paddr", memmap_entries as "memmap_entries",
            reserved as "reserved");
        check!(hvm_memmap_table_entry, "hvm_memmap_entry", addr as "addr", size as "size", type_ as "type",
            reserved as "reserved");
        check!(hvm_modlist_entry, "hvm_modlist_entry", paddr as "paddr", size as "size",
            cmdline_paddr as "cmdline_paddr", reserved as "reserved");
    }
}
