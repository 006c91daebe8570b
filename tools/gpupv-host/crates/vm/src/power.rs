// SPDX-License-Identifier: GPL-2.0
//! The power ports: ACPI sleep control and status, reset, and the exit status of a test.

use std::sync::Arc;

use crate::bus::BusDevice;
use crate::stop::{Stop, StopReason};

/// First port: sleep control.
pub const SLEEP_CONTROL_PORT: u16 = 0x600;
/// Sleep status.
pub const SLEEP_STATUS_PORT: u16 = 0x601;
/// Writing [`RESET_VALUE`] here resets the machine.
pub const RESET_PORT: u16 = 0x602;
/// See [`RESET_PORT`].
pub const RESET_VALUE: u8 = 1;
/// A byte written here ends the machine and becomes its exit status.
pub const TEST_EXIT_PORT: u16 = 0x604;
/// How many ports there are.
pub const PORT_COUNT: u16 = TEST_EXIT_PORT - SLEEP_CONTROL_PORT + 1;

/// The sleep type that the DSDT gives for S5.
pub const SLEEP_TYPE_OFF: u8 = 5;

const SLEEP_ENABLE: u8 = 0x20;
const SLEEP_TYPE_SHIFT: u8 = 2;
const SLEEP_TYPE_MASK: u8 = 7;
const WAKE_STATUS: u8 = 0x80;

/// The device behind the power ports.
pub struct Power {
    stop: Arc<Stop>,
}

impl Power {
    /// Ports that act on `stop`.
    pub fn new(stop: Arc<Stop>) -> Self {
        Self { stop }
    }
}

impl BusDevice for Power {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        // The guest polls for the wake status after it went to sleep; it never gets that far.
        if offset == u64::from(SLEEP_STATUS_PORT - SLEEP_CONTROL_PORT) {
            data[0] = WAKE_STATUS;
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        let [value] = *data else { return };
        let Ok(offset) = u16::try_from(offset) else {
            return;
        };
        log::debug!("power port {offset}: {value:#x}");
        match SLEEP_CONTROL_PORT + offset {
            SLEEP_CONTROL_PORT
                if value & SLEEP_ENABLE != 0
                    && (value >> SLEEP_TYPE_SHIFT) & SLEEP_TYPE_MASK == SLEEP_TYPE_OFF =>
            {
                self.stop.request(StopReason::PowerOff);
            }
            RESET_PORT if value == RESET_VALUE => self.stop.request(StopReason::Reset),
            TEST_EXIT_PORT => self.stop.request(StopReason::TestExit(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(port: u16, data: &[u8]) -> Option<StopReason> {
        let stop = Arc::new(Stop::default());
        Power::new(stop.clone()).write(u64::from(port - SLEEP_CONTROL_PORT), data);
        stop.is_requested().then(|| stop.wait())
    }

    #[test]
    fn sleep_type_5_with_the_enable_bit_is_power_off() {
        assert_eq!(
            after(SLEEP_CONTROL_PORT, &[0x34]),
            Some(StopReason::PowerOff)
        );
        assert_eq!(after(SLEEP_CONTROL_PORT, &[0x14]), None);
        assert_eq!(after(SLEEP_CONTROL_PORT, &[0x2C]), None);
    }

    #[test]
    fn reset_needs_its_value() {
        assert_eq!(after(RESET_PORT, &[1]), Some(StopReason::Reset));
        assert_eq!(after(RESET_PORT, &[0]), None);
    }

    #[test]
    fn any_byte_is_an_exit_status_but_only_a_byte() {
        assert_eq!(after(TEST_EXIT_PORT, &[0]), Some(StopReason::TestExit(0)));
        assert_eq!(
            after(TEST_EXIT_PORT, &[255]),
            Some(StopReason::TestExit(255))
        );
        assert_eq!(after(TEST_EXIT_PORT, &[1, 0]), None);
    }

    #[test]
    fn the_status_register_shows_that_the_machine_is_alive() {
        let mut data = [0u8];
        Power::new(Arc::default()).read(1, &mut data);
        assert_eq!(data, [0x80]);
    }
}
