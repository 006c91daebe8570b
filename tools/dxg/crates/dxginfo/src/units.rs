// SPDX-License-Identifier: GPL-2.0

//! Sizes as people read them.

/// A number of bytes with one digit behind the point, in the largest unit that keeps it above 1.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    // 1023.95 would be rounded to 1024.0.
    while value >= 1023.95 {
        let Some(next) = units.next() else { break };
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A share in percent, without digits behind the point; what is more than nothing shows.
pub(crate) fn percent(share: f64) -> String {
    if share > 0.0 && share < 1.0 {
        return "<1%".to_owned();
    }
    format!("{share:.0}%")
}

#[cfg(test)]
mod tests {
    use super::{bytes, percent};

    #[test]
    fn any_work_shows() {
        for (share, text) in [
            (0.0, "0%"),
            (0.01, "<1%"),
            (0.99, "<1%"),
            (1.0, "1%"),
            (49.6, "50%"),
            (100.0, "100%"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn units_change_where_the_rounded_number_does() {
        const GIB: u64 = 1 << 30;
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1 << 20, "1.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"),
            ((1 << 20) - (60 << 10), "964.0 KiB"),
            (3 * GIB / 2, "1.5 GiB"),
            (1024 * GIB, "1.0 TiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
    }
}
