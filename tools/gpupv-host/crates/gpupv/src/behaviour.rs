// SPDX-License-Identifier: GPL-2.0
//! What a host does where neither the protocol nor a record of Windows says what it has to do.
//!
//! Each setting has the behaviour of most other hosts as its default. The other values are there so
//! that a driver can be tested against every host that the documents allow.

use std::fmt;

use crate::handles::FIRST_INDEX_MAX;

/// The longest padding that [`Behaviour::reply_padding`] takes, in bytes.
const PADDING_MAX: u32 = 4096;

/// Defines a setting with a fixed set of values; the first one is the default.
macro_rules! choice {
    (
        $(#[$attribute:meta])*
        $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal),* $(,)? }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $variant),*
        }

        impl $name {
            /// The values as they are written.
            const TEXTS: &'static [&'static str] = &[$($text),*];

            fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

choice! {
    /// Whether a shared object of one adapter can be opened on another.
    CrossAdapter {
        /// Such an open fails.
        #[default]
        Refuse = "refuse",
        /// Such an open works.
        Tolerate = "tolerate",
    }
}

choice! {
    /// What becomes of a message whose count is not 0 and whose pointer, which means nothing to the
    /// host, is.
    NullPointers {
        /// The pointer is not looked at.
        #[default]
        Accept = "accept",
        /// The message fails.
        Refuse = "refuse",
    }
}

choice! {
    /// Which device SETGUESTDATA names when the state of a device changes.
    DeviceNews {
        /// The device whose state has changed.
        #[default]
        Changed = "changed",
        /// The oldest device of the virtual machine, whichever has changed.
        Oldest = "oldest",
    }
}

choice! {
    /// What becomes of the waits of CPUs when their device is destroyed.
    CpuWaits {
        /// They are dropped: their events are never signalled.
        #[default]
        Drop = "drop",
        /// Their events are signalled.
        Signal = "signal",
    }
}

choice! {
    /// When a page of the IO space is used again.
    PageReuse {
        /// The page of a fence as soon as the fence is gone; pages of an unlocked allocation when
        /// others need them.
        #[default]
        AsNeeded = "as-needed",
        /// Also the pages of an allocation as soon as it is unlocked.
        AtOnce = "at-once",
        /// After all pages that were never used.
        Late = "late",
    }
}

choice! {
    /// Where the values of fences are that cannot be shared.
    FencePages {
        /// Each in a page of its own.
        #[default]
        Own = "own",
        /// Two of a process in a page; the reply has the address of the page, and an offset.
        Offset = "offset",
        /// Two of a process in a page; the reply has the address of the value, and offset 0.
        Address = "address",
    }
}

choice! {
    /// What handles of the virtual machine look like.
    VmHandles {
        /// Those of shared objects have the number 2 in their lowest six bits.
        #[default]
        Marked = "marked",
        /// As those of objects of a process.
        LikeObjects = "like-objects",
    }
}

/// All settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Opens of shared objects on another adapter.
    pub cross_adapter: CrossAdapter,
    /// Null pointers beside a count.
    pub null_pointers: NullPointers,
    /// The subject of SETGUESTDATA.
    pub device_news: DeviceNews,
    /// Waits of CPUs whose device is destroyed.
    pub cpu_waits: CpuWaits,
    /// Pages of the IO space.
    pub page_reuse: PageReuse,
    /// Pages of fences.
    pub fence_pages: FencePages,
    /// How many bytes follow a reply that is not empty.
    pub reply_padding: u32,
    /// The index in the handle of the first object of each process.
    pub first_handle: u32,
    /// Handles of shared objects in the virtual machine.
    pub vm_handles: VmHandles,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            cross_adapter: CrossAdapter::default(),
            null_pointers: NullPointers::default(),
            device_news: DeviceNews::default(),
            cpu_waits: CpuWaits::default(),
            page_reuse: PageReuse::default(),
            fence_pages: FencePages::default(),
            reply_padding: 0,
            first_handle: 1,
            vm_handles: VmHandles::default(),
        }
    }
}

