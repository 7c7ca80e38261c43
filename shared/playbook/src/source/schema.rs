//! The JSON Schema of `playbook.toml`: what an editor completes and explains.
//!
//! Made of the structures beside it, so that it cannot know another playbook than [`super::read`] does. It sees less than
//! [`crate::check`]: what one value says of another is beyond a schema. What the check lets through, it lets through.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Source;
use crate::check::MOST_POINTS;
use crate::compile::WEEKDAYS;

/// What an id looks like.
pub(super) const ID: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";

/// The schema of the whole file.
pub(crate) fn schema() -> Value {
    schema_of::<Source>()
}

/// The schema of a file.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(plain));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Adds the one name that is no section, and says which sections a playbook cannot do without.
pub(super) fn root(schema: &mut Schema) {
    let format = json!({"description": "The format of this file: 1.", "const": 1});
    let mut properties = Map::from_iter([("format".to_owned(), format)]);
    if let Some(Value::Object(sections)) = schema.get("properties") {
        properties.extend(sections.clone());
    }
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("required".to_owned(), json!(["format", "company", "team", "product", "sla", "goals"]));
}

/// TOML has no null and no sizes of integers, an editor breaks lines where it wants, and what a table's fields are by default, they say.
fn plain(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let is_of_fields = |value: &Value| value.as_object().is_some_and(|fields| !fields.is_empty());
    object.retain(|name, value| match name.as_str() {
        "format" => value != "int64",
        "default" => !value.is_null() && !is_of_fields(value),
        _ => true,
    });
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    without_null_branch(object);
}

/// `anyOf` of something and null is that something.
fn without_null_branch(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get("anyOf") else { return };
    let left: Vec<&Value> = branches.iter().filter(|branch| branch["type"] != "null").collect();
    if let ([Value::Object(only)], true) = (&left[..], left.len() < branches.len()) {
        let only = only.clone();
        object.retain(|name, _| name != "anyOf");
        object.extend(only);
    }
}

/// Points by name, as a schema only.
pub(super) struct PointsTable;

impl JsonSchema for PointsTable {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Points".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": -MOST_POINTS, "maximum": MOST_POINTS}
        })
    }
}

/// A day of the week, as a schema only.
pub(super) struct Weekday;

impl JsonSchema for Weekday {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Weekday".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": WEEKDAYS.map(|(name, _)| name)})
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::reading::SECTIONS;
    use super::schema;

    #[test]
    fn it_knows_the_sections_that_are_read() {
        let schema = schema();
        let properties: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(properties, BTreeSet::from(SECTIONS));
    }

    #[test]
    fn everything_in_it_is_described() {
        let schema = schema();
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            let fields = definition["properties"].as_object().into_iter().flatten();
            for (field, value) in fields.chain([(name, definition)]) {
                assert!(value["description"].is_string(), "{name}: {field}");
            }
        }
    }
}
