// SPDX-License-Identifier: GPL-2.0
//! The DSDT: the devices of the machine that the guest cannot find by itself.

use super::aml::{self, Concurrency};
use super::Machine;
use crate::{memory, pci, power, serial};

/// Values of a notification.
const DEVICE_CHECK: u64 = 1;
const EJECT_REQUEST: u64 = 3;
/// A device that is present, enabled, shown and working.
const PRESENT: u64 = 0xF;

pub(super) fn definition_block(machine: &Machine) -> Vec<u8> {
    let off = u64::from(power::SLEEP_TYPE_OFF);
    [
        aml::name(
            "\\_S5",
            &aml::package(&[aml::integer(off), aml::integer(0)]),
        ),
        aml::scope(
            "\\_SB",
            &[vmbus(machine), pci_root(), console(), event_device()],
        ),
    ]
    .concat()
}

/// VMBus below a module device that owns the window: the guest's VMBus driver looks for windows in
/// the ancestors once it has found an empty list in the device itself.
fn vmbus(machine: &Machine) -> Vec<u8> {
    let window = &machine.window;
    let bus = aml::device(
        "VMBS",
        &[
            aml::name("_HID", &aml::string("VMBus")),
            aml::name("_UID", &aml::integer(0)),
            aml::name("_STA", &aml::integer(PRESENT)),
            aml::name("_CRS", &aml::resources(&[])),
        ],
    );
    let memory = aml::cacheable_memory_64(window.start, window.end - window.start);
    aml::device(
        "VMOD",
        &[
            aml::name("_HID", &aml::string("ACPI0004")),
            aml::name("_UID", &aml::integer(0)),
            aml::name("_STA", &aml::integer(PRESENT)),
            aml::name("_CRS", &aml::resources(&[memory])),
            bus,
        ],
    )
}

/// One PCI bus whose slots can all be ejected.
fn pci_root() -> Vec<u8> {
    let window = memory::PCI_WINDOW;
    // CAST: the window lies below 4 GiB.
    let (first, length) = (window.start as u32, (window.end - window.start) as u32);
    let mut terms = vec![
        aml::name("_HID", &aml::eisa_id("PNP0A03")),
        aml::name("_ADR", &aml::integer(0)),
        aml::name("_SEG", &aml::integer(0)),
        aml::name("_BBN", &aml::integer(0)),
        aml::name("_UID", &aml::integer(0)),
        aml::name(
            "_CRS",
            &aml::resources(&[
                aml::bus_number(0),
                aml::io_ports(pci::CONFIG_PORT, pci::CONFIG_PORT_COUNT as u8),
                aml::memory_32(first, length),
            ]),
        ),
        aml::port_fields(
            "HPR",
            pci::HOTPLUG_PORT,
            pci::HOTPLUG_PORT_COUNT,
            &["EJRQ", "INRQ", "EJEC"],
        ),
    ];
    terms.extend((1..pci::SLOTS).map(slot));
    aml::device("PCI0", &terms)
}

fn slot_name(slot: usize) -> String {
    format!("S{slot:02X}")
}

fn slot(slot: usize) -> Vec<u8> {
    let eject = aml::store(&aml::integer(1 << slot), &aml::path("EJEC"));
    aml::device(
        &slot_name(slot),
        &[
            aml::name("_ADR", &aml::integer((slot as u64) << 16)),
            aml::name("_SUN", &aml::integer(slot as u64)),
            aml::method("_EJ0", 1, Concurrency::NotSerialized, &[eject]),
        ],
    )
}

fn console() -> Vec<u8> {
    aml::device(
        "COM1",
        &[
            aml::name("_HID", &aml::eisa_id("PNP0501")),
            aml::name("_UID", &aml::integer(1)),
            aml::name(
                "_CRS",
                &aml::resources(&[
                    aml::io_ports(serial::PORT, serial::PORT_COUNT as u8),
                    aml::edge_interrupt(serial::GSI),
                ]),
            ),
        ],
    )
}

/// The generic event device: a hardware-reduced machine has no other way to tell the guest that a
/// slot changed.
fn event_device() -> Vec<u8> {
    let eject = aml::path("\\_SB.PCI0.EJRQ");
    let insert = aml::path("\\_SB.PCI0.INRQ");
    let mut terms = vec![
        aml::store(&eject, aml::LOCAL0),
        aml::store(aml::LOCAL0, &eject),
        aml::store(&insert, aml::LOCAL1),
        aml::store(aml::LOCAL1, &insert),
    ];
    for slot in 1..pci::SLOTS {
        let object = format!("\\_SB.PCI0.{}", slot_name(slot));
        let mask = 1 << slot;
        terms.push(aml::if_any_bit(
            aml::LOCAL0,
            mask,
            &[aml::notify(&object, EJECT_REQUEST)],
        ));
        terms.push(aml::if_any_bit(
            aml::LOCAL1,
            mask,
            &[aml::notify(&object, DEVICE_CHECK)],
        ));
    }
    aml::device(
        "GED",
        &[
            aml::name("_HID", &aml::string("ACPI0013")),
            aml::name("_UID", &aml::integer(0)),
            aml::name(
                "_CRS",
                &aml::resources(&[aml::edge_interrupt(pci::HOTPLUG_GSI)]),
            ),
            aml::method("_EVT", 1, Concurrency::Serialized, &terms),
        ],
    )
}
