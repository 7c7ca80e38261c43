//! JSON that says of itself that it is not for people, so that nobody asks it where a value stands.
//!
//! Each type of a playbook makes its own copy of this reader in every function, so it takes what a type asks for and nothing else.

use serde::de::value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::{Map, Value};

/// Reads a value of which every [`crate::source::Placed`] is written without its place.
pub(super) fn read<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(Plain(Value::deserialize(deserializer)?)).map_err(D::Error::custom)
}

struct Plain(Value);

/// What was read is nobody's business: the place in the file is lost here, and the type says little to whoever has to build again.
fn other_than_asked() -> Error {
    Error::custom("another type than was written")
}

impl Plain {
    fn text(self) -> Result<String, Error> {
        if let Value::String(text) = self.0 { Ok(text) } else { Err(other_than_asked()) }
    }

    fn number(&self) -> Result<i64, Error> {
        self.0.as_i64().ok_or_else(other_than_asked)
    }

    fn bool(&self) -> Result<bool, Error> {
        self.0.as_bool().ok_or_else(other_than_asked)
    }

    fn list(self) -> Result<Vec<Value>, Error> {
        if let Value::Array(list) = self.0 { Ok(list) } else { Err(other_than_asked()) }
    }

    fn fields(self) -> Result<Map<String, Value>, Error> {
        if let Value::Object(fields) = self.0 { Ok(fields) } else { Err(other_than_asked()) }
    }
}

impl<'de> IntoDeserializer<'de, Error> for Plain {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Plain {
    type Error = Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(bool) => visitor.visit_bool(bool),
            Value::Number(_) => visitor.visit_i64(self.number()?),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(list) => visit_list(list, visitor),
            Value::Object(fields) => visitor.visit_map(plain_fields(fields)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.bool()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.number()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visit_list(self.list()?, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(plain_fields(self.fields()?))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(plain_fields(self.fields()?))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) => visitor.visit_enum(MapAccessDeserializer::new(plain_fields(fields))),
            _ => visitor.visit_enum(self.text()?.into_deserializer()),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct tuple tuple_struct
        ignored_any
    }
}

/// All of it: what is left over would be lost.
fn visit_list<'de, V: Visitor<'de>>(list: Vec<Value>, visitor: V) -> Result<V::Value, Error> {
    let mut list = SeqDeserializer::new(list.into_iter().map(Plain));
    let read = visitor.visit_seq(&mut list)?;
    list.end()?;
    Ok(read)
}

/// Keys too: what is a key of a table can have a place.
fn plain_fields(fields: Map<String, Value>) -> MapDeserializer<'static, impl Iterator<Item = (Plain, Plain)>, Error> {
    MapDeserializer::new(fields.into_iter().map(|(name, value)| (Plain(Value::String(name)), Plain(value))))
}
