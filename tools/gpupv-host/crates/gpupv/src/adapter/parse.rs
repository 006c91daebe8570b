// SPDX-License-Identifier: GPL-2.0
//! An adapter description in one line: `kind=render,memory=4G,engines=3d:1+copy:2`.
//!
//! `kind` chooses the default to start from; every other key changes one thing of it.

use std::str::FromStr;

use thiserror::Error;
use uuid::Uuid;

use super::{registry, AdapterDescription, AdapterKind, DriverVersion, EngineKind};

const KEYS: &str = "kind, name, vendor, device, revision, memory, shared, engines, driver, wddm, \
                    hwsch, instance, description, umd, package, clock, memory-clock, \
                    temperature, secure, registry";

/// What is wrong with a description.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DescriptionError {
    /// A part without an equals sign.
    #[error("\"{0}\" is not of the form key=value")]
    NoValue(String),
    /// A key that does not exist.
    #[error("unknown key \"{0}\"; the keys are {KEYS}")]
    UnknownKey(String),
    /// A key that comes twice.
    #[error("\"{0}\" is given twice")]
    Twice(String),
    /// A value that makes no sense.
    #[error("{key}={value}: {reason}")]
    Value {
        /// Of this key.
        key: &'static str,
        /// The value.
        value: String,
        /// Why.
        reason: String,
    },
}

impl FromStr for AdapterDescription {
    type Err = DescriptionError;

    fn from_str(text: &str) -> Result<Self, DescriptionError> {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| DescriptionError::NoValue(part.to_owned()))?;
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(DescriptionError::Twice(key.to_owned()));
            }
            pairs.push((key, value));
        }
        let kind = pairs.iter().find(|(key, _)| *key == "kind");
        let mut adapter = match kind {
            None => Self::render(),
            Some((_, value)) => match parse_kind(value)? {
                AdapterKind::Render => Self::render(),
                AdapterKind::ComputeOnly => Self::compute_only(),
            },
        };
        for (key, value) in pairs {
            adapter.set(key, value)?;
        }
        Ok(adapter)
    }
}

impl AdapterDescription {
    fn set(&mut self, key: &str, value: &str) -> Result<(), DescriptionError> {
        match key {
            "kind" => self.kind = parse_kind(value)?,
            "name" => self.name = parse_name(value)?,
            "vendor" => self.vendor = parse_id("vendor", value)?,
            "device" => self.device = parse_id("device", value)?,
            "revision" => self.revision = parse_revision(value)?,
            "memory" => self.dedicated_memory = parse_size("memory", value)?,
            "shared" => self.shared_memory = parse_size("shared", value)?,
            "engines" => self.engines = parse_engines(value)?,
            "driver" => self.driver = parse_driver(value)?,
            "wddm" => self.wddm = parse_wddm(value)?,
            "hwsch" => self.hardware_scheduling = parse_switch("hwsch", value)?,
            "instance" => self.instance = Some(parse_instance(value)?),
            "description" => self.description = Some(parse_description(value)?),
            "umd" => self.user_mode_driver = parse_file("umd", value, true)?,
            "package" => self.package = parse_file("package", value, false)?,
            "clock" => self.clock = parse_number("clock", value, 100_000)?,
            "memory-clock" => self.memory_clock = parse_number("memory-clock", value, 100_000)?,
            "temperature" => self.temperature = parse_number("temperature", value, 150)?,
            "secure" => self.secure = parse_switch("secure", value)?,
            "registry" => self.registry = registry::parse(value)?,
            unknown => return Err(DescriptionError::UnknownKey(unknown.to_owned())),
        }
        Ok(())
    }
}

pub(super) fn bad(key: &'static str, value: &str, reason: impl Into<String>) -> DescriptionError {
    DescriptionError::Value {
        key,
        value: value.to_owned(),
        reason: reason.into(),
    }
}

fn parse_kind(value: &str) -> Result<AdapterKind, DescriptionError> {
    match value {
        "render" => Ok(AdapterKind::Render),
        "compute-only" | "compute" => Ok(AdapterKind::ComputeOnly),
        _ => Err(bad("kind", value, "the kinds are render and compute-only")),
    }
}

fn parse_name(value: &str) -> Result<String, DescriptionError> {
    // 80 units with the terminating zero is what the guest's structure holds.
    match value.encode_utf16().count() {
        0 => Err(bad("name", value, "a name cannot be empty")),
        1..=79 => Ok(value.to_owned()),
        _ => Err(bad("name", value, "a name has at most 79 characters")),
    }
}

fn parse_description(value: &str) -> Result<String, DescriptionError> {
    // The structure of the guest holds 4096 units with the terminating zero.
    match value.encode_utf16().count() {
        0..=4095 => Ok(value.to_owned()),
        _ => Err(bad("description", value, "more than 4095 characters")),
    }
}

