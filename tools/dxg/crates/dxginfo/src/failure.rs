// SPDX-License-Identifier: GPL-2.0

//! How the program fails.

use dxg::{Error, OpenFailure};
use std::{fmt, io, process::ExitCode};

/// Why there is nothing to show.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver or the device.
    Dxg(Error),
    /// Standard output.
    Output(io::Error),
}

impl Failure {
    /// The exit status, as `--help` lists it.
    fn status(&self) -> u8 {
        match self {
            Self::Dxg(Error::Open { reason, .. }) => match reason {
                OpenFailure::NoNode | OpenFailure::NoDriver => 3,
                OpenFailure::NoHost => 4,
                OpenFailure::Denied => 5,
                _ => 1,
            },
            _ => 1,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        self.status().into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Dxg(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The sentence tells what to do; where it cannot, the system's own words help.
            Self::Dxg(
                error @ Error::Open {
                    reason: OpenFailure::Other,
                    source: Some(source),
                    ..
                },
            ) => write!(f, "{error}: {source}"),
            Self::Dxg(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot write the output: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(reason: OpenFailure) -> Failure {
        Failure::Dxg(Error::Open {
            path: "/dev/dxg".into(),
            reason,
            source: Some(io::Error::from(io::ErrorKind::ResourceBusy)),
        })
    }

    #[test]
    fn each_reason_has_its_status_and_says_what_to_do() {
        for (reason, status, words) in [
            (OpenFailure::NoNode, 3, "modprobe dxgkrnl"),
            (OpenFailure::NoDriver, 3, "modprobe dxgkrnl"),
            (OpenFailure::NoHost, 4, "the host has assigned it no GPU"),
            (OpenFailure::Denied, 5, "permission denied"),
            (OpenFailure::NotADevice, 1, "not a character device"),
            (OpenFailure::Other, 1, "resource busy"),
        ] {
            let failure = open(reason);
            assert_eq!(failure.status(), status, "{reason:?}");
            let text = failure.to_string();
            assert!(text.starts_with("cannot open /dev/dxg: "), "{text}");
            assert!(text.contains(words), "{text}");
        }
    }
}
