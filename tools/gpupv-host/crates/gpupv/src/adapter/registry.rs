// SPDX-License-Identifier: GPL-2.0
//! The registry of the host, as far as drivers may read it from the guest: the driver's *service key*
//! and the *adapter key*, each with values that have a name, a type and data.
//!
//! Paths in it are those of the host. A guest finds the same files below [`GUEST_STORE`].

use super::parse::{bad, DescriptionError};
use super::AdapterDescription;

/// Where the host has the packages of its drivers.
const HOST_STORE: &str = r"C:\WINDOWS\System32\DriverStore\FileRepository";
/// Where a Linux guest has them.
const GUEST_STORE: &str = "/usr/lib/wsl/drivers";

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryKey {
    /// The driver's own, for all its adapters.
    Service,
    /// That of one adapter.
    Adapter,
}

/// What the data of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// Text with a zero at its end.
    Text,
    /// Bytes.
    Binary,
    /// 32 bits.
    Dword,
    /// Texts with a zero at the end of each, and one more at the end.
    Texts,
    /// 64 bits.
    Qword,
}

impl ValueType {
    /// Returns the number that Windows has for it.
    pub fn number(self) -> u32 {
        match self {
            Self::Text => 1,
            Self::Binary => 3,
            Self::Dword => 4,
            Self::Texts => 7,
            Self::Qword => 11,
        }
    }
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryValue {
    /// The key it is in.
    pub key: RegistryKey,
    /// Its name; case does not matter.
    pub name: String,
    /// What its data are.
    pub kind: ValueType,
    /// Its data.
    pub data: Vec<u8>,
}

impl RegistryValue {
    fn text(key: RegistryKey, name: &str, text: &str) -> Self {
        Self {
            key,
            name: name.to_owned(),
            kind: ValueType::Text,
            data: utf16(text),
        }
    }

    /// Returns its data with each path of the host as that of the guest.
    pub(crate) fn translated(&self) -> Vec<u8> {
        match self.kind {
            ValueType::Text => utf16(&to_guest(&from_utf16(&self.data))),
            ValueType::Texts => {
                let all = from_utf16(&self.data);
                let texts = all.split('\0').filter(|text| !text.is_empty());
                join(texts.map(to_guest))
            }
            ValueType::Binary | ValueType::Dword | ValueType::Qword => self.data.clone(),
        }
    }
}

impl AdapterDescription {
    /// Returns a value of the registry: one that was described, or one that follows from the rest of
    /// the description.
    pub(crate) fn registry_value(&self, key: RegistryKey, name: &str) -> Option<RegistryValue> {
        let described = self.registry.iter().cloned();
        let mut all = described.chain(self.installed());
        all.find(|value| value.key == key && value.name.eq_ignore_ascii_case(name))
    }

    /// Returns the directory of the driver's package as the guest sees it.
    pub(crate) fn guest_store_path(&self) -> String {
        format!("{GUEST_STORE}/{}", self.package)
    }

    /// Returns the kernel-mode driver's file as the guest sees it.
    pub(crate) fn guest_image_path(&self) -> String {
        let name = self.package.split('.').next().unwrap_or_default();
        format!("{}/{name}.sys", self.guest_store_path())
    }

    /// Returns the user-mode driver's file as the guest sees it, if there is one.
    pub(crate) fn guest_driver_path(&self) -> Option<String> {
        let file = Some(&self.user_mode_driver).filter(|file| !file.is_empty())?;
        Some(format!("{}/{file}", self.guest_store_path()))
    }

    /// What the driver's installation writes into the adapter key.
    fn installed(&self) -> Vec<RegistryValue> {
        let key = RegistryKey::Adapter;
        let number = |name: &str, kind, data: &[u8]| RegistryValue {
            key,
            name: name.to_owned(),
            kind,
            data: data.to_vec(),
        };
        let mut values = vec![
            RegistryValue::text(key, "DriverDesc", self.driver_description()),
            RegistryValue::text(key, "DriverVersion", &self.driver.to_string()),
            RegistryValue::text(key, "HardwareInformation.AdapterString", &self.name),
            number(
                "HardwareInformation.qwMemorySize",
                ValueType::Qword,
                &self.dedicated_memory.to_le_bytes(),
            ),
        ];
        if !self.user_mode_driver.is_empty() {
            let path = format!(r"{HOST_STORE}\{}\{}", self.package, self.user_mode_driver);
            values.push(number(
                "UserModeDriverName",
                ValueType::Texts,
                // One for each generation of Direct3D.
                &join(std::iter::repeat_n(path, 4)),
            ));
        }
        values
    }
}

/// The path of the guest for a path below the host's driver store; anything else as it is.
fn to_guest(path: &str) -> String {
    let head = path.get(..HOST_STORE.len());
    match head.filter(|head| head.eq_ignore_ascii_case(HOST_STORE)) {
        Some(head) => format!("{GUEST_STORE}{}", path[head.len()..].replace('\\', "/")),
        None => path.to_owned(),
    }
}

/// UTF-16 with a zero at its end.
fn utf16(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().chain([0]);
    units.flat_map(u16::to_le_bytes).collect()
}

/// All of UTF-16 but one zero at its end.
fn from_utf16(bytes: &[u8]) -> String {
    let units = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    text.strip_suffix('\0').unwrap_or(&text).to_owned()
}

/// Texts as the data of one value.
fn join(texts: impl Iterator<Item = String>) -> Vec<u8> {
    let mut data: Vec<u8> = texts.flat_map(|text| utf16(&text)).collect();
    data.extend([0; 2]);
    data
}

/// Values in one line: `adapter:Name:dword:5+service:Other:text:some words`.
pub(super) fn parse(value: &str) -> Result<Vec<RegistryValue>, DescriptionError> {
    let parts = value.split('+').filter(|part| !part.is_empty());
    parts.map(|part| parse_one(part, value)).collect()
}

fn parse_one(part: &str, all: &str) -> Result<RegistryValue, DescriptionError> {
    let wrong = |reason: &str| bad("registry", all, reason);
    let mut fields = part.splitn(4, ':');
    let mut next = || fields.next();
    let (Some(key), Some(name), Some(kind), Some(text)) = (next(), next(), next(), next()) else {
        return Err(wrong("expected KEY:NAME:TYPE:DATA, with + between values"));
    };
    let key = match key {
        "service" => RegistryKey::Service,
        "adapter" => RegistryKey::Adapter,
        _ => return Err(wrong("the keys are service and adapter")),
    };
    if !(1..=259).contains(&name.encode_utf16().count()) {
        return Err(wrong("a name has 1 to 259 characters"));
    }
    let no_number = |_| wrong("expected a number after dword or qword");
    let (kind, data) = match kind {
        "text" => (ValueType::Text, utf16(text)),
        "dword" => {
            let number: u32 = text.parse().map_err(no_number)?;
            (ValueType::Dword, number.to_le_bytes().to_vec())
        }
        "qword" => {
            let number: u64 = text.parse().map_err(no_number)?;
            (ValueType::Qword, number.to_le_bytes().to_vec())
        }
        "binary" => {
            let data = from_hex(text).ok_or_else(|| wrong("expected pairs of hex digits"))?;
            (ValueType::Binary, data)
        }
        _ => return Err(wrong("the types are text, dword, qword and binary")),
    };
    Ok(RegistryValue {
        key,
        name: name.to_owned(),
        kind,
        data,
    })
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pairs = digits.chunks_exact(2);
    // CAST: two hexadecimal digits are a byte.
    pairs
        .map(|pair| Some((value(pair[0])? * 16 + value(pair[1])?) as u8))
        .collect()
}