impl Behaviour {
    /// The settings and their values, each as it is written.
    pub fn settings() -> Vec<(&'static str, String)> {
        let words = |texts: &[&str]| texts.join("|");
        vec![
            ("cross-adapter", words(CrossAdapter::TEXTS)),
            ("null-pointers", words(NullPointers::TEXTS)),
            ("device-news", words(DeviceNews::TEXTS)),
            ("cpu-waits", words(CpuWaits::TEXTS)),
            ("page-reuse", words(PageReuse::TEXTS)),
            ("fence-pages", words(FencePages::TEXTS)),
            ("reply-padding", format!("0..{PADDING_MAX}")),
            ("first-handle", format!("1..{FIRST_INDEX_MAX}")),
            ("vm-handles", words(VmHandles::TEXTS)),
        ]
    }

    /// Changes one setting, written as `NAME=VALUE`.
    ///
    /// # Errors
    ///
    /// There is no such setting, or it has no such value.
    pub fn set(&mut self, text: &str) -> Result<(), BehaviourError> {
        let (name, value) = text.split_once('=').ok_or(BehaviourError::NoValue)?;
        let number = |low: u32, high: u32| {
            let number = value.parse::<u32>().ok();
            number.filter(|number| (low..=high).contains(number))
        };
        let done = match name {
            "cross-adapter" => put(&mut self.cross_adapter, CrossAdapter::parse(value)),
            "null-pointers" => put(&mut self.null_pointers, NullPointers::parse(value)),
            "device-news" => put(&mut self.device_news, DeviceNews::parse(value)),
            "cpu-waits" => put(&mut self.cpu_waits, CpuWaits::parse(value)),
            "page-reuse" => put(&mut self.page_reuse, PageReuse::parse(value)),
            "fence-pages" => put(&mut self.fence_pages, FencePages::parse(value)),
            "reply-padding" => put(&mut self.reply_padding, number(0, PADDING_MAX)),
            "first-handle" => put(&mut self.first_handle, number(1, FIRST_INDEX_MAX)),
            "vm-handles" => put(&mut self.vm_handles, VmHandles::parse(value)),
            _ => return Err(BehaviourError::Name(name.to_owned())),
        };
        match done {
            true => Ok(()),
            false => Err(BehaviourError::Value {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
        }
    }
}

/// Puts a value into its place, if there is one. Returns whether there was.
fn put<T>(place: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *place = value;
            true
        }
        None => false,
    }
}

/// A setting that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BehaviourError {
    /// The text has no `=`.
    NoValue,
    /// There is no setting of this name.
    Name(String),
    /// The setting has no such value.
    Value {
        /// The name of the setting.
        name: String,
        /// The text that is no value of it.
        value: String,
    },
}

impl fmt::Display for BehaviourError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = Behaviour::settings();
        match self {
            Self::NoValue => f.write_str("NAME=VALUE is needed"),
            Self::Name(name) => {
                let names: Vec<&str> = settings.iter().map(|(name, _)| *name).collect();
                write!(f, "no setting {name:?}; there are {}", names.join(", "))
            }
            Self::Value { name, value } => {
                let known = settings.iter().find(|(known, _)| known == name);
                let values = known.map_or("", |(_, values)| values);
                write!(f, "{value:?} is no value of {name}, which takes {values}")
            }
        }
    }
}

impl std::error::Error for BehaviourError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_value_is_understood_and_changes_something() {
        for (name, values) in Behaviour::settings() {
            let texts: Vec<String> = match values.split_once("..") {
                Some((low, high)) => vec![low.to_owned(), high.to_owned()],
                None => values.split('|').map(str::to_owned).collect(),
            };
            let mut seen = Vec::new();
            for text in texts {
                let mut behaviour = Behaviour::default();
                behaviour.set(&format!("{name}={text}")).unwrap();
                assert!(!seen.contains(&behaviour), "{name}={text}");
                seen.push(behaviour);
            }
            assert_eq!(seen[0], Behaviour::default(), "the default of {name}");
        }
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        let mut behaviour = Behaviour::default();
        for (text, message) in [
            ("cross-adapter", "NAME=VALUE is needed"),
            ("", "NAME=VALUE is needed"),
            (
                "fences=own",
                "no setting \"fences\"; there are cross-adapter, ",
            ),
            (
                "cpu-waits=late",
                "\"late\" is no value of cpu-waits, which takes drop|signal",
            ),
            ("cpu-waits=", "\"\" is no value of cpu-waits"),
            (
                "first-handle=0",
                "\"0\" is no value of first-handle, which takes 1..",
            ),
            ("reply-padding=4097", "\"4097\" is no value"),
            ("reply-padding=-1", "\"-1\" is no value"),
        ] {
            let error = behaviour.set(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
        assert_eq!(behaviour, Behaviour::default());
    }
}
