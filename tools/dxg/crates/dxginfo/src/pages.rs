// SPDX-License-Identifier: GPL-2.0

//! The man page and the completions of shells, made from the command line's definition.

use crate::args::{Args, EXAMPLES, EXIT_STATUS, NOTES};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::{
    roff::{bold, roman, Roff},
    Man,
};
use std::io::{self, Write};

/// What can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Page {
    /// The man page
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

/// Writes the page.
pub(crate) fn generate(page: Page, out: &mut dyn Write) -> io::Result<()> {
    let shell = match page {
        Page::Man => return man(out),
        Page::Bash => Shell::Bash,
        Page::Zsh => Shell::Zsh,
        Page::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "dxginfo", &mut text);
    out.write_all(&text)
}

fn man(out: &mut dyn Write) -> io::Result<()> {
    let man = Man::new(Args::command());
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    let mut notes = Roff::new();
    notes.control("SH", ["NOTES"]).text([roman(NOTES)]);
    notes.to_writer(out)?;
    section("EXIT STATUS", &pairs(EXIT_STATUS), out)?;
    section("EXAMPLES", &pairs(EXAMPLES), out)?;
    man.render_version_section(out)
}

/// The lines of a list in the help: what is named, two blanks or more, and what it is.
fn pairs(list: &str) -> Vec<(&str, &str)> {
    let lines = list.lines().filter_map(|line| line.trim().split_once("  "));
    lines.map(|(name, text)| (name, text.trim())).collect()
}

fn section(title: &str, pairs: &[(&str, &str)], out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for &(name, text) in pairs {
        roff.control("TP", []);
        roff.text([bold(name)]).text([roman(text)]);
    }
    roff.to_writer(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Command;

    fn text(page: Page) -> String {
        let mut text = Vec::new();
        generate(page, &mut text).expect("memory takes all");
        String::from_utf8(text).expect("text")
    }

    #[test]
    fn the_man_page_has_all_options_and_sections() {
        let page = text(Page::Man);
        let command: Command = Args::command();
        for argument in command.get_arguments().filter(|a| !a.is_hide_set()) {
            let long = argument.get_long().expect("a long name");
            assert!(
                page.contains(&long.replace('-', "\\-")),
                "{long} in\n{page}"
            );
        }
        for heading in [
            "NAME",
            "SYNOPSIS",
            "OPTIONS",
            "NOTES",
            "EXIT STATUS",
            "EXAMPLES",
        ] {
            assert!(page.contains(heading), "{heading} in\n{page}");
        }
        assert!(
            page.contains(".TP\n\\fB3\\fR\nthere is no device"),
            "{page}"
        );
    }

    #[test]
    fn completions_know_the_options() {
        for page in [Page::Bash, Page::Zsh, Page::Fish] {
            let text = text(page);
            for option in ["processes", "adapter", "watch"] {
                assert!(text.contains(option), "{option} in {page:?}");
            }
        }
    }
}
