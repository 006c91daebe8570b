// SPDX-License-Identifier: GPL-2.0
//! The real-time clock of a PC, for its date: the guest reads it once while it boots.
//!
//! It is read only and has no alarm and no interrupt, and ACPI says that there is none, so that the
//! guest starts no driver. But the kernel asks for the date all the same, and without an answer it
//! polls for a second of guest time, which is many when each access leaves the guest.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bus::BusDevice;

/// First port: the index.
pub const PORT: u16 = 0x70;
/// How many ports there are.
pub const PORT_COUNT: u16 = 2;
/// The register of the century, for the FADT.
pub const CENTURY_REGISTER: u8 = 0x32;

const INDEX: u64 = 0;
const DATA: u64 = 1;
/// The highest bit of the index is the mask of the non-maskable interrupt.
const INDEX_MASK: u8 = 0x7F;

const DIVIDER_32768_HZ: u8 = 0x20;
const MODE_24_HOURS: u8 = 2;
const VALID: u8 = 0x80;

const DAY: u64 = 86_400;

/// The device behind the ports.
#[derive(Default)]
pub struct Rtc {
    index: u8,
}

/// A date and time of day, in UTC.
#[derive(Debug, PartialEq, Eq)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
    /// Sunday is 1.
    weekday: u64,
    seconds: u64,
}

impl Date {
    fn new(since_epoch: u64) -> Self {
        let days = since_epoch / DAY;
        // Counted from the first of March of year 0, so that the leap day is the last of its year.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: era * 400 + year_of_era + u64::from(month <= 2),
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            // The epoch was a Thursday.
            weekday: (days + 4) % 7 + 1,
            seconds: since_epoch % DAY,
        }
    }

    /// A register, two decimal digits in its two halves.
    fn register(&self, index: u8) -> u8 {
        let value = match index {
            0x00 => self.seconds % 60,
            0x02 => self.seconds / 60 % 60,
            0x04 => self.seconds / 3_600,
            0x06 => self.weekday,
            0x07 => self.day,
            0x08 => self.month,
            0x09 => self.year % 100,
            CENTURY_REGISTER => self.year / 100,
            0x0A => return DIVIDER_32768_HZ,
            0x0B => return MODE_24_HOURS,
            0x0D => return VALID,
            _ => return 0,
        };
        // CAST: all of them are below 100 until the year 10000.
        (((value / 10 % 10) << 4) | (value % 10)) as u8
    }
}

impl BusDevice for Rtc {
    fn read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(0xFF);
        if let (DATA, [value]) = (offset, data) {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            *value = Date::new(now.as_secs()).register(self.index);
        }
    }

    fn write(&mut self, offset: u64, data: &[u8]) {
        if let (INDEX, [index]) = (offset, data) {
            self.index = index & INDEX_MASK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, (year, month, day), weekday) in [
            (0, (1970, 1, 1), 5),
            (951_782_400, (2000, 2, 29), 3),
            (951_868_800, (2000, 3, 1), 4),
            (1_735_689_599, (2024, 12, 31), 3),
            (1_735_689_600, (2025, 1, 1), 4),
            (4_107_542_400, (2100, 3, 1), 2),
        ] {
            let date = Date::new(seconds);
            assert_eq!(
                (date.year, date.month, date.day, date.weekday),
                (year, month, day, weekday)
            );
        }
    }

    #[test]
    fn registers_are_decimal() {
        // 2024-12-31 23:59:58.
        let date = Date::new(1_735_689_598);
        let registers = [0u8, 2, 4, 6, 7, 8, 9, 0x32].map(|index| date.register(index));
        assert_eq!(registers, [0x58, 0x59, 0x23, 0x03, 0x31, 0x12, 0x24, 0x20]);
    }

    #[test]
    fn the_clock_is_valid_and_never_in_the_middle_of_an_update() {
        let mut rtc = Rtc::default();
        let mut read = |index: u8| {
            rtc.write(INDEX, &[index | 0x80]);
            let mut data = [0u8];
            rtc.read(DATA, &mut data);
            data[0]
        };
        assert_eq!(read(0x0A) & 0x80, 0);
        assert_eq!(read(0x0D), 0x80);
        assert!(read(0x09) >= 0x24, "the host's year");
    }
}
