//! A value and where it stands in the file.

use std::borrow::Cow;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use toml::Spanned;

/// A value and where it stands; a default stands at `0..0`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
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

/// Only to say in the schema what a default is.
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
