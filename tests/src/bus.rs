//! Whether an event on the bus keeps to the schema of its kind: `shared/platform/events/<detail type>.schema.json`.
//!
//! A consumer may rely on the schema, so an event is judged more strictly than a consumer would: a field that no schema
//! describes is a fault, too.

use std::collections::BTreeMap;

use jiff::Timestamp;
use perennial::deployment::Deployment;
use serde_json::Value;

use crate::root;

/// The committed schemas by detail type.
///
/// # Panics
/// If one cannot be read.
pub fn schemas() -> BTreeMap<String, Value> {
    let folder = root().join("shared/platform/events");
    let files = std::fs::read_dir(folder).expect("the schemas").map(|entry| entry.expect("a file").path());
    files
        .map(|file| {
            let name = file.file_name().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&file).expect("a schema");
            let kind = name.strip_suffix(".schema.json").unwrap_or_else(|| panic!("{name} is no schema"));
            (kind.to_owned(), serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

/// What is wrong with the detail of an event, field by field; nothing, if it keeps to its schema.
///
/// # Panics
/// If the schema holds a keyword that is not judged here.
pub fn faults(schema: &Value, detail: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let (Some(fields), Some(properties)) = (detail.as_object(), schema["properties"].as_object()) else {
        return vec!["is not an object".to_owned()];
    };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(name) {
            faults.push(format!("{name} is missing"));
        }
    }
    for (name, value) in fields {
        match properties.get(name) {
            None => faults.push(format!("{name} is not described")),
            Some(property) => faults.extend(unkept(property, value).map(|keyword| format!("{name}: {keyword}"))),
        }
    }
    faults
}

/// The keywords of a property that a value does not keep to.
fn unkept<'s>(property: &'s Value, value: &Value) -> impl Iterator<Item = &'s str> {
    let keeps = move |keyword: &str, rule: &Value| match keyword {
        "description" => true,
        "const" => value == rule,
        "enum" => rule.as_array().is_some_and(|allowed| allowed.contains(value)),
        "type" if rule == "string" => value.is_string(),
        "type" if rule == "integer" => value.is_i64(),
        "minimum" => value.as_i64() >= rule.as_i64(),
        "minLength" => value.as_str().map(|text| text.len() as u64) >= rule.as_u64(),
        "pattern" => fits(rule.as_str().unwrap_or_default(), value.as_str().unwrap_or_default()),
        "format" if rule == "date-time" => value.as_str().is_some_and(|text| text.parse::<Timestamp>().is_ok()),
        other => panic!("{other}: {rule}: who judges it?"),
    };
    let rules = property.as_object().into_iter().flatten();
    let unkept: Vec<&str> = rules.filter(|(name, rule)| !keeps(name, rule)).map(|(name, _)| name.as_str()).collect();
    unkept.into_iter()
}

/// The patterns that the schemas use.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern {
        "^[0-9]{4}-Q[1-4]$" => text.parse::<perennial_domain::quarter::Quarter>().is_ok(),
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" => text.parse::<jiff::civil::Date>().is_ok(),
        other => panic!("{other}: who judges it?"),
    }
}

/// Asserts that every event which this world has put on its bus keeps to its schema; how many of each kind there were.
///
/// # Panics
/// If one does not, or has none.
pub fn assert_events_keep_to_their_schemas(deployment: &Deployment) -> BTreeMap<String, usize> {
    let schemas = schemas();
    let mut kinds = BTreeMap::new();
    for event in deployment.world.bus_events().expect("the world remembers") {
        let (kind, detail) = (event.envelope["detail-type"].as_str().unwrap_or_default(), &event.envelope["detail"]);
        let schema = schemas.get(kind).unwrap_or_else(|| panic!("{kind} has no schema: {detail}"));
        assert_eq!(faults(schema, detail), Vec::<String>::new(), "{kind}: {detail}");
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}
