//! Values of rules: where they come from, and what is made of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::source::{Number, Placed, Text};

use super::{Header, HeaderEntry, Unit};

/// A text; a number and true or false as they are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::webhooks) struct Literal(pub String);

/// One value or several.
#[derive(Debug)]
pub(in crate::webhooks) enum Words {
    /// One.
    One(String),
    /// Several.
    More(Vec<Placed<Literal>>),
}

impl Placed<Words> {
    /// Each, and where it stands.
    pub fn texts(&self) -> Vec<Text> {
        match self.get_ref() {
            Words::One(text) => vec![Placed::at(self.span(), text.clone())],
            Words::More(list) => {
                list.iter().map(|literal| Placed::at(literal.span(), literal.get_ref().0.clone())).collect()
            }
        }
    }
}

/// What the sender's values mean here.
#[derive(Debug)]
pub(in crate::webhooks) enum Meanings {
    /// A list of [names].
    Named(String),
    /// Written here.
    Here(BTreeMap<Text, Placed<Literal>>),
}

/// Where a value comes from, and what is made of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::webhooks) struct TakeTable {
    /// A place in the event, such as "/payload/object/id"; in the element that for_each goes through, "./id". Of several, the first
    /// where something stands.
    take: Placed<Words>,
    /// What each value means here: { theirs = "ours" }, or the name of a list below [names]. A value that is not listed counts as
    /// not there. Default: a value means itself.
    is: Option<Placed<Meanings>>,
    /// What holds if nothing is there; "" empties the field. Default: the field is not stated.
    #[serde(rename = "else")]
    otherwise: Option<Placed<Literal>>,
    /// The number is a time since 1970, in this unit.
    unit: Option<Placed<Unit>>,
    /// The number is multiplied by this: 100 for an amount in whole units of a currency.
    #[schemars(range(min = 1, max = crate::webhooks::check::MOST_TIMES))]
    times: Option<Number>,
}

/// A value.
#[derive(Debug)]
pub(in crate::webhooks) enum Take {
    /// A place, or the value itself.
    Plain(Literal),
    /// With what is made of it.
    Table(TakeTable),
}

/// A value, or a value for a product.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::webhooks) struct FieldTable {
    /// A place in the event, such as "/payload/object/id"; in the element that for_each goes through, "./id". Of several, the first
    /// where something stands.
    take: Option<Placed<Words>>,
    /// What each value means here: { theirs = "ours" }, or the name of a list below [names]. A value that is not listed counts as
    /// not there. Default: a value means itself.
    is: Option<Placed<Meanings>>,
    /// What holds if nothing is there; "" empties the field. Default: the field is not stated.
    #[serde(rename = "else")]
    otherwise: Option<Placed<Literal>>,
    /// The number is a time since 1970, in this unit.
    unit: Option<Placed<Unit>>,
    /// The number is multiplied by this: 100 for an amount in whole units of a currency.
    #[schemars(range(min = 1, max = crate::webhooks::check::MOST_TIMES))]
    times: Option<Number>,
    /// For owns, used, ends, seats and seats_used: the product.
    product: Option<Placed<Take>>,
    /// For owns, used, ends, seats and seats_used: what holds for the product.
    value: Option<Placed<Take>>,
}

/// A field of a rule.
#[derive(Debug)]
pub(in crate::webhooks) enum Field {
    /// A place, or the value itself.
    Plain(Literal),
    /// With what is made of it, or by product.
    Table(Box<FieldTable>),
}

/// A value as the check and the compiler see it.
pub(in crate::webhooks) struct View<'a> {
    /// Where it stands.
    pub at: Range<usize>,
    /// Where it comes from.
    pub from: Vec<Text>,
    pub is: Option<&'a Placed<Meanings>>,
    pub otherwise: Option<&'a Placed<Literal>>,
    pub unit: Option<&'a Placed<Unit>>,
    pub times: Option<&'a Number>,
}

/// What a field is.
pub(in crate::webhooks) enum Shape<'a> {
    /// One value.
    One(View<'a>),
    /// A value for a product.
    ByProduct(View<'a>, View<'a>),
    /// Neither: what is wrong with it.
    Neither(&'static str),
}

impl Placed<Take> {
    /// As the check and the compiler see it.
    pub fn view(&self) -> View<'_> {
        match self.get_ref() {
            Take::Plain(literal) => View::plain(self.span(), literal),
            Take::Table(table) => View {
                at: self.span(),
                from: table.take.texts(),
                is: table.is.as_ref(),
                otherwise: table.otherwise.as_ref(),
                unit: table.unit.as_ref(),
                times: table.times.as_ref(),
            },
        }
    }
}

impl View<'_> {
    fn plain(at: Range<usize>, literal: &Literal) -> Self {
        let from = vec![Placed::at(at.clone(), literal.0.clone())];
        Self { at, from, is: None, otherwise: None, unit: None, times: None }
    }
}

