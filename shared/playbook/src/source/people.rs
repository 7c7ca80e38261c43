//! Segments and personas as they are written, with the example people that test them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::schema::ID;
use super::{Number, Placed, Text};

/// A group of people who have something in common, as a named condition.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Segment {
    /// The name by which other segments and personas refer to it.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Who belongs to it, for example `role == "executive" and not owns("analytics")`.
    pub when: Text,
    /// Example people who must belong to it; the check fails if one does not.
    #[serde(default)]
    pub includes: Vec<Placed<Example>>,
    /// Example people who must not belong to it; the check fails if one does.
    #[serde(default)]
    pub excludes: Vec<Placed<Example>>,
}

/// A kind of person one writes for. A person has the first persona of the file that fits.
#[derive(Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Persona {
    /// The name by which pieces and assets refer to it.
    #[schemars(regex(pattern = ID))]
    pub id: Text,
    /// Its name in front of people.
    pub name: Text,
    /// The segment whose people have this persona.
    pub segment: Text,
}

/// An example person. What is left out is not known, except that the account is healthy and fit is worked out from the fit
/// tables.
#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Example {
    /// The role: practitioner, user, decision-maker or executive.
    pub role: Option<Text>,
    /// The title on the business card.
    pub title: Option<Text>,
    /// The size of the account: small-medium, emerging or enterprise.
    pub size: Option<Text>,
    /// The region of the account.
    pub region: Option<Text>,
    /// The industry of the account.
    pub industry: Option<Text>,
    /// How far the account is with what it bought: novice, intermediate or advanced.
    pub maturity: Option<Text>,
    /// The market of the account: b2b or consumer.
    pub market: Option<Text>,
    /// Whether the account may leave: good or at-risk.
    pub health: Option<Text>,
    /// The points of fit, 0 to 100, instead of what the fit tables give.
    pub fit: Option<Number>,
    /// The letter of the fit, A to D, instead of what the fit tables give.
    pub grade: Option<Text>,
    /// The points of interest by product.
    pub score: BTreeMap<Text, Number>,
    /// What the account earns in a year, in minor units.
    pub revenue_cents: Option<Number>,
    /// How often the account has bought.
    pub purchases: Option<Number>,
    /// For how many days it has been a customer.
    pub customer_days: Option<Number>,
    /// How many days ago the person last did anything.
    pub days_since_engagement: Option<Number>,
    /// The products that the account owns: a list, or each with the days since it was bought. In a list, each was bought when
    /// the account became a customer, or a year ago.
    pub owns: Owned,
    /// How many days ago each product was last used.
    pub used: BTreeMap<Text, Number>,
}

/// Products that are owned.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Owned {
    /// A list of products.
    Products(Vec<Text>),
    /// Products, each with the days since it was bought.
    Days(BTreeMap<Text, Number>),
}

impl Default for Owned {
    fn default() -> Self {
        Self::Products(Vec::new())
    }
}

impl Owned {
    /// The products, each with its days if they are given.
    pub fn products(&self) -> Vec<(&Text, Option<&Number>)> {
        match self {
            Self::Products(products) => products.iter().map(|product| (product, None)).collect(),
            Self::Days(days) => days.iter().map(|(product, days)| (product, Some(days))).collect(),
        }
    }
}

impl JsonSchema for Owned {
    fn schema_name() -> Cow<'static, str> {
        "Owned".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (products, days) =
            (generator.subschema_for::<Vec<Text>>(), generator.subschema_for::<BTreeMap<Text, Number>>());
        json_schema!({"description": "Products: a list, or each with days.", "anyOf": [products, days]})
    }
}

/// By hand, because serde's untagged enums lose the places of what they hold.
impl<'de> Deserialize<'de> for Owned {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OwnedVisitor)
    }
}

struct OwnedVisitor;

impl<'de> Visitor<'de> for OwnedVisitor {
    type Value = Owned;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of products, or products with days")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Owned, A::Error> {
        let mut products = Vec::new();
        while let Some(product) = list.next_element()? {
            products.push(product);
        }
        Ok(Owned::Products(products))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Owned, A::Error> {
        let mut days = BTreeMap::new();
        while let Some((product, since)) = table.next_entry()? {
            days.insert(product, since);
        }
        Ok(Owned::Days(days))
    }
}
