// SPDX-License-Identifier: GPL-2.0
//! Messages that say themselves how they are laid out, to be compared with the specification.

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the specification, without the names of the structs around it.
    pub name: &'static str,
    /// Where it starts.
    pub offset: usize,
    /// How many bytes it has.
    pub size: usize,
}

/// How a message is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Its name in the specification.
    pub name: &'static str,
    /// How many bytes it has.
    pub size: usize,
    /// Its fields; those that start with "padding" are not in the specification.
    pub fields: &'static [Field],
}

/// A message that knows its layout.
pub trait Specified {
    /// The layout.
    const LAYOUT: Layout;
}

/// Returns the name of a field as the specification has it: without the mark that Rust demands where
/// a name is one of its own words.
pub(super) const fn plain_name(name: &'static str) -> &'static str {
    if let [b'r', b'#', rest @ ..] = name.as_bytes() {
        if let Ok(plain) = std::str::from_utf8(rest) {
            return plain;
        }
    }
    name
}

/// Defines messages: name in the specification, our name, and the fields in their order.
macro_rules! messages {
    ($(
        $(#[$attribute:meta])*
        $specified:literal $name:ident { $($field:ident: $type:ty),* $(,)? }
    )*) => {
        $(
            $(#[$attribute])*
            #[derive(Clone, Copy, Debug)]
            #[derive(
                ::zerocopy::FromBytes,
                ::zerocopy::IntoBytes,
                ::zerocopy::Immutable,
                ::zerocopy::KnownLayout,
                ::zerocopy::Unaligned,
            )]
            #[repr(C)]
            #[expect(missing_docs, reason = "the specification says what its fields mean")]
            pub struct $name {
                $(pub $field: $type,)*
            }

            impl $crate::wire::message::Specified for $name {
                const LAYOUT: $crate::wire::message::Layout = $crate::wire::message::Layout {
                    name: $specified,
                    size: size_of::<Self>(),
                    fields: &[$($crate::wire::message::Field {
                        name: $crate::wire::message::plain_name(stringify!($field)),
                        offset: ::std::mem::offset_of!(Self, $field),
                        size: size_of::<$type>(),
                    }),*],
                };
            }
        )*

        /// The layouts of this family.
        pub(super) const LAYOUTS: &[$crate::wire::message::Layout] =
            &[$(<$name as $crate::wire::message::Specified>::LAYOUT),*];
    };
}

pub(super) use messages;
