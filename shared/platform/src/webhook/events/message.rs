//! Places in a message: values at JSON Pointers, numbers as they are written, and the elements of an array as they were sent.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{MOST_EVENTS, Unsplit};
use crate::told::{FieldError, is_json, read_value, wrong};

/// A message, as text and read.
pub(super) struct Message<'a> {
    text: &'a str,
    value: Value,
}

/// What stands at a place.
pub(super) enum Scalar {
    /// Nothing, null, or a text without a character that can be seen.
    Nothing,
    /// A text, or a number or true or false as it is written.
    Text(String),
    /// An array or an object.
    Compound,
}

impl<'a> Message<'a> {
    /// Reads a message that must be an object.
    pub(super) fn read(text: &'a str) -> Result<Self, FieldError> {
        match read_value(text)? {
            value @ Value::Object(_) => Ok(Self { text, value }),
            _ => Err(wrong("body", "is not a JSON object or an array of objects")),
        }
    }

    /// The whole, without its text.
    pub(super) fn into_value(self) -> Value {
        self.value
    }

    /// The value at a pointer.
    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        self.value.pointer(pointer)
    }

    /// What stands at a pointer, as text.
    pub(super) fn scalar(&self, pointer: &str) -> Scalar {
        match self.at(pointer) {
            None | Some(Value::Null) => Scalar::Nothing,
            Some(Value::String(text)) if text.trim().is_empty() => Scalar::Nothing,
            Some(Value::String(text)) => Scalar::Text(text.clone()),
            Some(Value::Bool(value)) => Scalar::Text(value.to_string()),
            Some(Value::Number(number)) if number.is_f64() => Scalar::Text(self.as_written(pointer, number)),
            Some(Value::Number(number)) => Scalar::Text(number.to_string()),
            Some(Value::Array(_) | Value::Object(_)) => Scalar::Compound,
        }
    }

    /// The text at a pointer, if there is a plain value.
    pub(super) fn text(&self, pointer: &str) -> Option<String> {
        if let Scalar::Text(text) = self.scalar(pointer) { Some(text) } else { None }
    }

    /// A number that is no machine integer: its digits as the sender wrote them, because a float would lose some.
    fn as_written(&self, pointer: &str, number: &serde_json::Number) -> String {
        raw(self.text, pointer).map_or_else(|| number.to_string(), str::to_owned)
    }
}

/// The text of the value at a pointer that is known to lead somewhere.
fn raw<'a>(text: &'a str, pointer: &str) -> Option<&'a str> {
    let mut at = text;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        at = if at.trim_start().starts_with('[') {
            let elements: Vec<&'a RawValue> = serde_json::from_str(at).ok()?;
            elements.get(token.parse::<usize>().ok()?)?.get()
        } else {
            members(at)?.get(token.as_str())?.get()
        };
    }
    Some(at)
}

/// The members of an object, each as it was sent; of a name that is there twice the last, as everywhere.
pub(super) fn members(text: &str) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    serde_json::from_str(text).ok()
}

/// The elements of a text that is an array, each as it was sent; `None` if it is something else.
///
/// # Errors
/// [`Unsplit`] if it cannot be read, or has more elements than a delivery may hold events.
pub(super) fn elements(text: &str) -> Result<Option<Vec<&RawValue>>, Unsplit> {
    if !text.trim_start().starts_with('[') {
        return Ok(None);
    }
    match serde_json::from_str(text) {
        Ok(Elements { more: true, .. }) => Err(Unsplit::TooMany),
        Ok(Elements { first, .. }) => Ok(Some(first)),
        // Read again for the reason alone.
        Err(_) => Err(is_json(text).err().unwrap_or_else(|| wrong("body", "is not JSON that can be read")).into()),
    }
}

/// The first elements of an array, and whether there are more: millions fit into a body, and are not all remembered.
struct Elements<'a> {
    first: Vec<&'a RawValue>,
    more: bool,
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstElements)
    }
}

struct FirstElements;

impl<'de> Visitor<'de> for FirstElements {
    type Value = Elements<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut first = Vec::new();
        while first.len() < MOST_EVENTS {
            match sequence.next_element()? {
                Some(element) => first.push(element),
                None => return Ok(Elements { first, more: false }),
            }
        }
        let mut more = false;
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok(Elements { first, more })
    }
}

/// A value in one spelling: members in alphabetical order, no spaces.
pub(super) fn canonical(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

/// Removes the value at a pointer, if there is one in an object.
pub(super) fn remove(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    let name = name.replace("~1", "/").replace("~0", "~");
    if let Some(Value::Object(members)) = value.pointer_mut(parent) {
        members.shift_remove(&name);
    }
}

/// A decimal number times `factor`, exactly; `None` if it is no number, the product is not whole, or beyond 38 digits.
pub(super) fn scaled(number: &str, factor: i128) -> Option<i128> {
    let (digits, exponent) = match number.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let product = mantissa.checked_mul(sign)?.checked_mul(factor)?;
    if product == 0 {
        return Some(0);
    }
    let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
    if exponent >= 0 {
        return product.checked_mul(power);
    }
    (product % power == 0).then_some(product / power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_multiplied_exactly_or_not_at_all() {
        for (number, factor, expected) in [
            ("19.99", 100, Some(1999)),
            ("-19.99", 100, Some(-1999)),
            ("-0.5", 100, Some(-50)),
            ("0.295", 1000, Some(295)),
            ("19.999", 100, None),
            ("1e3", 1, Some(1000)),
            ("1.5E+3", 1, Some(1500)),
            ("15e-1", 10, Some(15)),
            ("15e-1", 1, None),
            ("0e99999", 1, Some(0)),
            ("-0", 100, Some(0)),
            ("9007199254740993", 1, Some(9_007_199_254_740_993)),
            ("90071992547409.93", 100, Some(9_007_199_254_740_993)),
            ("1e39", 1, None),
            ("1e-39", 1, None),
            ("1e99999999999", 1, None),
            ("", 1, None),
            (".5", 10, None),
            ("5.", 10, None),
            ("+5", 1, None),
            ("--5", 1, None),
            ("0x5", 1, None),
            ("1 000", 1, None),
        ] {
            assert_eq!(scaled(number, factor), expected, "{number} × {factor}");
        }
    }

    #[test]
    fn a_number_is_read_as_it_is_written() {
        let text = r#"{"a": {"x/y": [1, 19.990, 123456789012345678901234567890, -0, 1e2, true, "t", null, " ", []]}}"#;
        let message = Message::read(text).unwrap();
        let read = |index: usize| message.text(&format!("/a/x~1y/{index}"));
        let seen: Vec<Option<String>> = (0..11).map(read).collect();
        let expected = ["1", "19.990", "123456789012345678901234567890", "-0", "1e2", "true", "t"];
        assert_eq!(seen[..7], expected.map(|text| Some(text.to_owned())));
        assert_eq!(seen[7..], [None, None, None, None]);
    }

    #[test]
    fn what_varies_is_left_out_of_what_is_compared() {
        let mut value: Value = serde_json::from_str(r#"{"b":1,"a":{"d":[2],"c/":3}}"#).unwrap();
        for pointer in ["/a/c~1", "/a/d/0", "/nothing/there", "/x", ""] {
            remove(&mut value, pointer);
        }
        assert_eq!(canonical(value), r#"{"a":{"d":[2]},"b":1}"#);
    }
}
