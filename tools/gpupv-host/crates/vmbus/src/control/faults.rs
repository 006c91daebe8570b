// SPDX-License-Identifier: GPL-2.0
//! What the guest did wrong.

use std::collections::BTreeMap;

/// How many violations are kept as text. The count goes on.
const KEPT: usize = 100;

/// A record of violations and of messages without meaning.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The first violations, in words.
    pub texts: Vec<String>,
    /// How many there were.
    pub count: u64,
    /// Unknown message types, and how often each came.
    pub unknown: BTreeMap<u32, u64>,
}

impl Faults {
    pub(super) fn violation(&mut self, text: String) {
        log::warn!("VMBus: {text}");
        self.count += 1;
        if self.texts.len() < KEPT {
            self.texts.push(text);
        }
    }

    pub(super) fn unknown(&mut self, number: u32) {
        // A guest can invent any number of types; do not keep a counter for each.
        if self.unknown.len() >= KEPT && !self.unknown.contains_key(&number) {
            return self.violation(format!("unknown channel message {number}"));
        }
        let times = self.unknown.entry(number).or_default();
        if *times == 0 {
            log::warn!("VMBus: unknown channel message {number}");
        }
        *times += 1;
    }
}
