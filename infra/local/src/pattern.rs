//! EventBridge patterns, which are also the filters of event sources.
//!
//! Owns what a pattern means. It never guesses: an operator it does not know is an error when the pattern is read, not
//! a silent mismatch when an event comes.

use serde_json::Value;
use thiserror::Error;

/// A compiled pattern: every named field has to match.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    fields: Vec<(String, Field)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Nested(Pattern),
    AnyOf(Vec<Matcher>),
}

#[derive(Debug, Clone, PartialEq)]
enum Matcher {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    Exists(bool),
    AnythingBut(Vec<Matcher>),
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// Why a pattern cannot be used. `at` is the path of the field.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("pattern field `{at}`: {reason}")]
pub struct PatternError {
    /// The field, dotted.
    pub at: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Anything that is not a map of fields to lists, an empty list, or an operator this world does not implement.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        Self::parse_at(pattern, "")
    }

    fn parse_at(pattern: &Value, at: &str) -> Result<Self, PatternError> {
        let error = |at: &str, reason: &str| PatternError { at: at.to_owned(), reason: reason.to_owned() };
        let map = pattern.as_object().ok_or_else(|| error(at, "must be an object"))?;
        let mut fields = Vec::new();
        for (name, value) in map {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            if name == "$or" {
                return Err(error(&path, "`$or` is not implemented here"));
            }
            let field = match value {
                Value::Object(_) => Field::Nested(Self::parse_at(value, &path)?),
                Value::Array(values) if values.is_empty() => {
                    return Err(error(&path, "the list is empty"));
                }
                Value::Array(values) => Field::AnyOf(
                    values
                        .iter()
                        .map(|value| Matcher::parse(value).map_err(|reason| error(&path, &reason)))
                        .collect::<Result<_, _>>()?,
                ),
                _ => return Err(error(&path, "must be a list or an object")),
            };
            fields.push((name.clone(), field));
        }
        Ok(Self { fields })
    }

    /// Whether an event matches.
    pub fn matches(&self, event: &Value) -> bool {
        self.fields.iter().all(|(name, field)| match field {
            // A missing object is matched against nothing, so that `exists: false` can hold inside it.
            Field::Nested(nested) => nested.matches(event.get(name).unwrap_or(&Value::Null)),
            Field::AnyOf(matchers) => matchers.iter().any(|matcher| matcher.matches(event.get(name))),
        })
    }
}

impl Matcher {
    fn parse(value: &Value) -> Result<Self, String> {
        let Some(map) = value.as_object() else {
            return match value {
                Value::Array(_) => Err("lists cannot be nested".into()),
                plain => Ok(Self::Equals(plain.clone())),
            };
        };
        let Some((operator, argument)) = map.iter().next().filter(|_| map.len() == 1) else {
            return Err("an operator is an object with one field".into());
        };
        let text = || argument.as_str().map(str::to_owned).ok_or_else(|| format!("`{operator}` needs a string"));
        match operator.as_str() {
            "prefix" => text().map(Self::Prefix),
            "suffix" => text().map(Self::Suffix),
            "equals-ignore-case" => text().map(Self::EqualsIgnoreCase),
            "exists" => argument.as_bool().map(Self::Exists).ok_or_else(|| "`exists` needs true or false".into()),
            "anything-but" => match argument {
                Value::Array(values) => values.iter().map(Self::parse).collect::<Result<_, _>>().map(Self::AnythingBut),
                one => Ok(Self::AnythingBut(vec![Self::parse(one)?])),
            },
            "numeric" => argument
                .as_array()
                .filter(|parts| !parts.is_empty() && parts.len() % 2 == 0)
                .ok_or("`numeric` needs pairs of a comparison and a number")?
                .chunks(2)
                .map(|pair| {
                    let comparison = match pair[0].as_str() {
                        Some("=") => Comparison::Equal,
                        Some("<") => Comparison::Less,
                        Some("<=") => Comparison::AtMost,
                        Some(">") => Comparison::Greater,
                        Some(">=") => Comparison::AtLeast,
                        _ => return Err(format!("`numeric` does not know {}", pair[0])),
                    };
                    let number = pair[1].as_f64().ok_or("`numeric` compares with numbers")?;
                    Ok((comparison, number))
                })
                .collect::<Result<_, String>>()
                .map(Self::Numeric),
            unknown => Err(format!("the operator `{unknown}` is not implemented here")),
        }
    }

