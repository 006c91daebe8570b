// SPDX-License-Identifier: GPL-2.0

//! Engines: the parts of an adapter that take work side by side.

use crate::{text::from_utf16_field, uapi::query::NodeMetadata};
use std::fmt;

/// One engine of an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Its number, as contexts name it.
    pub ordinal: u16,
    /// What it is made for.
    pub kind: EngineKind,
    /// The name the host's driver gives it, often empty.
    pub name: String,
    /// Whether it translates GPU virtual addresses.
    pub gpu_mmu: bool,
    /// Whether it uses the system's IOMMU.
    pub io_mmu: bool,
}

impl Engine {
    pub(crate) fn new(ordinal: u16, answer: &NodeMetadata) -> Self {
        Self {
            ordinal,
            kind: EngineKind(answer.engine_type),
            name: from_utf16_field(&answer.friendly_name),
            gpu_mmu: answer.gpu_mmu != 0,
            io_mmu: answer.io_mmu != 0,
        }
    }
}

/// What an engine is made for: a number of `DXGK_ENGINE_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EngineKind(pub u32);

impl EngineKind {
    /// The name of the kind, `None` if this library knows none.
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 10] = [
            "other",
            "3D",
            "video decode",
            "video encode",
            "video processing",
            "scene assembly",
            "copy",
            "overlay",
            "crypto",
            "video codec",
        ];
        NAMES.get(usize::try_from(self.0).ok()?).copied()
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("kind {}", self.0)),
        }
    }
}