/// The name of a file without its directory.
fn parse_file(
    key: &'static str,
    value: &str,
    may_be_empty: bool,
) -> Result<String, DescriptionError> {
    let units = value.encode_utf16().count();
    if value.contains(['/', '\\']) || value == "." || value == ".." {
        Err(bad(key, value, "expected a name without a directory"))
    } else if units > 100 {
        Err(bad(key, value, "a name has at most 100 characters"))
    } else if value.is_empty() && !may_be_empty {
        Err(bad(key, value, "a name cannot be empty"))
    } else {
        Ok(value.to_owned())
    }
}

/// A whole number up to `limit`.
fn parse_number(key: &'static str, value: &str, limit: u32) -> Result<u32, DescriptionError> {
    let number = value.parse().ok().filter(|number| *number <= limit);
    number.ok_or_else(|| bad(key, value, format!("expected a number up to {limit}")))
}

/// A PCI id: hexadecimal, with or without 0x.
fn parse_id(key: &'static str, value: &str) -> Result<u16, DescriptionError> {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    match u16::from_str_radix(digits, 16) {
        Ok(0 | 0xFFFF) => Err(bad(key, value, "0 and ffff are no PCI ids")),
        Ok(id) => Ok(id),
        Err(_) => Err(bad(key, value, "expected up to four hexadecimal digits")),
    }
}

fn parse_revision(value: &str) -> Result<u8, DescriptionError> {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    u8::from_str_radix(digits, 16)
        .map_err(|_| bad("revision", value, "expected up to two hexadecimal digits"))
}

/// A number of bytes with an optional K, M, G or T.
fn parse_size(key: &'static str, value: &str) -> Result<u64, DescriptionError> {
    let reason = "expected a number of bytes, with K, M, G or T for the powers of 1024";
    let split = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let (digits, unit) = value.split_at(split);
    let shift = match unit {
        "" => 0,
        "K" | "k" => 10,
        "M" | "m" => 20,
        "G" | "g" => 30,
        "T" | "t" => 40,
        _ => return Err(bad(key, value, reason)),
    };
    let number: u64 = digits.parse().map_err(|_| bad(key, value, reason))?;
    match number.checked_mul(1 << shift) {
        Some(bytes) if bytes <= 1 << 48 && bytes % 4096 == 0 => Ok(bytes),
        Some(bytes) if bytes <= 1 << 48 => Err(bad(key, value, "not a multiple of 4096")),
        _ => Err(bad(key, value, "more than 256T")),
    }
}

/// Engines in the order of their node numbers: `3d:1+copy:2`.
fn parse_engines(value: &str) -> Result<Vec<EngineKind>, DescriptionError> {
    let mut engines = Vec::new();
    for part in value.split('+') {
        let (name, count) = part.split_once(':').unwrap_or((part, "1"));
        let kind = EngineKind::NAMES.iter().find(|(known, _)| *known == name);
        let Some((_, kind)) = kind else {
            let names = EngineKind::NAMES.map(|(name, _)| name).join(", ");
            return Err(bad(
                "engines",
                value,
                format!("no engine \"{name}\"; there are {names}"),
            ));
        };
        let count = count
            .parse::<usize>()
            .ok()
            .filter(|count| (1..=AdapterDescription::ENGINES_MAX).contains(count))
            .ok_or_else(|| bad("engines", value, format!("\"{count}\" is no number from 1")))?;
        engines.extend(std::iter::repeat_n(*kind, count));
    }
    if engines.len() > AdapterDescription::ENGINES_MAX {
        let limit = AdapterDescription::ENGINES_MAX;
        return Err(bad("engines", value, format!("more than {limit} engines")));
    }
    Ok(engines)
}

fn parse_driver(value: &str) -> Result<DriverVersion, DescriptionError> {
    let parts: Result<Vec<u16>, _> = value.split('.').map(str::parse).collect();
    parts
        .ok()
        .and_then(|parts| parts.try_into().ok())
        .map(DriverVersion)
        .ok_or_else(|| {
            let reason = "expected four numbers up to 65535 with points between them";
            bad("driver", value, reason)
        })
}

fn parse_wddm(value: &str) -> Result<u32, DescriptionError> {
    value
        .parse()
        .ok()
        .filter(|version| (2000..=9999).contains(version))
        .ok_or_else(|| {
            bad(
                "wddm",
                value,
                "expected a number from 2000, as 3200 for 3.2",
            )
        })
}

fn parse_switch(key: &'static str, value: &str) -> Result<bool, DescriptionError> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(bad(key, value, "expected on or off")),
    }
}

fn parse_instance(value: &str) -> Result<Uuid, DescriptionError> {
    match Uuid::parse_str(value) {
        Ok(uuid) if uuid.is_nil() || uuid.is_max() => {
            Err(bad("instance", value, "all zeros or all ones name nothing"))
        }
        Ok(uuid) => Ok(uuid),
        Err(error) => Err(bad("instance", value, error.to_string())),
    }
}
