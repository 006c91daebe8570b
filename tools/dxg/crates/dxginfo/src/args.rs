// SPDX-License-Identifier: GPL-2.0

//! The command line.

use crate::pages::Page;
use clap::Parser;
use dxg::Selector;
use std::path::PathBuf;

/// What the numbers are, for the help and the man page.
pub(crate) const NOTES: &str = "\
A query that the host does not answer shows as - in tables and as null in JSON; --verbose and
JSON list these queries. Memory budgets are those of this process. How busy an engine is, is what
it did between two looks: 200 ms at first, then the period of --watch.";

/// What the exit statuses mean, for the help and the man page.
pub(crate) const EXIT_STATUS: &str = "
  0  the adapters were shown, if there are any
  1  the driver failed, or there is no such adapter
  2  the command line is wrong
  3  there is no device: the dxgkrnl module is not loaded
  4  the module has no GPU host to talk to
  5  the device may not be opened";

/// For the help and the man page.
pub(crate) const EXAMPLES: &str = "
  dxginfo                   each adapter on a line
  dxginfo -a compute-only   only those that render nothing
  dxginfo -a nvidia -v      all about the adapters of one maker
  dxginfo -p -w             who uses them and how much, every two seconds";

/// Shows the paravirtual GPU adapters of this machine
///
/// These are the GPUs and NPUs that a Windows host shares with this virtual machine through
/// /dev/dxg. Without options each has a line: name, LUID, kind, PCI ID, memory, how busy its
/// busiest engine is, and the version of its driver on the host.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = format!("{NOTES}\n\nExamples:{EXAMPLES}\n\nExit status:{EXIT_STATUS}"),
)]
pub(crate) struct Args {
    /// Print everything as JSON, sizes in bytes
    #[arg(long)]
    pub(crate) json: bool,

    /// Show memory budgets, engines and features, too
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// Show the processes that have an adapter open, too
    #[arg(short, long)]
    pub(crate) processes: bool,

    /// Show only the adapter with this LUID, or those of a kind (render, compute-only) or with
    /// this in their name
    #[arg(short, long, value_name = "LUID|KIND|NAME")]
    pub(crate) adapter: Option<Selector>,

    /// Repeat every SECONDS until interrupted; with --json one document a line
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=86400)
    )]
    pub(crate) watch: Option<u64>,

    /// The device node
    #[arg(long, value_name = "PATH", default_value = dxg::DEVICE_PATH)]
    pub(crate) device: PathBuf,

    /// Print the man page or a shell's completions, and nothing else
    #[arg(long, value_enum, value_name = "PAGE", exclusive = true)]
    pub(crate) generate: Option<Page>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn watching_takes_an_optional_period() {
        let watch = |words: &[&str]| {
            let words = ["dxginfo"].iter().chain(words);
            Args::try_parse_from(words).map(|args| args.watch)
        };
        assert_eq!(watch(&[]).unwrap(), None);
        assert_eq!(watch(&["--watch"]).unwrap(), Some(2));
        assert_eq!(watch(&["--watch", "5"]).unwrap(), Some(5));
        assert!(watch(&["--watch", "0"]).is_err());
    }

    #[test]
    fn pages_stand_alone() {
        let parse = |words: &[&str]| Args::try_parse_from(["dxginfo"].iter().chain(words));
        let args = parse(&["--generate", "man"]).unwrap();
        assert_eq!(args.generate, Some(Page::Man));
        assert!(parse(&["--generate", "man", "--json"]).is_err());
        assert!(parse(&["--generate", "html"]).is_err());
    }
}