impl Placed<Field> {
    /// What it is.
    pub fn shape(&self) -> Shape<'_> {
        let table = match self.get_ref() {
            Field::Plain(literal) => return Shape::One(View::plain(self.span(), literal)),
            Field::Table(table) => table,
        };
        let FieldTable { take, is, otherwise, unit, times, product, value } = &**table;
        let makes_one = take.is_some() || is.is_some() || otherwise.is_some() || unit.is_some() || times.is_some();
        match (take, product, value) {
            (None, Some(product), Some(value)) if !makes_one => Shape::ByProduct(product.view(), value.view()),
            (Some(take), None, None) => Shape::One(View {
                at: self.span(),
                from: take.texts(),
                is: is.as_ref(),
                otherwise: otherwise.as_ref(),
                unit: unit.as_ref(),
                times: times.as_ref(),
            }),
            (None, None, None) => Shape::Neither("says nothing of where the value comes from: take is missing"),
            (_, Some(_), Some(_)) => {
                Shape::Neither("has product and value, and what belongs to either stands within it")
            }
            _ => Shape::Neither("needs both product and value"),
        }
    }
}

/// What is written as a word, or as something longer.
trait Written<'de>: Sized {
    /// What is expected, in words.
    const EXPECTED: &'static str;

    fn word(word: String) -> Option<Self>;

    fn list<A: SeqAccess<'de>>(_: A) -> Result<Option<Self>, A::Error> {
        Ok(None)
    }

    fn table<A: MapAccess<'de>>(_: A) -> Result<Option<Self>, A::Error> {
        Ok(None)
    }
}

/// By hand, because serde's untagged enums lose the places of what they hold.
struct WrittenVisitor<T>(PhantomData<T>);

impl<'de, T: Written<'de>> Visitor<'de> for WrittenVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<T, E> {
        T::word(word.to_owned()).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Str("a text"), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        T::word(number.to_string()).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Signed(number), &self))
    }

    fn visit_bool<E: Error>(self, is: bool) -> Result<T, E> {
        T::word(is.to_string()).ok_or_else(|| E::invalid_type(serde::de::Unexpected::Bool(is), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<T, A::Error> {
        T::list(list)?.ok_or_else(|| A::Error::invalid_type(serde::de::Unexpected::Seq, &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<T, A::Error> {
        T::table(table)?.ok_or_else(|| A::Error::invalid_type(serde::de::Unexpected::Map, &self))
    }
}

macro_rules! written {
    ($($name:ty),*) => {
        $(impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(WrittenVisitor(PhantomData))
            }
        })*
    };
}

written!(Literal, Words, Meanings, Take, Field, Header);

impl Written<'_> for Literal {
    const EXPECTED: &'static str = "a text, a whole number, true or false";

    fn word(word: String) -> Option<Self> {
        Some(Self(word))
    }
}

impl<'de> Written<'de> for Words {
    const EXPECTED: &'static str = "a text or a list of texts";

    fn word(word: String) -> Option<Self> {
        Some(Self::One(word))
    }

    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok(Some(Self::More(words)))
    }
}

impl<'de> Written<'de> for Meanings {
    const EXPECTED: &'static str = "a table such as { theirs = \"ours\" }, or the name of one";

    fn word(word: String) -> Option<Self> {
        Some(Self::Named(word))
    }

    fn table<A: MapAccess<'de>>(mut table: A) -> Result<Option<Self>, A::Error> {
        let mut meanings = BTreeMap::new();
        while let Some((theirs, ours)) = table.next_entry()? {
            meanings.insert(theirs, ours);
        }
        Ok(Some(Self::Here(meanings)))
    }
}

impl<'de> Written<'de> for Take {
    const EXPECTED: &'static str = "a place such as \"/payload/id\", a value, or { take = … }";

    fn word(word: String) -> Option<Self> {
        Some(Self::Plain(Literal(word)))
    }

    fn table<A: MapAccess<'de>>(table: A) -> Result<Option<Self>, A::Error> {
        TakeTable::deserialize(MapAccessDeserializer::new(table)).map(|table| Some(Self::Table(table)))
    }
}

impl<'de> Written<'de> for Field {
    const EXPECTED: &'static str = Take::EXPECTED;

    fn word(word: String) -> Option<Self> {
        Some(Self::Plain(Literal(word)))
    }

    fn table<A: MapAccess<'de>>(table: A) -> Result<Option<Self>, A::Error> {
        FieldTable::deserialize(MapAccessDeserializer::new(table)).map(|table| Some(Self::Table(Box::new(table))))
    }
}

impl<'de> Written<'de> for Header {
    const EXPECTED: &'static str = "the name of a header, or { name = \"x-signature\", entry = \"v1\" }";

    fn word(word: String) -> Option<Self> {
        Some(Self::Whole(word))
    }

    fn table<A: MapAccess<'de>>(table: A) -> Result<Option<Self>, A::Error> {
        HeaderEntry::deserialize(MapAccessDeserializer::new(table)).map(|entry| Some(Self::Entry(entry)))
    }
}

macro_rules! described {
    ($($name:ident: $description:literal, [$($branch:ty),*];)*) => {
        $(impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut branches: Vec<Schema> = Vec::new();
                $(branches.push(generator.subschema_for::<$branch>());)*
                json_schema!({"description": $description, "anyOf": branches})
            }
        })*
    };
}

described! {
    Literal: "A text, a whole number, true or false.", [String, i64, bool];
    Words: "One or several.", [Literal, Vec<Literal>];
    Meanings: "What values mean here, or the name of a list below [names].", [String, BTreeMap<String, Literal>];
    Take: "A place, a value, or a place with what is made of it.", [Literal, TakeTable];
    Field: "A place, a value, a place with what is made of it, or product and value.", [Literal, FieldTable];
    Header: "A header, or an entry of one.", [String, HeaderEntry];
}
