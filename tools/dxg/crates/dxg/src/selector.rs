// SPDX-License-Identifier: GPL-2.0

//! Which adapter is meant, as a person says it.

use crate::{Adapter, AdapterFilter, AdapterKind, Dxg, Error, Luid, Result};
use std::{convert::Infallible, fmt, str::FromStr};

/// What a person calls an adapter: its LUID, its kind, or its name or a part of that, in capital
/// or small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    text: String,
}

impl FromStr for Selector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.trim().to_owned();
        Ok(Self { text })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Luid> for Selector {
    fn from(luid: Luid) -> Self {
        let text = luid.to_string();
        Self { text }
    }
}

impl Selector {
    /// Opens every adapter that is meant, in the driver's order: at least one.
    ///
    /// # Errors
    ///
    /// [`Error::NoAdapter`] if there is none, [`Error::NoMatch`] if there are others, or as
    /// [`Dxg::adapters`].
    pub fn open(&self, device: &Dxg) -> Result<Vec<Adapter>> {
        // What looks like a LUID may be a name, such as "Ada".
        if let Ok(luid) = self.text.parse::<Luid>() {
            match device.open_by_luid(luid) {
                Err(Error::NoSuchAdapter { .. }) => {}
                outcome => return outcome.map(|adapter| vec![adapter]),
            }
        }
        let all = device.adapters(AdapterFilter::ALL)?;
        if all.is_empty() {
            return Err(Error::NoAdapter);
        }
        let described: Vec<Described> = all.into_iter().map(Described::new).collect();
        let found = self.find(&described);
        if !found.contains(&true) {
            return Err(self.no_match(&described));
        }
        let chosen = described.into_iter().zip(found).filter(|(_, found)| *found);
        Ok(chosen.map(|(described, _)| described.adapter).collect())
    }

    /// Which of them are meant.
    fn find(&self, adapters: &[Described]) -> Vec<bool> {
        let wanted = self.text.to_lowercase();
        if wanted.is_empty() {
            return vec![false; adapters.len()];
        }
        let marked = |is_meant: &dyn Fn(&Described) -> bool| -> Vec<bool> {
            adapters.iter().map(is_meant).collect()
        };
        if let Some(kind) = self.kind() {
            return marked(&|adapter| adapter.kind == Some(kind));
        }
        let called = marked(&|adapter| adapter.name.to_lowercase() == wanted);
        if called.contains(&true) {
            return called;
        }
        marked(&|adapter| adapter.name.to_lowercase().contains(&wanted))
    }

    fn kind(&self) -> Option<AdapterKind> {
        let kinds = [AdapterKind::Render, AdapterKind::ComputeOnly];
        kinds.into_iter().find(|kind| kind.to_string() == self.text)
    }

    fn no_match(&self, adapters: &[Described]) -> Error {
        let wanted = match (self.kind(), self.text.parse::<Luid>()) {
            (Some(kind), _) => format!("of the kind {kind}"),
            (None, Ok(luid)) => format!("with LUID {luid}"),
            (None, Err(_)) => format!("with \"{}\" in its name", self.text),
        };
        let there: Vec<String> = adapters.iter().map(Described::to_string).collect();
        let there = there.join(", ");
        Error::NoMatch { wanted, there }
    }
}

/// An adapter and what it is known by.
struct Described {
    adapter: Adapter,
    name: String,
    kind: Option<AdapterKind>,
}

impl Described {
    /// An adapter that does not tell has no name, and no kind.
    fn new(adapter: Adapter) -> Self {
        let name = adapter.name().unwrap_or_default().trim().to_owned();
        let kind = adapter.kind().ok();
        Self {
            adapter,
            name,
            kind,
        }
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let luid = self.adapter.luid();
        match (self.name.as_str(), self.kind) {
            ("", None) => write!(f, "{luid}"),
            ("", Some(kind)) => write!(f, "{luid} ({kind})"),
            (name, None) => write!(f, "{name} ({luid})"),
            (name, Some(kind)) => write!(f, "{name} ({luid}, {kind})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{FakeAdapter, FakeDriver},
        uapi::query::{AdapterRegistryInfo, AdapterType},
    };

    fn adapter(luid: u32, name: &str, bits: u32) -> FakeAdapter {
        let mut info = AdapterRegistryInfo::default();
        for (to, from) in info.adapter_string.iter_mut().zip(name.encode_utf16()) {
            *to = from;
        }
        FakeAdapter::silent(luid)
            .answer(0, info)
            .answer(0, AdapterType { value: bits })
    }

    fn machine() -> Dxg {
        FakeDriver::new([
            adapter(0xADA, "NVIDIA RTX 500", AdapterType::RENDER_SUPPORTED),
            adapter(0x2, "NVIDIA RTX 5000 Ada", AdapterType::RENDER_SUPPORTED),
            FakeAdapter::silent(3),
        ])
        .device()
    }

    fn chosen(text: &str) -> Result<Vec<u32>, String> {
        let selector: Selector = text.parse().unwrap();
        match selector.open(&machine()) {
            Ok(adapters) => Ok(adapters.iter().map(|adapter| adapter.luid().a).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn luids_in_each_spelling() {
        for text in ["ada", "0:ada", "0-ada", "00000000:00000ada", "0xADA"] {
            assert_eq!(chosen(text), Ok(vec![0xADA]), "{text}");
        }
    }

    #[test]
    fn names_whole_or_in_part() {
        assert_eq!(chosen("nvidia rtx 500"), Ok(vec![0xADA]));
        assert_eq!(chosen(" RTX "), Ok(vec![0xADA, 2]));
        assert_eq!(chosen("5000"), Ok(vec![2]));
        // A LUID, but for the adapter with it.
        let other = FakeDriver::new([adapter(2, "RTX Ada", 1)]).device();
        let by_name = Selector::from_str("ada").unwrap().open(&other).unwrap();
        assert_eq!(by_name[0].luid().a, 2);
    }

    #[test]
    fn kinds() {
        assert_eq!(chosen("render"), Ok(vec![0xADA, 2]));
    }

    #[test]
    fn what_is_not_there_is_said_beside_what_is() {
        const THERE: &str = "there are NVIDIA RTX 500 (00000000:00000ada, render), \
                             NVIDIA RTX 5000 Ada (00000000:00000002, render), 00000000:00000003";
        for (text, wanted) in [
            ("compute-only", "of the kind compute-only"),
            ("1:2", "with LUID 00000001:00000002"),
            ("Radeon", "with \"Radeon\" in its name"),
            ("", "with \"\" in its name"),
        ] {
            let expected = format!("there is no adapter {wanted}; {THERE}");
            assert_eq!(chosen(text), Err(expected));
        }
        let none = FakeDriver::new([]).device();
        let error = Selector::from_str("render").unwrap().open(&none);
        assert_eq!(
            error.unwrap_err().to_string(),
            "this machine has no adapter"
        );
    }
}
