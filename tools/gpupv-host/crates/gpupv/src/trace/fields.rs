// SPDX-License-Identifier: GPL-2.0
//! The fields of a message by their names in the specification.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::wire::message::{Field, Layout};
use crate::wire::{self, read_padded, CreateSyncObject};

/// How much of what has no fields is shown.
const SHOWN: usize = 64;

/// What is in a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(u64),
    /// The beginning of something else, in hexadecimal.
    Bytes(String),
}

impl Value {
    fn of(bytes: &[u8]) -> Self {
        if let 1..=8 = bytes.len() {
            let mut number = [0; 8];
            number[..bytes.len()].copy_from_slice(bytes);
            return Self::Number(u64::from_le_bytes(number));
        }
        let end = bytes
            .iter()
            .rposition(|&byte| byte != 0)
            .map_or(0, |n| n + 1);
        let shown = &bytes[..end.min(SHOWN)];
        let more = if end > SHOWN { ".." } else { "" };
        let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('?');
        let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 0xF)];
        let text: String = shown.iter().flat_map(digits).collect();
        Self::Bytes(text + more)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:#x}"),
            Self::Bytes(text) => write!(f, "[{text}]"),
        }
    }
}

/// Fields in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(pub Vec<(&'static str, Value)>);

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str(" {")?;
        for (n, (name, value)) in self.0.iter().enumerate() {
            let before = if n == 0 { "" } else { ", " };
            write!(f, "{before}{name} {value}")?;
        }
        f.write_str("}")
    }
}

impl Fields {
    /// The fields of a message. What follows them is "tail".
    pub(super) fn new(layout: Option<&Layout>, bytes: &[u8], skipped: usize) -> Self {
        let mut fields = Vec::new();
        let mut end = skipped;
        for field in layout.into_iter().flat_map(|layout| layout.fields) {
            let Some(content) = bytes.get(field.offset..field.offset + field.size) else {
                break;
            };
            // The first byte of data that go on.
            if is_data(field) {
                break;
            }
            end = field.offset + field.size;
            if field.offset < skipped || is_padding(field) {
                continue;
            }
            if layout.is_some_and(is_sync_object) && field.name == "info" {
                sync_info(bytes, &mut fields);
                continue;
            }
            fields.push((field.name, Value::of(content)));
        }
        if let Some(rest) = bytes.get(end..).filter(|rest| rest.iter().any(|&b| b != 0)) {
            fields.push(("tail", Value::of(rest)));
        }
        Self(fields)
    }

    /// The number in a field.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.0
            .iter()
            .find_map(|(field, value)| match (*field == name, value) {
                (true, Value::Number(number)) => Some(*number),
                _ => None,
            })
    }
}

fn is_padding(field: &Field) -> bool {
    field.name.starts_with("padding")
}

fn is_data(field: &Field) -> bool {
    field.name == "priv_drv_data" && field.size == 1 || field.name == "private_data"
}

fn is_sync_object(layout: &Layout) -> bool {
    layout.name == "dxgkvmb_command_createsyncobject"
}

/// What a new sync object shall be: its type says which fields there are.
fn sync_info(bytes: &[u8], fields: &mut Vec<(&'static str, Value)>) {
    let request: CreateSyncObject = read_padded(bytes);
    let info = request.info();
    fields.push(("type", Value::Number(info.kind().into())));
    fields.push(("flags", Value::Number(info.flags().into())));
    let (words, longs): (&[_], &[_]) = match info.kind() {
        1 => (&[("initial_state", 0)], &[]),
        2 => (&[("max_count", 0), ("initial_count", 4)], &[]),
        3 => (&[], &[("fence_value", 0)]),
        4 => (&[], &[("event", 0)]),
        5 => (&[("engine_affinity", 24)], &[("initial_fence_value", 0)]),
        6 => (
            &[("vidpn_target_id", 4), ("engine_affinity", 32)],
            &[("time", 8)],
        ),
        _ => (&[], &[]),
    };
    for &(name, at) in words {
        fields.push((name, Value::Number(info.word(at).into())));
    }
    for &(name, at) in longs {
        fields.push((name, Value::Number(info.long(at))));
    }
}

/// The layouts of a command and of its answer.
pub(super) fn layouts(command: &str) -> (Option<&'static Layout>, Option<&'static Layout>) {
    let name = match command {
        "SETCONTEXTSCHEDULINGPRIORITY" => "setcontextschedulingpriority2".to_owned(),
        "DDIGETSTANDARDALLOCATIONDRIVERDATA" => "getstandardallocprivdata".to_owned(),
        "ISFEATUREENABLED_GLOBAL" => "isfeatureenabled".to_owned(),
        other => other.to_lowercase(),
    };
    let request = format!("dxgkvmb_command_{name}");
    let reply = match command {
        // The same struct comes back.
        "CREATECONTEXTVIRTUAL" | "CREATEHWQUEUE" => request.clone(),
        _ => format!("{request}_return"),
    };
    let find = |name: &str| wire::all_layouts().find(|layout| layout.name == name);
    (find(&request), find(&reply))
}
