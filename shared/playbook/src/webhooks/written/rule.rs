//! A rule as it is written: fixed names, and the fields of whatever it becomes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::source::{Placed, Text};
use crate::sources::native::{BY_PRODUCT, TYPES};

use super::{Field, Words};

/// What a rule becomes that leaves events aside.
pub(in crate::webhooks) const IGNORED: &str = "ignored";

/// What events of some kinds mean.
#[derive(Debug, Default)]
pub(in crate::webhooks) struct Rule {
    /// The kinds of event it is for.
    pub kinds: Option<Placed<Words>>,
    /// Further conditions.
    pub when: BTreeMap<Text, Placed<Words>>,
    /// The list through which it goes.
    pub for_each: Option<Text>,
    /// What it becomes.
    pub becomes: Option<Text>,
    /// Every other name: what it becomes says which of them are fields.
    pub fields: BTreeMap<Text, Placed<Field>>,
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RuleVisitor)
    }
}

struct RuleVisitor;

impl<'de> Visitor<'de> for RuleVisitor {
    type Value = Rule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("struct Rule")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Rule, A::Error> {
        let mut rule = Rule::default();
        while let Some(name) = table.next_key::<Text>()? {
            match name.get_ref().as_str() {
                "type" => rule.kinds = Some(table.next_value()?),
                "when" => rule.when = table.next_value()?,
                "for_each" => rule.for_each = Some(table.next_value()?),
                "becomes" => rule.becomes = Some(table.next_value()?),
                _ => drop(rule.fields.insert(name, table.next_value()?)),
            }
        }
        Ok(rule)
    }
}

impl JsonSchema for Rule {
    fn schema_name() -> Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (words, field) = (generator.subschema_for::<Words>(), generator.subschema_for::<Field>());
        let when = json!({"type": "object", "additionalProperties": words});
        let mut properties = Map::new();
        let mut add = |name: &str, schema: Value, description: String| {
            let mut schema = schema;
            schema["description"] = description.into();
            properties.insert(name.to_owned(), schema);
        };
        let own = |text: &str| text.to_owned();
        add("type", words.to_value(), own("The kinds of event it is for. Default: every kind."));
        add(
            "when",
            when,
            own(
                "Further conditions: what must stand at each place, such as { \"/status\" = [\"won\", \"lost\"] }; one that begins with ./ picks elements of for_each.",
            ),
        );
        add(
            "for_each",
            json!({"type": "string"}),
            own("The list that the rule goes through, one statement for each element."),
        );
        let names: Vec<&str> = TYPES.iter().map(|native| native.name).chain([IGNORED]).collect();
        add(
            "becomes",
            json!({"type": "string", "enum": names}),
            own("What such an event is; ignored: it is left aside."),
        );
        for name in TYPES.iter().flat_map(|native| native.fields()) {
            let types = TYPES.iter().filter(|native| native.fields().any(|field| field == name));
            let types: Vec<&str> = types.map(|native| native.name).collect();
            let by_product = if BY_PRODUCT.contains(&name) { " With product and value." } else { "" };
            add(name, field.clone().to_value(), format!("For {}.{by_product}", types.join(", ")));
        }
        json_schema!({
            "description": "What events of some kinds mean. A text that begins with / is a place in the event, one that begins with ./ a place in the element; any other is the value itself.",
            "type": "object",
            "properties": properties,
            "required": ["becomes"],
            "additionalProperties": false
        })
    }
}
