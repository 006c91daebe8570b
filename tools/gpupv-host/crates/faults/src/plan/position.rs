// SPDX-License-Identifier: GPL-2.0
//! Lines and columns of a text.

use super::PlanError;

/// An error at the byte `at` of `text`.
pub(super) fn error(text: &str, at: usize, message: String) -> PlanError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    PlanError {
        line,
        column: before[start..].chars().count() + 1,
        message,
    }
}
