//! JSON that others have written, and what is said of it if it cannot be read. Of serde_json's message only kind and
//! place: the rest may quote the text.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::{FieldError, wrong};

/// Reads an object.
pub(crate) fn read_object(text: &str) -> Result<Map<String, Value>, FieldError> {
    read(text, "is not a JSON object that can be read")
}

/// Reads any value.
pub(crate) fn read_value(text: &str) -> Result<Value, FieldError> {
    read(text, "is not JSON that can be read")
}

/// Whether a text is JSON at all: nothing is made of it, however long it is. How deep it is nested is not asked.
pub(crate) fn is_json(text: &str) -> Result<(), FieldError> {
    read::<IgnoredAny>(text, "is not JSON that can be read").map(drop)
}

fn read<T: DeserializeOwned>(text: &str, otherwise: &str) -> Result<T, FieldError> {
    serde_json::from_str(text).map_err(|error| {
        let kind = if error.is_eof() {
            "ends too early"
        } else if error.to_string().starts_with("recursion limit exceeded") {
            "is nested 128 levels deep or more"
        } else {
            otherwise
        };
        wrong("body", format!("{kind}, line {} column {}", error.line(), error.column()))
    })
}
