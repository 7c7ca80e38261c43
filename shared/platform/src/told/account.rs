//! The fields of an account, as `account.updated` states them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use perennial_domain::profile::{ENDS, OWNS, SEATS, SEATS_USED, USED};
use perennial_domain::segment::Attribute;
use serde_json::{Map, Value};

use super::native::{known_fields, plain};
use super::{FieldError, wrong};

/// What business is about lies between 1970 …
const SANE_FROM: i64 = 0;
/// … and 2200, in seconds since the Unix epoch.
const SANE_UNTIL: i64 = 7_258_118_400;
/// Nobody owns more products than this.
const MOST_OWNED: usize = 100;

/// The fields that are stated, as text; dates as instants, numbers as digits.
pub(super) fn fields(data: &Map<String, Value>) -> Result<BTreeMap<String, String>, FieldError> {
    let texts = ["name", "health", "owner", "size", "region", "industry", "maturity", "market", "customer_since"];
    let mut fields = known_fields(data, &texts)?;
    for attribute in [Attribute::Health, Attribute::Maturity, Attribute::Market] {
        one_of(attribute, &fields)?;
    }
    for name in ["revenue_cents", "purchases"] {
        if let Some(value) = data.get(name) {
            fields.insert(name.to_owned(), amount(value, &format!("data.{name}"))?);
        }
    }
    if let Some(since) = fields.get_mut("customer_since").filter(|since| !since.is_empty()) {
        *since = instant(since, "data.customer_since")?;
    }
    for (name, prefix) in [("owns", OWNS), ("used", USED), ("ends", ENDS)] {
        fields.extend(by_product(data, name, prefix, "date", date)?);
    }
    for (name, prefix) in [("seats", SEATS), ("seats_used", SEATS_USED)] {
        fields.extend(by_product(data, name, prefix, "number", amount)?);
    }
    Ok(fields)
}

/// Refuses a value that the attribute cannot have. An empty one empties the field.
fn one_of(attribute: Attribute, fields: &BTreeMap<String, String>) -> Result<(), FieldError> {
    let name = attribute.as_str();
    match (fields.get(name), attribute.values()) {
        (Some(value), Some(values)) if !value.is_empty() && !values.contains(&value.as_str()) => {
            Err(wrong(format!("data.{name}"), format!("is not {}", attribute.values_in_words())))
        }
        _ => Ok(()),
    }
}

/// A whole number that is not negative, in one spelling. Exports write numbers as text, so that is taken too.
pub(super) fn amount(value: &Value, path: &str) -> Result<String, FieldError> {
    let amount = match value {
        Value::Null => return Ok(String::new()),
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    let amount = amount.filter(|amount| *amount >= 0);
    amount
        .map(|amount| amount.to_string())
        .ok_or_else(|| wrong(path, format!("is not a whole number from 0 to {}", i64::MAX)))
}

/// The fields that begin with `prefix`: a product each, and what `read` makes of its value.
fn by_product(
    data: &Map<String, Value>,
    name: &str,
    prefix: &str,
    value: &str,
    read: fn(&Value, &str) -> Result<String, FieldError>,
) -> Result<BTreeMap<String, String>, FieldError> {
    let path = format!("data.{name}");
    let stated = match data.get(name) {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(stated)) if stated.len() > MOST_OWNED => {
            return Err(wrong(path, format!("has more than {MOST_OWNED} products")));
        }
        Some(Value::Object(stated)) => stated,
        Some(_) => return Err(wrong(path, format!("is not an object of product and {value}"))),
    };
    // A product is what was sent: a reason is logged, and never holds any of that.
    let within = format!("{path}.<product>");
    let field = |(product, value): (&String, &Value)| {
        Ok((format!("{prefix}{}", plain(product, &path)?), read(value, &within)?))
    };
    stated.iter().map(field).collect()
}

/// A date as an instant; `null` empties the field.
fn date(value: &Value, path: &str) -> Result<String, FieldError> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => instant(text, path),
        _ => Err(wrong(path, "is not a date")),
    }
}

/// A date or an instant, as an instant, in one spelling.
fn instant(text: &str, path: &str) -> Result<String, FieldError> {
    sane_instant(text, path).map(|at| at.to_string())
}

/// A date or an instant, as an instant.
pub(super) fn sane_instant(text: &str, path: &str) -> Result<Timestamp, FieldError> {
    let midnight = |date: Date| date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let at = text.parse::<Timestamp>().ok().or_else(|| text.parse().ok().and_then(midnight));
    let sane = at.filter(|at| (SANE_FROM..SANE_UNTIL).contains(&at.as_second()));
    sane.ok_or_else(|| wrong(path, "is not a date such as 2026-01-05, between 1970 and 2200"))
}
