// SPDX-License-Identifier: GPL-2.0

//! The command line.

use clap::Parser;
use dxg::Luid;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
A query that the host does not answer shows as - in tables and as null in JSON; --verbose and
JSON list these queries. Memory budgets are those of this process.

Exit status:
  0  the adapters were shown, if there are any
  1  the driver failed, or there is no such adapter
  2  the command line is wrong
  3  there is no device: the dxgkrnl module is not loaded
  4  the module has no GPU host to talk to
  5  the device may not be opened";

/// Shows the paravirtual GPU adapters of this machine.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
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

    /// Show one adapter only, by its LUID as in the table
    #[arg(short, long, value_name = "LUID")]
    pub(crate) adapter: Option<Luid>,

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
    fn adapters_are_named_by_luid() {
        let args = Args::try_parse_from(["dxginfo", "-a", "0:1f"]).unwrap();
        assert_eq!(args.adapter, Some(Luid { a: 0x1F, b: 0 }));
        let error = Args::try_parse_from(["dxginfo", "-a", "first"]).unwrap_err();
        assert!(error.to_string().contains("is not a LUID"), "{error}");
    }
}
