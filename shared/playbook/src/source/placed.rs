//! A value and where it stands in the file.
//!
//! Where it stands is asked of a format for people, which is what a playbook is written in. What is compiled is told from it by serde's
//! own mark, `is_human_readable`, and holds values alone: whoever reads it asks for no place.

use std::borrow::Cow;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::Spanned;

/// A value and where it stands; a default stands at `0..0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed<T>(Spanned<T>);

impl<T> Placed<T> {
    /// A value that nobody has written.
    pub fn default_of(value: T) -> Self {
        Self(Spanned::new(0..0, value))
    }

    /// A value that was written here.
    pub fn at(span: Range<usize>, value: T) -> Self {
        Self(Spanned::new(span, value))
    }
}

/// Nobody has written it, and nobody judges it: only a section that could not be read is made of these.
impl<T: Default> Default for Placed<T> {
    fn default() -> Self {
        Self::default_of(T::default())
    }
}

impl<T> Deref for Placed<T> {
    type Target = Spanned<T>;

    fn deref(&self) -> &Spanned<T> {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            Spanned::deserialize(deserializer).map(Self)
        } else {
            T::deserialize(deserializer).map(Self::default_of)
        }
    }
}

/// The value alone: in the schema, which says what a default is, and in what is compiled.
impl<T: Serialize> Serialize for Placed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.get_ref().serialize(serializer)
    }
}

/// Whoever writes the file sees the value alone.
impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
