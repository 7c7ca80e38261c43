//! What the TOML reader refuses, in the words of whoever writes a playbook.
//!
//! Never repeats an address: the reader repeats the value that it refuses.

use toml::de::Error;

use crate::problem::{Findings, Page, nearest, quoted};

/// Notes what the TOML reader refused; `start` stands in when it does not say where.
pub(crate) fn note(page: Page<'_>, error: &Error, start: usize, findings: &mut Findings) {
    let span = error.span().unwrap_or(start..start);
    let written = page.text.get(span.clone()).unwrap_or_default();
    let message = error.message();
    let reason = of_text(message, written).unwrap_or_else(|| of_value(message));
    let problem = findings.error(page.at(span.start), reason);
    problem.suggestion = meant(message).map(|word| format!("did you mean \"{word}\"?"));
}

/// The field that a message says is missing.
pub(super) fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The word that was probably meant by one that is not known. serde names the unknown word first and what it expected after
/// it, each in backticks.
pub(super) fn meant(message: &str) -> Option<String> {
    let mut words = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    nearest(unknown, words).map(str::to_owned)
}

/// What is no TOML; `written` is what stands there.
fn of_text(message: &str, written: &str) -> Option<String> {
    let of = |beginnings: &[&str]| beginnings.iter().any(|beginning| message.starts_with(beginning));
    Some(if of(&["string values must be quoted"]) {
        match written.chars().next() {
            None => "nothing stands behind the =: write a value, or leave the line out".to_owned(),
            Some('“' | '”' | '„' | '‘' | '’' | '«' | '»') => {
                "a text stands in straight quotes, as in \"halve\": these are curly".to_owned()
            }
            Some(_) => format!("{} is neither a number nor a text in quotes", quoted(written)),
        }
    } else if of(&["invalid basic string", "invalid literal string", "missing opening quote"]) {
        "a text has one quote only: it stands between two, on one line".to_owned()
    } else if of(&["invalid multi-line"]) {
        "a text that begins with three quotes is not closed by three".to_owned()
    } else if of(&["key with no value"]) {
        "a name without its value: write both, as in threshold = 5".to_owned()
    } else if of(&["duplicate key"]) {
        format!("{} stands here a second time", quoted(written))
    } else if of(&["invalid unquoted key"]) {
        format!(
            "{} stands in a name or behind it: a name is letters, digits, - and _, and then comes =",
            quoted(written)
        )
    } else if of(&["missing escaped value"]) {
        "a backslash has a meaning of its own between double quotes: put the text between single ones".to_owned()
    } else if of(&["unexpected leading zero"]) {
        "a number does not begin with 0".to_owned()
    } else if of(&["invalid boolean"]) {
        format!("{} is neither true nor false, and a text stands in quotes", quoted(written))
    } else if of(&["unexpected key or value"]) {
        "something stands behind the value: each name with its value has its own line".to_owned()
    } else {
        return None;
    })
}

/// A value that does not fit where it stands.
fn of_value(message: &str) -> String {
    let is_number = ["invalid type: integer", "invalid value: integer", "integer number"];
    let is_long =
        |message: &str| ["as i128", "as u128", "invalid value", "overflowed"].iter().any(|is| message.contains(is));
    if is_number.iter().any(|is| message.starts_with(is)) && is_long(message) {
        return "the number is too long: a whole number has at most 18 digits".to_owned();
    }
    // From an enumeration of words.
    if message.starts_with("wanted ") || message.starts_with("expected table, found") {
        return "expected a single word in quotes".to_owned();
    }
    // The reader repeats the value that it refuses, and that may be an address.
    if message.contains('@') {
        return "a value of the wrong type".to_owned();
    }
    let mut reason = message.replace('`', "\"").replace('\n', " ");
    for (theirs, ours) in WORDS {
        reason = reason.replace(theirs, ours);
    }
    match reason.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a table"),
        None => reason,
    }
}

/// What the reader calls things, and what whoever writes a playbook calls them.
const WORDS: [(&str, &str); 7] = [
    ("invalid type: sequence", "invalid type: list"),
    ("unknown variant", "unknown value"),
    ("invalid type: map", "invalid type: table"),
    ("floating point", "fraction"),
    ("expected a sequence", "expected a list"),
    ("expected a map", "expected a table"),
    ("expected i64", "expected a whole number"),
];