    /// Lists in events match if any element does, as on AWS; `exists` asks for the field, not for a value.
    fn matches(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Exists(expected), value) => value.is_some_and(|value| !value.is_object()) == *expected,
            (_, None | Some(Value::Object(_))) => false,
            (Self::AnythingBut(_), Some(Value::Array(values))) => values.iter().all(|value| self.matches_one(value)),
            (_, Some(Value::Array(values))) => values.iter().any(|value| self.matches_one(value)),
            (_, Some(value)) => self.matches_one(value),
        }
    }

    fn matches_one(&self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Self::Equals(expected) => match (expected.as_f64(), value.as_f64()) {
                (Some(expected), Some(value)) => expected == value,
                _ => expected == value,
            },
            Self::EqualsIgnoreCase(expected) => text.is_some_and(|text| text.to_lowercase() == expected.to_lowercase()),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::Exists(expected) => *expected,
            Self::AnythingBut(excluded) => !excluded.iter().any(|matcher| matcher.matches_one(value)),
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|value| {
                comparisons.iter().all(|(comparison, bound)| match comparison {
                    Comparison::Equal => value == *bound,
                    Comparison::Less => value < *bound,
                    Comparison::AtMost => value <= *bound,
                    Comparison::Greater => value > *bound,
                    Comparison::AtLeast => value >= *bound,
                })
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pattern_matches_what_it_says() {
        let check = |pattern: Value, event: Value, expected: bool| {
            let matches = Pattern::parse(&pattern).unwrap().matches(&event);
            assert_eq!(matches, expected, "{pattern} against {event}");
        };
        let kind = |kind: &str| json!({"dynamodb": {"NewImage": {"kind": {"S": kind}}}});
        check(json!({"dynamodb": {"NewImage": {"kind": {"S": ["engagement"]}}}}), kind("engagement"), true);
        check(json!({"dynamodb": {"NewImage": {"kind": {"S": ["engagement"]}}}}), kind("change"), false);
        check(json!({"dynamodb": {"NewImage": {"kind": {"S": ["engagement"]}}}}), json!({"dynamodb": {}}), false);
        let outbox = json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"PK": {"S": [{"prefix": "OUTBOX#"}]}}}});
        check(outbox.clone(), json!({"eventName": "INSERT", "dynamodb": {"Keys": {"PK": {"S": "OUTBOX#3"}}}}), true);
        check(outbox.clone(), json!({"eventName": "REMOVE", "dynamodb": {"Keys": {"PK": {"S": "OUTBOX#3"}}}}), false);
        check(outbox, json!({"eventName": "INSERT", "dynamodb": {"Keys": {"PK": {"S": "CONTACT#3"}}}}), false);
        check(json!({"a": ["x", "y"]}), json!({"a": "y"}), true);
        check(json!({"a": ["x"]}), json!({"a": ["w", "x"]}), true);
        check(json!({"a": [1]}), json!({"a": 1.0}), true);
        check(json!({"a": [null]}), json!({"a": null}), true);
        check(json!({"a": [null]}), json!({}), false);
        check(json!({"a": {"b": [{"exists": false}]}}), json!({}), true);
        check(json!({"a": {"b": [{"exists": true}]}}), json!({"a": {"b": 1}}), true);
        check(json!({"a": [{"anything-but": ["x", "y"]}]}), json!({"a": "z"}), true);
        check(json!({"a": [{"anything-but": "x"}]}), json!({"a": "x"}), false);
        check(json!({"a": [{"anything-but": "x"}]}), json!({}), false);
        check(json!({"a": [{"anything-but": {"prefix": "x"}}]}), json!({"a": "xy"}), false);
        check(json!({"a": [{"numeric": [">", 0, "<=", 5]}]}), json!({"a": 5}), true);
        check(json!({"a": [{"numeric": [">", 0, "<=", 5]}]}), json!({"a": 6}), false);
        check(json!({"a": [{"suffix": ".eu"}]}), json!({"a": "x.eu"}), true);
        check(json!({"a": [{"equals-ignore-case": "X"}]}), json!({"a": "x"}), true);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let reason = |pattern: Value| Pattern::parse(&pattern).unwrap_err().to_string();
        assert_eq!(
            reason(json!({"a": {"b": [{"wildcard": "x*"}]}})),
            "pattern field `a.b`: the operator `wildcard` is not implemented here"
        );
        assert_eq!(reason(json!({"a": "x"})), "pattern field `a`: must be a list or an object");
        assert_eq!(reason(json!({"$or": []})), "pattern field `$or`: `$or` is not implemented here");
        assert_eq!(reason(json!({"a": []})), "pattern field `a`: the list is empty");
    }
}
