// SPDX-License-Identifier: GPL-2.0

//! What the terminal can show: character set and width.

use std::{
    ffi::{OsStr, OsString},
    io,
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Nothing is cut where the output goes to a file or another program.
pub(crate) const UNLIMITED: usize = usize::MAX;
/// Tables are laid out for at least this width; narrower terminals wrap.
const WIDTH_MIN: usize = 80;

/// How text is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Whether anything but ASCII may be used.
    pub(crate) unicode: bool,
    /// Columns to stay within.
    pub(crate) width: usize,
}

impl Style {
    /// As the locale and the terminal behind standard output demand.
    pub(crate) fn of_environment() -> Self {
        let terminal = terminal_size::terminal_size_of(io::stdout());
        Self {
            unicode: is_utf8_locale(|name| std::env::var_os(name)),
            width: width_of(terminal.map(|(width, _)| width.0)),
        }
    }

    /// Text from elsewhere, made safe to print: no control characters, which could steer the
    /// terminal, and no characters the locale does not have.
    pub(crate) fn clean(self, text: &str) -> String {
        let shown = |c: char| match c {
            _ if c.is_control() || is_invisible(c) => '?',
            _ if !self.unicode && !c.is_ascii() => '?',
            _ => c,
        };
        text.trim().chars().map(shown).collect()
    }

    /// The text if it fits into so many columns, else its beginning and an ellipsis.
    pub(crate) fn fit(self, text: &str, columns: usize) -> String {
        if text.width() <= columns {
            return text.to_owned();
        }
        let ellipsis = if self.unicode { "…" } else { "..." };
        let room = columns.saturating_sub(ellipsis.width());
        let mut used = 0;
        let kept: String = text
            .chars()
            .take_while(|c| {
                used += c.width().unwrap_or(0);
                used <= room
            })
            .collect();
        format!("{}{ellipsis}", kept.trim_end())
    }

    /// A bar that is full at `whole`.
    pub(crate) fn bar(self, part: u64, whole: u64, columns: usize) -> String {
        let (full, empty) = if self.unicode {
            ("█", "░")
        } else {
            ("#", ".")
        };
        let share = match whole {
            0 => 0.0,
            _ => (part as f64 / whole as f64).min(1.0),
        };
        // Whatever is in use shows.
        let least = usize::from(part > 0 && whole > 0);
        let filled = ((share * columns as f64) as usize).max(least);
        full.repeat(filled) + &empty.repeat(columns - filled)
    }
}

/// The columns of tables on a terminal of so many, or on none. A terminal that knows no width, such
/// as a serial line, has none.
fn width_of(terminal: Option<u16>) -> usize {
    match terminal {
        None | Some(0) => UNLIMITED,
        Some(width) => usize::from(width).max(WIDTH_MIN),
    }
}

/// Characters that reorder or hide those beside them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Whether the locale's characters are UTF-8, by the variable that decides: the first that is set.
fn is_utf8_locale(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    let locale = locale.as_deref().and_then(OsStr::to_str).unwrap_or("C");
    let charset = locale.split_once('.').map_or("", |(_, charset)| charset);
    let charset = charset.split('@').next().unwrap_or_default();
    charset.eq_ignore_ascii_case("UTF-8") || charset.eq_ignore_ascii_case("utf8")
}

/// The text with what a terminal needs to show it in place of what it shows now. Nothing is erased
/// before it is written over, so that what stays the same does not flicker.
pub(crate) fn over_previous(text: &str) -> String {
    const HOME: &str = "\x1b[H";
    const ERASE_LINE_END: &str = "\x1b[K";
    const ERASE_BELOW: &str = "\x1b[J";

    let lines = text.replace('\n', &format!("{ERASE_LINE_END}\n"));
    format!("{HOME}{lines}{ERASE_BELOW}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_leaves_nothing_of_the_previous_one() {
        assert_eq!(
            over_previous("one\n\ntwo\n"),
            "\x1b[Hone\x1b[K\n\x1b[K\ntwo\x1b[K\n\x1b[J"
        );
        assert_eq!(over_previous(""), "\x1b[H\x1b[J");
    }

    const ASCII: Style = Style {
        unicode: false,
        width: 100,
    };
    const UNICODE: Style = Style {
        unicode: true,
        width: 100,
    };

    #[test]
    fn only_narrow_terminals_limit_tables() {
        assert_eq!(width_of(None), UNLIMITED);
        assert_eq!(width_of(Some(0)), UNLIMITED);
        assert_eq!(width_of(Some(40)), 80);
        assert_eq!(width_of(Some(200)), 200);
    }

    fn locale(variables: &[(&str, &str)]) -> bool {
        is_utf8_locale(|name| {
            let mut variables = variables.iter();
            variables.find(|(n, _)| *n == name).map(|(_, v)| v.into())
        })
    }

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        assert!(!locale(&[]));
        assert!(locale(&[("LANG", "en_US.UTF-8")]));
        assert!(locale(&[("LANG", "C.utf8")]));
        assert!(locale(&[("LANG", "de_DE.UTF-8@euro")]));
        assert!(!locale(&[("LANG", "de_DE@euro")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8")]));
        assert!(!locale(&[("LC_CTYPE", "POSIX"), ("LANG", "C.UTF-8")]));
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        assert_eq!(
            UNICODE.clean(" GPU\x1b[31m\n\u{9b}\u{202e}é "),
            "GPU?[31m???é"
        );
        assert_eq!(ASCII.clean("Gé\u{FFFD}"), "G??");
    }

    #[test]
    fn long_text_ends_in_an_ellipsis_and_fits() {
        assert_eq!(UNICODE.fit("12345", 5), "12345");
        assert_eq!(UNICODE.fit("123456", 5), "1234…");
        assert_eq!(ASCII.fit("123456", 5), "12...");
        assert_eq!(UNICODE.fit("abc def", 5), "abc…");
        // Two columns each.
        assert_eq!(UNICODE.fit("図形処理", 6), "図形…");
    }

    #[test]
    fn bars_show_any_use_and_never_overflow() {
        assert_eq!(ASCII.bar(0, 100, 4), "....");
        assert_eq!(ASCII.bar(1, 100, 4), "#...");
        assert_eq!(UNICODE.bar(50, 100, 4), "██░░");
        assert_eq!(ASCII.bar(300, 100, 4), "####");
        assert_eq!(ASCII.bar(5, 0, 4), "....");
    }
}
