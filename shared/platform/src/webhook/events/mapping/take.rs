//! Taking one value out of a message.

use jiff::Timestamp;
use perennial_playbook::sources::{Origin, Take, TimeUnit};
use serde_json::Value;

use super::super::message::{Message, Scalar, scaled};

/// Why there is no value.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Missing {
    /// There is nothing at any of the places, or nothing that means something. Only required fields mind.
    Nothing(String),
    /// There is something that cannot be used.
    Unusable(String),
}

/// A value: a text, or null for one that is empty on purpose, which empties the field.
pub(super) fn value(take: &Take, message: &Message<'_>, element: Option<&str>) -> Result<Value, Missing> {
    let mut unlisted = None;
    for origin in &take.from {
        let (place, name) = match origin {
            Origin::Text(text) => return Ok(literal(text)),
            Origin::Event(pointer) => (pointer.clone(), pointer.clone()),
            Origin::Element(pointer) => {
                let rest = pointer.strip_prefix('.').unwrap_or(pointer);
                (format!("{}{rest}", element.unwrap_or_default()), format!(".{rest}"))
            }
        };
        match message.scalar(&place) {
            Scalar::Nothing => {}
            Scalar::Compound => {
                return Err(Missing::Unusable(format!("neither text nor number, true or false at {name}")));
            }
            Scalar::Text(text) if take.is.is_empty() => return converted(take, &text, &name).map(Value::String),
            Scalar::Text(text) => match take.is.get(&text) {
                Some(meaning) => return Ok(literal(meaning)),
                None => unlisted = unlisted.or(Some(name)),
            },
        }
    }
    match (&take.otherwise, unlisted) {
        (Some(otherwise), _) => Ok(literal(otherwise)),
        (None, Some(name)) => Err(Missing::Nothing(format!("what stands at {name} is not listed"))),
        (None, None) => Err(Missing::Nothing(format!("nothing at {}", names(take).join(" or ")))),
    }
}

fn names(take: &Take) -> Vec<String> {
    let name = |origin: &Origin| match origin {
        Origin::Text(_) => None,
        Origin::Event(pointer) => Some(pointer.clone()),
        Origin::Element(pointer) => Some(format!(".{}", pointer.strip_prefix('.').unwrap_or(pointer))),
    };
    take.from.iter().filter_map(name).collect()
}

/// What the playbook says itself; an empty text says that there is nothing.
fn literal(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::String(text.to_owned()) }
}

/// A value as its unit and factor make it.
fn converted(take: &Take, text: &str, name: &str) -> Result<String, Missing> {
    let unusable = |what: String| Missing::Unusable(format!("{what} at {name}"));
    let text = match take.times {
        None => text.to_owned(),
        Some(times) => {
            let product = scaled(text, i128::from(times)).and_then(|product| i64::try_from(product).ok());
            product.ok_or_else(|| unusable(format!("no number that times {times} is whole")))?.to_string()
        }
    };
    let Some(unit) = take.unit else { return Ok(text) };
    let (nanoseconds, unit) = match unit {
        TimeUnit::Seconds => (1_000_000_000, "seconds"),
        TimeUnit::Milliseconds => (1_000_000, "milliseconds"),
    };
    let at = scaled(&text, nanoseconds).and_then(|at| Timestamp::from_nanosecond(at).ok());
    Ok(at.ok_or_else(|| unusable(format!("no time in {unit} since 1970")))?.to_string())
}

/// The instant that a value is.
pub(in super::super) fn instant(take: &Take, message: &Message<'_>) -> Result<Timestamp, Missing> {
    match value(take, message, None)? {
        Value::String(text) => {
            text.parse().map_err(|_| Missing::Unusable(format!("no RFC 3339 instant at {}", names(take).join(" or "))))
        }
        _ => Err(Missing::Nothing("nothing".to_owned())),
    }
}
